//! A reader's page: makes events, writes them into the ledger, and posts them through the tracker's own outbox.

use std::cell::RefCell;
use std::rc::Rc;

use tracker::{LETTERS_MAX, Outbox};
use wire::{Event, EventKind, LinkKind};

use super::flight;
use super::isolate::{Answered, Isolate};
use super::kernel::Owner;
use super::ledger::{Entry, Fate, canonical};
use super::mutant::Mutant;
use super::plan::{MINUTE_MS, SECOND_MS};
use super::world::World;

/// When a client that leaves has left.
const CLIENT_LEAVES_WITHIN_MS: u64 = 1_000;
/// Most events of one batch here.
const BATCH_EVENTS_MAX: u64 = 12;

#[derive(Debug, Clone)]
struct Letter {
    ticket: u32,
    body: Vec<u8>,
    seqs: Vec<u32>,
}

/// Where the digits of `sent_at_ms` stand in a body.
const SENT_AT: std::ops::Range<usize> = 20..33;

type Slot = Rc<RefCell<Option<Option<Answered>>>>;

/// What a page does next.
enum Next {
    /// Waits until then, or for an answer.
    Wait(Option<u64>),
    /// Closes.
    Close,
}

struct Page {
    world: Rc<World>,
    number: usize,
    portal: &'static str,
    clock_ms: i64,
    left: u64,
    next_seq: u32,
    next_seal_ms: u64,
    resume_at_ms: Option<u64>,
    outbox: Outbox,
    letters: Vec<Letter>,
    in_flight: Option<(Letter, Slot)>,
}

/// Starts the pages of a run.
pub(crate) fn open_all(world: &Rc<World>) {
    let mut left = u64::try_from(world.plan.events).unwrap_or(0);
    while left > 0 {
        let events = world.random(1, 2 * world.plan.events_per_pageview).min(left);
        left -= events;
        let begins_ms = world.random(0, world.plan.span_ms * 7 / 10);
        world.pages_open.set(world.pages_open.get() + 1);
        world.kernel.spawn(Owner::World, None, read(Rc::clone(world), begins_ms, events));
    }
}

async fn read(world: Rc<World>, begins_ms: u64, events: u64) {
    world.kernel.sleep(begins_ms).await;
    let most_ms = world.plan.reader_clock_ms;
    let clock_ms = world.random(0, 2 * most_ms).cast_signed() - most_ms.cast_signed();
    let portal = if world.rng.borrow_mut().is(500) { "g1" } else { "ge" };
    let number = world.ledger.borrow_mut().begin(world.now_ms().saturating_add_signed(clock_ms));
    let mut page = Page {
        next_seal_ms: world.now_ms(),
        world,
        number,
        portal,
        clock_ms,
        left: events,
        next_seq: 0,
        resume_at_ms: None,
        outbox: Outbox::new(),
        letters: Vec::new(),
        in_flight: None,
    };
    while let Next::Wait(until_ms) = page.turn() {
        let kernel = Rc::clone(&page.world.kernel);
        kernel.rest(until_ms).await;
    }
    page.world.pages_open.set(page.world.pages_open.get() - 1);
}

impl Page {
    /// Does what is due.
    fn turn(&mut self) -> Next {
        let now_ms = self.world.now_ms();
        self.take_answer();
        if self.left > 0 && now_ms >= self.next_seal_ms {
            self.seal();
            self.next_seal_ms = now_ms + self.world.random(100, 20 * SECOND_MS);
            if self.world.strikes(self.world.plan.hides) {
                self.hide();
            }
        }
        if self.resume_at_ms.is_some_and(|at_ms| now_ms >= at_ms) {
            self.resume_at_ms = None;
            self.outbox.resume();
        }
        if self.in_flight.is_none() {
            self.post();
        }
        let dropped = self.outbox.take_dropped();
        self.world.ledger.borrow_mut().dropped += u64::from(dropped);
        if u32::try_from(self.letters.len()).is_ok_and(|held| held > LETTERS_MAX) {
            self.world.ledger.borrow_mut().breaks("I7", &format!("a page holds {} bodies", self.letters.len()));
        }
        if self.left == 0 && self.letters.is_empty() && self.in_flight.is_none() {
            return Next::Close;
        }
        let seal_ms = (self.left > 0).then_some(self.next_seal_ms);
        let retry_in_ms = if self.in_flight.is_some() { None } else { self.outbox.retry_in_ms(monotonic_ms(now_ms)) };
        let retry_ms = retry_in_ms.map(|in_ms| now_ms + u64::from(in_ms));
        let next_ms = [seal_ms, retry_ms, self.resume_at_ms].into_iter().flatten().min();
        // Nothing to wait for means that the outbox forgot a body that nobody confirmed.
        if next_ms.is_none() && self.in_flight.is_none() {
            return Next::Close;
        }
        Next::Wait(next_ms)
    }

