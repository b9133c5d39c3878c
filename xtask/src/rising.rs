//! An article that begins to be read is recommended within a minute, on the running system, and what readers follow of it comes back.
//!
//! Made readers post as browsers do. The way is the whole one: worker, Kinesis, backend, learner, published model, and the worker again.
//! Here the one isolate is also the one that takes the model, and so has it at once; others read it within [`REMEMBERED`], which is why
//! that much less is granted. How long KV takes to carry it to another place is not seen here.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;
use wire::{Event, EventKind, Item, LinkKind, Meta, PageKind, PortalId, Recommendations, RecommendedItem, SetName, VisitorId};

use crate::beacon::{Beacon, Page, Random, event, now_ms, pageview_id};
use crate::stack::{self, Plan, Stack};
use crate::{pack, setup};

const PORTAL: &str = "g1";
/// What all readers come from.
const OLD: &str = "/g1/rising/old";
/// What begins to be read.
const NEW: &str = "/g1/rising/new";
/// Where on the page the list stands.
const PLACEMENT: &str = "rising";
/// Other articles that are read, twice as many as a list has: to be named is to be chosen.
const OTHERS: u64 = 20;
/// Readers of those: each reads three, and some come from the old article.
const BACKGROUND: u64 = 40;
/// Readers who go from the old article to the new one.
const READERS: u64 = 40;
/// What is promised, from the first reader's view of the new article to the last of the lists that name it.
const PROMISED: Duration = Duration::from_mins(1);
/// How long an isolate that did not take the model itself goes on with the one before.
const REMEMBERED: Duration = Duration::from_secs(15);
/// The same for what was followed: it waits for no memory of the worker.
const FEEDBACK_PATIENCE: Duration = Duration::from_secs(20);

/// What `rising` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port; the other parts take the four after it.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65530))]
    port: u16,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    pack::everything(&wasm, false)?;
    let stack = Stack::start(Plan { port: options.port, data: None, drop_nth: None })?;
    let outcome = check(stack.plan());
    stack.stop()?;
    outcome
}

/// A stack must run, of whose portal g1 these articles are not known yet.
pub(crate) fn check(plan: &Plan) -> Result<()> {
    let portal = PortalId::parse(PORTAL).context("g1 is an id")?;
    let mut town = Town {
        plan,
        portal,
        beacon: Beacon::new(plan.port),
        random: Random::from_entropy(plan.port.into()),
        old: path(OLD)?,
        new: path(NEW)?,
    };
    town.read_in_the_background()?;
    town.await_background()?;
    let begun = Instant::now();
    town.begin_to_read()?;
    town.await_new(begun)?;
    let followed = town.follow()?;
    town.await_feedback(&followed)
}

struct Town<'a> {
    plan: &'a Plan,
    portal: PortalId,
    beacon: Beacon,
    random: Random,
    old: Item,
    new: Item,
}

/// A list that was shown, and the place of it that was followed.
struct Followed {
    answer: Recommendations,
    position: u16,
}

