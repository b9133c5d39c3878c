//! Does what a delivery says, for whoever holds the records.

use wire::PortalId;

use super::world::World;
use super::{Delivery, Effect, Holder, Input, Parcel, Verdict};
use crate::aws::kinesis::{self, Outcome};
use crate::aws::sqs;
use crate::clock_skew;
use crate::config::Sqs;
use crate::error::Error;
use crate::retry::{self, MESSAGE_BYTES_MAX};
use wire::day;

/// What became of each record; all are of one portal, at most what one `PutRecords` takes.
pub async fn deliver(world: &impl World, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    let Some(portal) = parcels.first().map(|parcel| parcel.portal.clone()) else { return Vec::new() };
    let queue_number = parcels.first().map_or(0, |parcel| retry::queue_of(&parcel.key, world.config().retry_queues));
    let now_ms = world.now_ms();
    let permit = world.with_breaker(&portal, |breaker| breaker.permit(now_ms));
    let (mut delivery, mut effect) = Delivery::start_with(holder, parcels, permit, world.config().spill_after_ms, world.random(), now_ms);
    loop {
        let input = match &effect {
            Effect::Answer(verdicts) => return verdicts.clone(),
            Effect::Put(indexes) => put(world, &portal, delivery.parcels(indexes)).await,
            Effect::Enqueue { messages, delay_s } => {
                Input::Enqueued { is_safe: enqueue(world, &portal, queue_number, messages.clone(), *delay_s).await }
            }
            Effect::Spill(messages) => Input::Spilled { is_safe: spill(world, &portal, messages).await },
        };
        world.count(|counters| counters.note(&effect, &input));
        effect = delivery.next(input, world.now_ms());
    }
}

/// Delivers any number of parcels of one portal; a verdict each, in their order.
pub(super) async fn deliver_in_calls(world: &impl World, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(parcels.len());
    for call in retry::calls(parcels) {
        verdicts.extend(deliver(world, holder, call).await);
    }
    verdicts
}

async fn put<'a>(world: &impl World, portal: &PortalId, parcels: impl Iterator<Item = &'a Parcel>) -> Input {
    let parcels: Vec<_> = parcels.collect();
    let (outcomes, service_at_ms) = call(world, portal, &parcels).await;
    let now_ms = world.now_ms();
    world.with_breaker(portal, |breaker| breaker.report(outcomes.contains(&Outcome::Stored), now_ms));
    let learnt = clock_skew::learn(&outcomes, service_at_ms, now_ms, world.clock_offset_ms());
    if let Some(offset_ms) = learnt {
        world.keep_clock_offset(offset_ms);
    }
    Input::Put { outcomes, has_learnt_skew: learnt.is_some() }
}

async fn call(world: &impl World, portal: &PortalId, parcels: &[&Parcel]) -> (Vec<Outcome>, Option<u64>) {
    let all_failed = |reason: &str| (vec![Outcome::failed(reason); parcels.len()], None);
    let config = world.config();
    let Some(portal) = config.portals.get(portal.as_str()) else { return all_failed("unknown_portal") };
    let pairs = parcels.iter().map(|parcel| (parcel.key.as_str(), parcel.data.as_str()));
    let call = match kinesis::put_records(&config.kinesis, &portal.events_stream(), pairs, signed_at_ms(world)) {
        Ok(call) => call,
        Err(Error::Unavailable { cause }) => return all_failed(&cause),
        Err(error) => return all_failed(error.code()),
    };
    match world.post(call).await {
        Ok(reply) => (kinesis::outcomes(parcels.len(), reply.status, &reply.body), reply.at_ms),
        Err(reason) => all_failed(&reason),
    }
}

fn signed_at_ms(world: &impl World) -> u64 {
    world.now_ms().saturating_add_signed(world.clock_offset_ms())
}

/// Whether the queue, or for what no queue takes the store, confirmed every message.
pub async fn enqueue(world: &impl World, portal: &PortalId, queue_number: u32, messages: Vec<String>, delay_s: u32) -> bool {
    for batch in retry::batches(messages) {
        let is_too_long = batch.iter().any(|text| text.len() > MESSAGE_BYTES_MAX);
        let is_safe = match &world.config().sqs {
            _ if is_too_long => spill(world, portal, &batch).await,
            Some(queue) => send_to_sqs(world, queue, &batch, delay_s).await,
            None => world.send(queue_number, batch, delay_s).await,
        };
        if !is_safe {
            return false;
        }
    }
    true
}

async fn send_to_sqs(world: &impl World, queue: &Sqs, texts: &[String], delay_s: u32) -> bool {
    for text in texts {
        let Ok(call) = sqs::send_message(queue, &world.config().kinesis, text, delay_s, signed_at_ms(world)) else { return false };
        match world.post(call).await {
            Ok(reply) if sqs::is_sent(reply.status, &reply.body) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// Whether the store confirmed the messages, as one object.
pub(super) async fn spill(world: &impl World, portal: &PortalId, messages: &[String]) -> bool {
    let key = day::key(&retry::spill_prefix(portal), world.now_ms(), world.random());
    world.put_object(&key, retry::to_object(messages)).await.is_ok()
}
