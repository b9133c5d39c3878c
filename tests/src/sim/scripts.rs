//! Rows of the fault matrix that need more than a plan: exact batches, exact sizes, a kill at every await point.

use std::rc::Rc;

use edge::collect::{self, Client};
use edge::delivery::stream;
use edge::retry::MESSAGE_BYTES_MAX;
use edge::salt::Salt;
use wire::{Event, EventKind, PortalId, RetryHeader, RetryMessage};

use super::isolate::Isolate;
use super::kernel::Owner;
use super::ledger::{Entry, Fate, Poison, canonical};
use super::plan::{MINUTE_MS, Outage, Part, Plan, PutFault, SECOND_MS, SendFault};
use super::queues;
use super::rng::Rng;
use super::run::{self, Played};
use super::world::{T0_MS, World};

/// Row 3: of n records k fail; only those are sent again.
pub(crate) fn k_of_n() -> Vec<String> {
    let mut broken = Vec::new();
    for n in 1..=20_usize {
        for k in 1..=n {
            let stored: Vec<bool> = (0..n).map(|index| (index * 7 + k) % n >= k).collect();
            broken.extend(batch_of(&stored).into_iter().map(|what| format!("{k} of {n}: {what}")));
        }
    }
    broken
}

/// Row 20: of n messages the i-th fails; the others are acknowledged.
pub(crate) fn one_of_a_hundred() -> Vec<String> {
    let one = |failing: usize| (0..100).map(|index| index != failing).collect::<Vec<bool>>();
    (0..100).flat_map(|failing| batch_of(&one(failing)).into_iter().map(move |what| format!("message {failing}: {what}"))).collect()
}

/// One consumer's batch, of which the first call stores what `stored` says and the second everything.
fn batch_of(stored: &[bool]) -> Vec<String> {
    let mut plan = Plan::fair(0);
    (plan.batch_max, plan.has_full_batches) = (100, true);
    let failing = stored.iter().filter(|is_stored| !**is_stored).count();
    let played = run::play(plan, Rng::new(7), None, false, |world| {
        world.script.borrow_mut().push_back(stored.to_vec());
        for _ in stored {
            if let Some(text) = message(world) {
                queues::enter(world, 0, &text, 0);
            }
        }
    });
    let Some(played) = played else { return vec!["no configuration".to_owned()] };
    let mut broken = played.broken;
    let retried = u64::try_from(failing).unwrap_or(0);
    let count = u64::try_from(stored.len()).unwrap_or(0);
    if (played.totals.counts.retried, played.totals.streamed) != (retried, count) {
        broken.push(format!("{} retried and {} streamed", played.totals.counts.retried, played.totals.streamed));
    }
    broken
}

