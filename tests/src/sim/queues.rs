//! Cloudflare's queues: at least once, in no order, each message acknowledged or delivered again, and given up in the end
//! (<https://developers.cloudflare.com/queues/configuration/batching-retries/>).

use std::cell::RefCell;
use std::rc::Rc;

use edge::retry::{BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, Delivered};

use super::isolate::Isolate;
use super::kernel::{Owner, TaskId};
use super::mutant::Mutant;
use super::plan::{DAY_MS, Part, SECOND_MS, SendFault};
use super::world::{World, label, labels};

/// The deadline of `edge/src/platform/queue.rs`.
const DEADLINE_MS: u64 = 5_000;
/// How long a hanging send hangs (workerd#6053).
const HANG_MS: u64 = 57_000;
/// The platform's limit for one message, which it counts with a hundred bytes of its own.
const MESSAGE_BYTES_MAX: usize = 128_000 - 100;
/// `retry_delay` and `max_concurrency` of `wrangler.toml`.
const RETRY_DELAY_MS: u64 = 30 * SECOND_MS;
const CONCURRENCY_MAX: usize = 10;
/// The dead-letter queue's own limit of deliveries; past it the platform deletes.
const DEAD_RETRIES_MAX: u32 = 100;
/// Messages older than this are deleted, wherever they are.
const RETENTION_MS: u64 = 4 * DAY_MS;

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) deliveries: u32,
    sent_at_ms: u64,
    ready_at_ms: u64,
}

/// One queue: what waits, and how many deliveries are under way.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) waiting: Vec<Message>,
    pub(crate) in_flight: usize,
    invocations: usize,
    dispatcher: TaskId,
}

/// The retry queues, and last the dead-letter queue.
#[derive(Debug)]
pub(crate) struct Queues(pub(crate) Vec<Queue>);

impl Queues {
    pub(crate) fn new(count: u32) -> Self {
        Self((0..=count).map(|_| Queue::default()).collect())
    }

    pub(crate) fn pending(&self) -> usize {
        self.0.iter().map(|queue| queue.waiting.len() + queue.in_flight).sum()
    }

    fn dead(&self) -> usize {
        self.0.len() - 1
    }
}

/// What a consumer says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Ack,
    Again(u32),
}

/// A batch in a consumer's hands.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) is_dead: bool,
    pub(crate) messages: Vec<Message>,
    pub(crate) decisions: RefCell<Vec<Option<Decision>>>,
    pub(crate) is_finished: std::cell::Cell<bool>,
}

impl Batch {
    pub(crate) fn decide(&self, index: usize, decision: Decision) {
        if let Some(slot) = self.decisions.borrow_mut().get_mut(index) {
            *slot = Some(decision);
        }
    }

    /// Its messages, as the consumer gets them.
    pub(crate) fn messages<'a>(batch: &'a Rc<Self>, world: &'a World) -> impl Iterator<Item = InHand> + 'a {
        let is = |mutant| world.is(mutant);
        (0..batch.messages.len()).map(move |index| InHand {
            batch: Rc::clone(batch),
            index,
            is_acked_early: is(Mutant::AckBeforePut),
            is_kept_acked: is(Mutant::KeptIsAcked),
        })
    }
}

/// A message in a consumer's hands.
pub(crate) struct InHand {
    batch: Rc<Batch>,
    index: usize,
    is_acked_early: bool,
    is_kept_acked: bool,
}

impl edge::delivery::world::Message for InHand {
    fn delivered(&self) -> Delivered {
        if self.is_acked_early {
            self.ack();
        }
        let message = self.batch.messages.get(self.index);
        message.map_or_else(
            || Delivered { text: String::new(), deliveries: 1 },
            |message| Delivered { text: message.text.clone(), deliveries: message.deliveries },
        )
    }

    fn ack(&self) {
        self.batch.decide(self.index, Decision::Ack);
    }

    fn again(&self, delay_s: u32) {
        self.batch.decide(self.index, if self.is_kept_acked { Decision::Ack } else { Decision::Again(delay_s) });
    }
}

/// Sends a batch; whether the queue confirmed it within the deadline.
pub(crate) async fn send(world: &Rc<World>, number: u32, texts: Vec<String>, delay_s: u32) -> bool {
    world.kernel.sleep(world.random(1, 30)).await;
    let outage = world.outage(|outage| match outage.part {
        Part::Sends(fault) => Some(fault),
        Part::Streams(..) | Part::Store => None,
    });
    let fault = outage.or_else(|| world.draw(&world.plan.sends));
    world.note(|| format!("send {} to queue {number} for {delay_s} s, fault: {fault:?}", labels(texts.iter().map(String::as_str))));
    if !matches!(fault, Some(SendFault::Refused | SendFault::Hangs)) {
        check_limits(world, &texts);
        for text in texts {
            enter(world, usize::try_from(number).unwrap_or(0), &text, u64::from(delay_s) * 1_000);
        }
    }
    let waits_ms = match fault {
        Some(SendFault::Hangs | SendFault::TakenThenHangs) => HANG_MS.min(DEADLINE_MS),
        Some(SendFault::Refused | SendFault::TakenThenFails) | None => world.random(1, 60),
    };
    world.kernel.sleep(waits_ms).await;
    fault.is_none()
}

fn check_limits(world: &World, texts: &[String]) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let is_too_long = texts.iter().any(|text| text.len() > MESSAGE_BYTES_MAX);
    if is_too_long || texts.len() > BATCH_MESSAGES_MAX || bytes > BATCH_BYTES_MAX {
        let what = format!("a send of {} messages and {bytes} bytes", texts.len());
        world.ledger.borrow_mut().breaks("I7", &what);
    }
}