    /// Closes a batch, and gives it to the outbox.
    fn seal(&mut self) {
        let count = self.world.random(1, BATCH_EVENTS_MAX).min(self.left);
        self.left -= count;
        let (mut seqs, mut texts) = (Vec::new(), Vec::new());
        for place in 0..count {
            let seq = self.next_seq;
            self.next_seq += 1;
            let is_bad = place > 0 && self.world.strikes(self.world.plan.bad_events);
            let text = self.event(seq, is_bad);
            let entry = Entry { text: text.clone(), true_at_ms: self.world.now_ms(), fate: Fate::Open, is_bad };
            if let Some(pageview) = self.world.ledger.borrow_mut().pageviews.get_mut(self.number) {
                pageview.entries.push(entry);
            }
            seqs.push(seq);
            texts.push(text);
        }
        let ticket = self.outbox.admit(u32::try_from(count).unwrap_or(0));
        let body = self.body(&texts.join(","));
        self.world.note(|| format!("page seals p{}#{}", self.number, list(&seqs)));
        self.letters.push(Letter { ticket, body, seqs });
        if let Some(letter) = ticket.checked_sub(LETTERS_MAX).and_then(|ticket| self.forget(ticket)) {
            let mut ledger = self.world.ledger.borrow_mut();
            ledger.evicted += u64::try_from(letter.seqs.len()).unwrap_or(0);
            ledger.settle(self.number, &letter.seqs, Fate::Forgotten);
        }
    }

