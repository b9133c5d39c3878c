//! The worker's shell, step by step as in `edge/src/handle/`: it does what the real `Delivery` says, and waits in virtual time.

use std::rc::Rc;

use edge::aws::kinesis::{self, Outcome};
use edge::breaker::{Breaker, Permit};
use edge::clock_skew;
use edge::collect::{self, Client};
use edge::day;
use edge::delivery::{Delivery, Effect, Holder, Input, Parcel, Verdict};
use edge::retry::{self, MESSAGE_BYTES_MAX};
use wire::{CollectAnswer, PortalId};

use super::mutant::Mutant;
use super::world::{World, labels};
use super::{kinesis as streams, queues, store};

/// What the page is answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) answer: Option<CollectAnswer>,
}

/// `handle/pageview.rs`: a posted body.
pub(crate) async fn collect(world: &Rc<World>, isolate: usize, origin: &str, body: &[u8]) -> Reply {
    let received_at_ms = world.edge_now_ms(isolate);
    world.kernel.sleep(world.random(0, 5)).await;
    let accepted = match collect::accept(&world.config, Some(origin), Some("text/plain"), body) {
        Ok(accepted) => accepted,
        Err(error) => return Reply { status: error.status(), answer: None },
    };
    let client = Client { ip: "192.0.2.7".to_owned(), country: "BR".to_owned(), has_fetch_site: true, ..Client::default() };
    let answer = accepted.answer();
    let portal = accepted.portal.id.clone();
    let envelope = accepted.into_envelope(&world.config, &client, "salt", received_at_ms);
    let Ok(data) = envelope.to_record() else { return Reply { status: 503, answer: None } };
    let parcel = Parcel { portal, key: envelope.edge.visitor.to_string(), data, attempts: 0, first_failed_at_ms: None };
    match deliver(world, isolate, Holder::Page, vec![parcel]).await.pop() {
        Some(Verdict::Safe) => Reply { status: 202, answer: Some(answer) },
        Some(Verdict::Kept { .. }) if world.is(Mutant::Answer202Instead503) => Reply { status: 202, answer: Some(answer) },
        Some(Verdict::Kept { .. }) | None => {
            world.count(|counts| counts.refused_503 += 1);
            Reply { status: 503, answer: None }
        }
    }
}

/// `handle/stream.rs`: what became of each record.
pub(crate) async fn deliver(world: &Rc<World>, isolate: usize, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    let Some(portal) = parcels.first().map(|parcel| parcel.portal.clone()) else { return Vec::new() };
    let queue_number = parcels.first().map_or(0, |parcel| retry::queue_of(&parcel.key, world.config.retry_queues));
    let now_ms = world.edge_now_ms(isolate);
    let permit = with_breaker(world, isolate, &portal, |breaker| Some(breaker.permit(now_ms)));
    let permit = permit.unwrap_or(Permit::Through);
    world.note(|| format!("isolate {isolate} {holder:?} {permit:?} {}", labels(parcels.iter().map(|parcel| parcel.data.as_str()))));
    let jitter = world.rng.borrow_mut().u32();
    let (mut delivery, mut effect) = Delivery::start(holder, parcels, permit, jitter, now_ms);
    loop {
        let input = match effect {
            Effect::Answer(verdicts) => return verdicts,
            Effect::Put(indexes) => {
                let parcels: Vec<_> = delivery.parcels(&indexes).cloned().collect();
                put(world, isolate, &portal, &parcels).await
            }
            Effect::Enqueue { messages, delay_s } => {
                Input::Enqueued { is_safe: enqueue(world, isolate, &portal, queue_number, messages, delay_s).await }
            }
            Effect::Spill(messages) => Input::Spilled { is_safe: spill(world, isolate, &portal, &messages).await },
        };
        effect = delivery.next(input, world.edge_now_ms(isolate));
    }
}