impl Town<'_> {
    fn read_in_the_background(&mut self) -> Result<()> {
        for reader in 0..BACKGROUND {
            let visitor = self.visitor();
            if reader % 4 == 0 {
                self.read(visitor, OLD, Vec::new())?;
            }
            for nth in 0..3 {
                self.read(visitor, &format!("/g1/rising/other-{}", (reader + 7 * nth) % OTHERS), Vec::new())?;
            }
        }
        Ok(())
    }

    /// Until the lists are of what was read so far, so that the worker has fresh lists in its memory, without the new article.
    fn await_background(&self) -> Result<()> {
        let deadline = Instant::now() + PROMISED;
        loop {
            let (trending, next) = self.lists()?;
            ensure!(!names(&trending, &self.new) && !names(&next, &self.new), "{NEW} is recommended before anybody read it");
            let is_of = |answer: &Recommendations| answer.items.iter().any(|each| each.item.as_str().starts_with("/g1/rising/other-"));
            if is_of(&trending) && is_of(&next) {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "after {} s the lists name nothing of what is read: {trending:?} {next:?}",
                PROMISED.as_secs()
            );
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// Readers of the old article go on to the new one, and read that.
    fn begin_to_read(&mut self) -> Result<()> {
        for _ in 0..READERS {
            let visitor = self.visitor();
            self.read(visitor, OLD, Vec::new())?;
            self.read(visitor, NEW, vec![EventKind::Engagement { engaged_ms: 20_000, scroll_pct: 80 }])?;
        }
        Ok(())
    }

    fn await_new(&self, begun: Instant) -> Result<()> {
        let (mut trends, mut follows) = (None, None);
        while trends.is_none() || follows.is_none() {
            let (trending, next) = self.lists()?;
            let after = begun.elapsed();
            if names(&trending, &self.new) {
                trends.get_or_insert(after);
            }
            if next.items.iter().any(|each| self.is_next(each)) {
                follows.get_or_insert(after);
            }
            if after + REMEMBERED > PROMISED {
                bail!(
                    "{} s after {NEW} began to be read: in /trending since {trends:?}, after {OLD} since {follows:?}; {trending:?} {next:?}",
                    after.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let seconds = |after: Option<Duration>| after.unwrap_or_default().as_secs_f32();
        println!(
            "an article is in /trending {:.1} s after its first view, and recommended to the readers it came from after {:.1} s (promised: {} s)",
            seconds(trends),
            seconds(follows),
            PROMISED.as_secs()
        );
        Ok(())
    }

    /// Named for what readers of the old article did, not as one of the most read.
    fn is_next(&self, each: &RecommendedItem) -> bool {
        each.item == self.new && (each.why == "personal" || each.why == format!("similar:{}", self.old))
    }

    /// A reader sees the list on the old article and follows it to the new one, as the widget tells it.
    fn follow(&mut self) -> Result<Followed> {
        let visitor = self.visitor();
        let answer = self.ask(&format!("recommendations?portal={PORTAL}&item={OLD}&visitor={visitor}&limit=5"))?;
        let place = answer.items.iter().position(|each| each.item == self.new);
        let position = u16::try_from(place.with_context(|| format!("{NEW} is not among the first five: {answer:?}"))?)?;
        let items = answer.items.iter().map(|each| each.item.clone()).collect();
        let seen = EventKind::Impression { rec_id: answer.rec_id, placement: PLACEMENT.to_owned(), items };
        let href = format!("{}{NEW}", self.beacon.origin(&self.portal));
        let click = EventKind::Click { href, link: LinkKind::Internal, rec_id: Some(answer.rec_id), position: Some(position) };
        self.read(visitor, OLD, vec![seen, click])?;
        ensure!(answer.rec_id.source() == Some(answer.source), "the id of an answer names another rung than the answer: {answer:?}");
        ensure!(answer.rec_id.set() == SetName::A, "nobody published another parameter set: {answer:?}");
        Ok(Followed { answer, position })
    }

    /// Until the backend tells of exactly this list and this click.
    fn await_feedback(&self, followed: &Followed) -> Result<()> {
        let url = format!("{}/feedback?portal={PORTAL}", self.plan.backend_url());
        let (answer, place) = (&followed.answer, followed.position);
        let shown = u64::try_from(answer.items.len())?;
        let expected =
            [("lists", 1), ("lists_clicked", 1), ("items", shown), ("clicks", 1)].map(|(name, count)| (format!("/{name}"), count));
        let at_place = ["shown", "clicks"].map(|name| (format!("/positions/{place}/{name}"), 1));
        let names = [("/placement", PLACEMENT), ("/set", answer.rec_id.set().as_str()), ("/source", answer.source.as_str())];
        let is_it = |list: &Value| {
            let is_counted = |(path, count): &(String, u64)| list.pointer(path).and_then(Value::as_u64) == Some(*count);
            let is_named = |(path, name): &(&str, &str)| list.pointer(path).and_then(Value::as_str) == Some(name);
            names.iter().all(is_named) && expected.iter().chain(&at_place).all(is_counted)
        };
        let deadline = Instant::now() + FEEDBACK_PATIENCE;
        loop {
            let told: Value = serde_json::from_str(&stack::get(&url)?)?;
            let lists = told.get("lists").and_then(Value::as_array).context("/feedback has no lists")?;
            let of_it: Vec<&Value> = lists.iter().filter(|list| list.get("placement").is_some_and(|name| name == PLACEMENT)).collect();
            if matches!(of_it.as_slice(), [list] if is_it(list)) {
                println!("what was followed is in /feedback: {names:?}, place {}", place + 1);
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "/feedback does not tell of the list that was followed: {of_it:?}, answered was {answer:?}");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    /// What rises, and what comes after the old article.
    fn lists(&self) -> Result<(Recommendations, Recommendations)> {
        let next = format!("recommendations?portal={PORTAL}&item={OLD}&limit=10");
        Ok((self.ask(&format!("trending?portal={PORTAL}&limit=10"))?, self.ask(&next)?))
    }

    fn ask(&self, door: &str) -> Result<Recommendations> {
        let text = stack::get(&format!("{}/{door}", self.plan.worker_url()))?;
        serde_json::from_str(&text).with_context(|| format!("/{door} answered no list: {text}"))
    }

    fn visitor(&mut self) -> VisitorId {
        VisitorId::from_bits(self.random.next_u128())
    }

    /// One pageview with what happens in it.
    fn read(&mut self, visitor: VisitorId, article: &str, then: Vec<EventKind>) -> Result<()> {
        let at_ms = now_ms();
        let meta = Meta { title: Some(format!("Article {article}")), ..Meta::default() };
        let page = Page {
            portal: self.portal.clone(),
            pageview: pageview_id(at_ms, self.random.next_u128()),
            visitor,
            path: article.to_owned(),
            kind: PageKind::Article,
            meta: Some(meta),
        };
        let kinds = std::iter::once(EventKind::Pageview).chain(then);
        let events: Vec<Event> = (0..).zip(kinds).map(|(seq, kind)| event(seq, at_ms, kind)).collect();
        let count = events.len();
        let answer = self.beacon.post(&page, events)?;
        ensure!(answer.rejected.is_empty(), "the worker refused some of {count} events: {answer:?}");
        Ok(())
    }
}

fn names(answer: &Recommendations, item: &Item) -> bool {
    answer.items.iter().any(|each| each.item == *item)
}

fn path(text: &str) -> Result<Item> {
    Item::parse(text).with_context(|| format!("{text} is a path"))
}