/// A message with a true record, of which the page was told 202.
fn message(world: &Rc<World>) -> Option<String> {
    let mut ledger = world.ledger.borrow_mut();
    let number = ledger.begin(T0_MS);
    let text = canonical(&Event { seq: 0, at_ms: T0_MS, kind: EventKind::Pageview });
    let pageview = ledger.pageviews.get_mut(number)?;
    let (id, fate) = (pageview.id, Fate::Accepted);
    pageview.entries.push(Entry { text: text.clone(), true_at_ms: T0_MS, fate, is_bad: false });
    let head = format!(r#"{{"v":1,"sent_at_ms":{T0_MS},"portal":"g1","pageview":"{id}","visitor":"{number:032x}","consent":"full""#);
    let body = format!(r#"{head},"page":"article","url":"https://g1.example/a","events":[{text}]}}"#);
    let accepted = collect::accept(&world.config, Some("https://g1.example"), Some("text/plain"), body.as_bytes()).ok()?;
    let envelope = accepted.into_envelope(&world.config, &Client::default(), &Salt::shared("salt"), T0_MS);
    let header = RetryHeader {
        v: 1,
        portal: PortalId::parse("g1")?,
        key: envelope.edge.visitor.to_string(),
        attempts: 1,
        first_failed_at_ms: T0_MS,
        reason: "status_500".to_owned(),
    };
    RetryMessage { header, record: envelope.to_record().ok()? }.to_text().ok()
}

/// Row 18: messages at their limits leave in sends that the queue takes, and what no queue takes is set aside.
pub(crate) fn sizes() -> Vec<String> {
    let mut broken = Vec::new();
    let limit = MESSAGE_BYTES_MAX;
    for (count, bytes) in [(99, 10), (100, 10), (101, 10), (100, 2_560), (100, 2_561), (201, 1_300)] {
        broken.extend(sizes_of(&vec![bytes; count]));
    }
    for difference in 0..=8 {
        broken.extend(sizes_of(&[limit - 4 + difference]));
        broken.extend(sizes_of(&[limit - 4 + difference, 50, limit]));
        broken.extend(sizes_of(&[limit, limit - 4 + difference, limit, 30]));
        broken.extend(sizes_of(&[128_000, 256_000 - 4 + difference, 20]));
    }
    broken
}

/// Texts of these sizes are no messages: each has to come out as a dead letter with its whole body.
fn sizes_of(sizes: &[usize]) -> Vec<String> {
    let text = |(index, bytes): (usize, &usize)| format!("{index:03}{}", "x".repeat(bytes.saturating_sub(3)));
    let texts: Vec<String> = sizes.iter().enumerate().map(text).collect();
    let played = run::play(Plan::fair(0), Rng::new(11), None, false, |world| {
        let poison = texts.iter().map(|text| Poison { body: text.clone(), reason: "undecodable" });
        world.ledger.borrow_mut().poison.extend(poison);
        let sender = Rc::clone(world);
        let Some(portal) = world.config.portals.iter().next().map(|portal| portal.id.clone()) else { return };
        world.kernel.spawn(Owner::Isolate(0), None, async move {
            if !stream::enqueue(&Isolate::new(&sender, 0), &portal, 0, texts, 0).await {
                sender.ledger.borrow_mut().breaks("I1", "a send on a fair day failed");
            }
        });
    });
    played.map_or_else(|| vec!["no configuration".to_owned()], |played| played.broken)
}

/// Row 11: the edge's clock is wrong; one extra attempt sets it right.
pub(crate) fn skews(seeds: u64) -> Vec<String> {
    let mut broken = Vec::new();
    for minutes in [4_i64, 6, 15, 1_440, -4, -6, -15, -1_440] {
        for seed in 0..seeds {
            let mut plan = Plan::fair(100);
            plan.isolates = 1;
            plan.edge_clocks_ms = vec![minutes * 60_000];
            let Some(played) = run::play(plan, Rng::new(seed), None, false, |_| {}) else { continue };
            broken.extend(played.broken.iter().map(|what| format!("{minutes} min, seed {seed}: {what}")));
            // Those under way together with the first one find the clock already set, and go through the queue.
            if played.totals.counts.refused_503 > 0 || played.totals.counts.retried > 0 {
                broken.push(format!("{minutes} min, seed {seed}: {:?}", played.totals));
            }
        }
    }
    broken
}

/// Row 19: the isolate dies at each await point of a small run in which puts, sends and the store fail.
pub(crate) fn kill_everywhere(seed: u64) -> (u64, Vec<String>) {
    let Some(unharmed) = small(seed, None) else { return (0, vec!["no configuration".to_owned()]) };
    let mut broken = unharmed.broken;
    for number in 1..=unharmed.awaits {
        if let Some(played) = small(seed, Some(number)) {
            broken.extend(played.broken.into_iter().map(|what| format!("seed {seed}, killed at await {number}: {what}")));
        }
    }
    (unharmed.awaits, broken)
}

fn small(seed: u64, kill_at_await: Option<u64>) -> Option<Played> {
    let mut plan = Plan::fair(20);
    plan.isolates = 1;
    plan.span_ms = MINUTE_MS;
    plan.kill_at_await = kill_at_await;
    plan.puts = vec![(PutFault::Partial, 200), (PutFault::StoredThenReset, 200), (PutFault::Reset, 200)];
    plan.sends = vec![(SendFault::Refused, 100), (SendFault::TakenThenFails, 100)];
    plan.store_fails = 100;
    let down = Part::Streams(None, PutFault::Refused(500, ""));
    plan.outages.push(Outage { part: down, from_ms: 10 * SECOND_MS, to_ms: 8 * MINUTE_MS });
    run::play(plan, Rng::new(seed), None, false, |_| {})
}

/// Row 30: a batch cut anywhere is refused with 400, and never taken in part.
pub(crate) fn truncations() -> Vec<String> {
    const BATCH: &str = include_str!("../../../wire/tests/golden/batch.json");
    let Some(config) = super::world::config(1) else { return vec!["no configuration".to_owned()] };
    let body = BATCH.trim_end().as_bytes();
    let status = |end: usize| {
        let cut = body.get(..end).unwrap_or_default();
        collect::accept(&config, Some("https://g1.example"), Some("text/plain"), cut).map_or_else(|error| error.status(), |_| 202)
    };
    let taken = (0..body.len()).filter(|end| status(*end) != 400).map(|end| format!("I2: cut at {end} is answered {}", status(end)));
    taken.collect()
}