/// A message enters a queue, some of them twice or with a delay of the platform's own.
pub(crate) fn enter(world: &World, number: usize, text: &str, delay_ms: u64) {
    let is_twice = world.strikes(world.plan.message_twice);
    let copies = if is_twice { world.random(2, 5) } else { 1 };
    for _ in 0..copies {
        let late_ms = if world.strikes(world.plan.message_delayed) { world.random(0, world.plan.message_delay_ms) } else { 0 };
        let now_ms = world.now_ms();
        let message = Message { text: text.to_owned(), deliveries: 0, sent_at_ms: now_ms, ready_at_ms: now_ms + delay_ms + late_ms };
        put(world, number, message);
    }
}

fn put(world: &World, number: usize, message: Message) {
    let mut queues = world.queues.borrow_mut();
    if let Some(queue) = queues.0.get_mut(number) {
        queue.waiting.push(message);
        world.kernel.wake(queue.dispatcher);
    }
}

/// Starts the delivery of every queue.
pub(crate) fn open(world: &Rc<World>) {
    let count = world.queues.borrow().0.len();
    for number in 0..count {
        let task = world.kernel.spawn(Owner::World, None, dispatch(Rc::clone(world), number));
        if let Some(queue) = world.queues.borrow_mut().0.get_mut(number) {
            queue.dispatcher = task;
        }
    }
}

async fn dispatch(world: Rc<World>, number: usize) {
    loop {
        while let Some(batch) = take(&world, number) {
            world.kernel.spawn(Owner::World, Some(world.kernel.current()), invoke(Rc::clone(&world), number, batch));
        }
        let next_ms = world.queues.borrow().0.get(number).and_then(|queue| {
            let is_free = queue.invocations < CONCURRENCY_MAX;
            queue.waiting.iter().map(|message| message.ready_at_ms).min().filter(|_| is_free)
        });
        // Up to a second more, for the batch to fill: `max_batch_timeout`.
        let until_ms = next_ms.map(|next_ms| next_ms.max(world.now_ms()) + world.random(1, SECOND_MS));
        world.kernel.rest(until_ms).await;
    }
}

/// A batch of what is due, in any order.
fn take(world: &World, number: usize) -> Option<Batch> {
    let now_ms = world.now_ms();
    let mut queues = world.queues.borrow_mut();
    let is_dead = number == queues.dead();
    let queue = queues.0.get_mut(number)?;
    if queue.invocations >= CONCURRENCY_MAX {
        return None;
    }
    let mut rng = world.rng.borrow_mut();
    rng.shuffle(&mut queue.waiting);
    let size = if world.plan.has_full_batches { world.plan.batch_max } else { 1 + rng.below(world.plan.batch_max) };
    let mut messages = Vec::new();
    let mut index = 0;
    while messages.len() < size && index < queue.waiting.len() {
        if queue.waiting.get(index).is_some_and(|message| message.ready_at_ms <= now_ms) {
            let mut message = queue.waiting.swap_remove(index);
            message.deliveries += 1;
            // The platform forgets what is too old; the ledger will tell.
            if now_ms - message.sent_at_ms < RETENTION_MS {
                messages.push(message);
            }
        } else {
            index += 1;
        }
    }
    if messages.is_empty() {
        return None;
    }
    queue.in_flight += messages.len();
    queue.invocations += 1;
    let decisions = RefCell::new(vec![None; messages.len()]);
    Some(Batch { is_dead, messages, decisions, is_finished: false.into() })
}

async fn invoke(world: Rc<World>, number: usize, batch: Batch) {
    let batch = Rc::new(batch);
    let isolate = world.rng.borrow_mut().below(world.plan.isolates);
    world.note(|| format!("queue {number} delivers to isolate {isolate}: {}", labels(batch.messages.iter().map(|m| m.text.as_str()))));
    let (consumer, its) = (Isolate::new(&world, isolate), Rc::clone(&batch));
    let handler = async move { consumer.consume(its).await };
    let task = world.kernel.spawn(Owner::Isolate(isolate), Some(world.kernel.current()), handler);
    while world.kernel.is_alive(task) {
        world.kernel.rest(None).await;
    }
    // What a dead consumer had decided may or may not have reached the platform.
    let is_heard = batch.is_finished.get() || world.rng.borrow_mut().is(500);
    let decisions = batch.decisions.borrow().clone();
    for (message, decision) in batch.messages.iter().zip(decisions) {
        settle(&world, number, message.clone(), decision.filter(|_| is_heard), batch.is_finished.get());
    }
    if let Some(queue) = world.queues.borrow_mut().0.get_mut(number) {
        queue.in_flight -= batch.messages.len();
        queue.invocations -= 1;
    }
}

fn settle(world: &World, number: usize, mut message: Message, decision: Option<Decision>, is_finished: bool) {
    let delay_ms = match decision {
        Some(Decision::Ack) => return,
        Some(Decision::Again(delay_s)) => u64::from(delay_s) * 1_000,
        // A handler that ends well acknowledges what it did not speak of.
        None if is_finished => return,
        None => RETRY_DELAY_MS,
    };
    world.count(|counts| counts.retried += 1);
    let dead = world.queues.borrow().dead();
    let most = if number == dead { DEAD_RETRIES_MAX } else { world.plan.max_retries };
    let now_ms = world.now_ms();
    if message.deliveries <= most {
        message.ready_at_ms = now_ms + delay_ms;
        put(world, number, message);
    } else if number == dead {
        world.note(|| format!("the platform DELETES {}", label(&message.text)));
    } else {
        world.count(|counts| counts.given_up += 1);
        world.note(|| format!("the platform gives up {}", label(&message.text)));
        put(world, dead, Message { deliveries: 0, sent_at_ms: now_ms, ready_at_ms: now_ms, ..message });
    }
}