async fn put(world: &Rc<World>, isolate: usize, portal: &PortalId, parcels: &[Parcel]) -> Input {
    let (outcomes, service_at_ms) = call(world, isolate, portal, parcels).await;
    let outcomes = mutated(world, outcomes);
    let now_ms = world.edge_now_ms(isolate);
    with_breaker(world, isolate, portal, |breaker| breaker.report(outcomes.contains(&Outcome::Stored), now_ms));
    let offset_ms = world.with_isolate(isolate, |isolate| isolate.clock_offset_ms);
    let learnt = clock_skew::learn(&outcomes, service_at_ms, now_ms, offset_ms);
    if let Some(offset_ms) = learnt {
        world.note(|| format!("isolate {isolate} learns that its clock is {offset_ms} ms off"));
        world.with_isolate(isolate, |isolate| isolate.clock_offset_ms = offset_ms);
    }
    Input::Put { outcomes, has_learnt_skew: learnt.is_some() }
}

async fn call(world: &Rc<World>, isolate: usize, portal: &PortalId, parcels: &[Parcel]) -> (Vec<Outcome>, Option<u64>) {
    let all_failed = |reason: &str| (vec![Outcome::failed(reason); parcels.len()], None);
    let Some(portal) = world.config.portals.get(portal.as_str()) else { return all_failed("unknown_portal") };
    let pairs = parcels.iter().map(|parcel| (parcel.key.as_str(), parcel.data.as_str()));
    let offset_ms = world.with_isolate(isolate, |isolate| isolate.clock_offset_ms);
    let signed_at_ms = world.edge_now_ms(isolate).saturating_add_signed(offset_ms);
    let Ok(call) = kinesis::put_records(&world.config.kinesis, &portal.events_stream(), pairs, signed_at_ms) else {
        return all_failed("no_credentials");
    };
    match streams::send(world, call).await {
        Ok(answer) => (kinesis::outcomes(parcels.len(), answer.status, &answer.body), answer.at_ms),
        Err(reason) => all_failed(&reason),
    }
}

pub(crate) async fn enqueue(
    world: &Rc<World>,
    isolate: usize,
    portal: &PortalId,
    queue_number: u32,
    messages: Vec<String>,
    delay_s: u32,
) -> bool {
    if world.is(Mutant::EnqueueSkipped) {
        return true;
    }
    for batch in retry::batches(messages) {
        let is_too_long = batch.iter().any(|text| text.len() > MESSAGE_BYTES_MAX);
        let is_safe =
            if is_too_long { spill(world, isolate, portal, &batch).await } else { queues::send(world, queue_number, batch, delay_s).await };
        if !is_safe {
            return false;
        }
    }
    true
}

/// Whether the store confirmed the messages, as one object.
pub(crate) async fn spill(world: &Rc<World>, isolate: usize, portal: &PortalId, messages: &[String]) -> bool {
    if world.is(Mutant::SpillNotWritten) {
        return true;
    }
    let random = world.rng.borrow_mut().u32();
    let key = day::key(&retry::spill_prefix(portal), world.edge_now_ms(isolate), random);
    world.note(|| format!("isolate {isolate} spills {}", labels(messages.iter().map(String::as_str))));
    world.count(|counts| counts.spilled += u64::try_from(messages.len()).unwrap_or(0));
    store::put(world, &key, retry::to_object(messages)).await.is_ok()
}

fn with_breaker<T: Default>(world: &World, isolate: usize, portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T {
    world.with_isolate(isolate, |isolate| act(isolate.breakers.entry(portal.clone()).or_default()))
}

/// What a planted bug makes of the outcomes.
fn mutated(world: &World, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let says = |outcomes: &[Outcome], code: &str| outcomes.contains(&Outcome::failed(code));
    if world.is(Mutant::FailedIndexOffByOne) {
        outcomes.rotate_right(1);
    }
    if world.is(Mutant::WholeBatchSentAgain)
        && let Some(failed) = outcomes.iter().find(|outcome| **outcome != Outcome::Stored).cloned()
    {
        outcomes.fill(failed);
    }
    let is_believed = world.is(Mutant::WrongCountIsSuccess) && says(&outcomes, "wrong_count")
        || world.is(Mutant::TimeoutIsSuccess) && says(&outcomes, "unreadable_answer");
    if is_believed {
        outcomes.fill(Outcome::Stored);
    }
    outcomes
}