    fn event(&self, seq: u32, is_bad: bool) -> String {
        let at_ms = self.world.now_ms().saturating_add_signed(self.clock_ms);
        if is_bad {
            return format!(r#"{{"seq":{seq},"at_ms":{at_ms},"kind":"engagement","engaged_ms":1,"scroll_pct":101}}"#);
        }
        let kind = match (seq, self.world.rng.borrow_mut().below(4)) {
            (0, _) => EventKind::Pageview,
            (_, 0) => {
                EventKind::Click { href: format!("https://example.com/{seq}"), link: LinkKind::Outbound, rec_id: None, position: None }
            }
            (_, 1) => EventKind::Custom { name: "share \u{2028}\"é\"".to_owned(), props: [].into() },
            (_, _) => EventKind::Engagement { engaged_ms: u64::from(seq) * 1_000, scroll_pct: 50 },
        };
        canonical(&Event { seq, at_ms, kind })
    }

    /// A batch as the tracker writes it: the time of sending first, in a fixed place.
    fn body(&self, events: &str) -> Vec<u8> {
        let id = self.world.ledger.borrow().pageviews.get(self.number).map(|pageview| pageview.id.to_string()).unwrap_or_default();
        let (portal, number) = (self.portal, self.number);
        let head = format!(r#"{{"v":1,"sent_at_ms":1000000000000,"portal":"{portal}","pageview":"{id}","visitor":"{number:032x}""#);
        let page = format!(r#""consent":"full","page":"article","url":"https://{portal}.example/a/{number}.html","dropped":0,"bot":false"#);
        format!("{head},{page},\"events\":[{events}]}}").into_bytes()
    }

    fn post(&mut self) {
        let now_ms = self.world.now_ms();
        let Some(ticket) = self.outbox.next(false, monotonic_ms(now_ms)) else { return };
        let Some(letter) = self.stamped(ticket) else { return };
        let slot = Slot::default();
        self.world.note(|| format!("page posts p{}#{}", self.number, list(&letter.seqs)));
        self.send(&letter, Some(&slot), 0);
        if self.world.strikes(self.world.plan.posted_twice) {
            for _ in 0..self.world.random(1, 5) {
                self.send(&letter, None, self.world.random(0, SECOND_MS));
            }
        }
        self.in_flight = Some((letter, slot));
    }

    /// The page is hidden: everything goes as beacons, and comes to light again later.
    fn hide(&mut self) {
        let now_ms = self.world.now_ms();
        while let Some(ticket) = self.outbox.next(true, monotonic_ms(now_ms)) {
            let Some(letter) = self.stamped(ticket) else { return };
            let is_taken = self.world.rng.borrow_mut().is(900);
            self.world.note(|| format!("page beacons p{}#{} taken: {is_taken}", self.number, list(&letter.seqs)));
            if is_taken {
                self.send(&letter, None, 0);
            }
        }
        self.resume_at_ms = Some(now_ms + self.world.random(SECOND_MS, 5 * MINUTE_MS));
    }

    fn stamped(&mut self, ticket: u32) -> Option<Letter> {
        let sent_at_ms = self.world.now_ms().saturating_add_signed(self.clock_ms);
        let letter = self.letters.iter_mut().find(|letter| letter.ticket == ticket)?;
        let stamp = sent_at_ms.clamp(tracker::AT_MS_MIN, tracker::AT_MS_MAX).to_string();
        letter.body.splice(SENT_AT, stamp.into_bytes());
        Some(letter.clone())
    }

    fn send(&self, letter: &Letter, slot: Option<&Slot>, after_ms: u64) {
        let origin = format!("https://{}.example", self.portal);
        let waiter = slot.map(|_| self.world.kernel.current());
        let slot = slot.map_or_else(Slot::default, Rc::clone);
        let world = Rc::clone(&self.world);
        self.world.kernel.spawn(Owner::World, waiter, travel(world, after_ms, origin, letter.body.clone(), slot));
    }

    fn take_answer(&mut self) {
        let Some((letter, slot)) = self.in_flight.take() else { return };
        let Some(reply) = slot.borrow_mut().take() else {
            self.in_flight = Some((letter, slot.clone()));
            return;
        };
        let (now_ms, random) = (self.world.now_ms(), self.world.rng.borrow_mut().u8());
        self.world.note(|| format!("page hears {:?} p{}#{}", reply.as_ref().map(|reply| reply.status), self.number, list(&letter.seqs)));
        let status = match &reply {
            Some(reply) if reply.status == 503 && self.world.is(Mutant::OutboxForgetsOn5xx) => 422,
            Some(reply) => u32::from(reply.status),
            None => 0,
        };
        if let Some(reply) = reply {
            self.note_reply(&letter, &reply);
        }
        if self.outbox.settle(letter.ticket, status, monotonic_ms(now_ms), u32::from(random)) {
            self.forget(letter.ticket);
        }
    }

    /// The ledger learns what the page was told, and whether it is true.
    fn note_reply(&self, letter: &Letter, reply: &Answered) {
        let mut ledger = self.world.ledger.borrow_mut();
        match (reply.status, &reply.answer) {
            (200..=299, Some(answer)) => {
                let is_bad = |seq: &&u32| ledger.entry(self.number, **seq).is_some_and(|entry| entry.is_bad);
                let bad = letter.seqs.iter().filter(is_bad).count();
                if (answer.accepted, answer.rejected.len()) != (letter.seqs.len() - bad, bad) {
                    let what = format!("p{}: {} accepted and {} rejected", self.number, answer.accepted, answer.rejected.len());
                    ledger.breaks("I10", &what);
                }
                ledger.settle(self.number, &letter.seqs, Fate::Accepted);
            }
            (503, _) => {}
            (status, _) => ledger.breaks("I2", &format!("p{}#{} got {status}", self.number, list(&letter.seqs))),
        }
    }

    fn forget(&mut self, ticket: u32) -> Option<Letter> {
        let place = self.letters.iter().position(|letter| letter.ticket == ticket)?;
        Some(self.letters.remove(place))
    }
}

/// The way to the edge and back: a request or an answer may be lost, and an isolate may die over it.
async fn travel(world: Rc<World>, after_ms: u64, origin: String, body: Vec<u8>, slot: Slot) {
    world.kernel.sleep(after_ms + world.random(1, 300)).await;
    let reply = if world.strikes(world.plan.request_lost) { None } else { ask(&world, origin, body).await };
    world.kernel.sleep(world.random(1, 300)).await;
    let is_lost = world.strikes(world.plan.answer_lost);
    *slot.borrow_mut() = Some(reply.filter(|_| !is_lost));
}

async fn ask(world: &Rc<World>, origin: String, body: Vec<u8>) -> Option<Answered> {
    let isolate = world.rng.borrow_mut().below(world.plan.isolates);
    let answer: Rc<RefCell<Option<Answered>>> = Rc::default();
    let (inner, heard) = (Rc::clone(world), Rc::clone(&answer));
    let handler = async move {
        let reply = Isolate::new(&inner, isolate).collect(&origin, &body).await;
        *heard.borrow_mut() = reply;
    };
    let task = world.kernel.spawn(Owner::Isolate(isolate), Some(world.kernel.current()), handler);
    if world.strikes(world.plan.clients_leave) {
        flight::end_within(&Isolate::new(world, isolate), task, CLIENT_LEAVES_WITHIN_MS);
    }
    while world.kernel.is_alive(task) {
        world.kernel.rest(None).await;
    }
    answer.take()
}

/// The time as `performance.now()` gives it to the core; it may go round.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "going round is meant")]
fn monotonic_ms(now_ms: u64) -> u32 {
    now_ms as u32
}

fn list(seqs: &[u32]) -> String {
    seqs.iter().fold(String::new(), |text, seq| text + &seq.to_string() + ",")
}
