//! Does what a delivery says, for whoever holds the records.

use wire::PortalId;

use crate::aws::kinesis::{self, Outcome};
use crate::aws::sqs;
use crate::clock_skew;
use crate::config::{Config, Sqs};
use crate::day;
use crate::delivery::{Delivery, Effect, Holder, Input, Parcel, Verdict};
use crate::error::Error;
use crate::platform::{Env, clock, memory, queue, random, store, transport};
use crate::retry::{self, MESSAGE_BYTES_MAX};

/// What became of each record; all are of one portal, at most what one `PutRecords` takes.
pub(super) async fn deliver(holder: Holder, parcels: Vec<Parcel>, config: &Config, env: &Env) -> Vec<Verdict> {
    let Some(portal) = parcels.first().map(|parcel| parcel.portal.clone()) else { return Vec::new() };
    let queue_number = parcels.first().map_or(0, |parcel| retry::queue_of(&parcel.key, config.retry_queues));
    let now_ms = clock::now_ms();
    let permit = memory::with_breaker(&portal, |breaker| breaker.permit(now_ms));
    let (mut delivery, mut effect) = Delivery::start_with(holder, parcels, permit, config.spill_after_ms, random::u32(), now_ms);
    loop {
        let input = match &effect {
            Effect::Answer(verdicts) => return verdicts.clone(),
            Effect::Put(indexes) => put(config, &portal, delivery.parcels(indexes)).await,
            Effect::Enqueue { messages, delay_s } => {
                Input::Enqueued { is_safe: enqueue(env, config, &portal, queue_number, messages.clone(), *delay_s).await }
            }
            Effect::Spill(messages) => Input::Spilled { is_safe: spill(env, &portal, messages).await },
        };
        memory::count(|counters| counters.note(&effect, &input));
        effect = delivery.next(input, clock::now_ms());
    }
}

async fn put<'a>(config: &Config, portal: &PortalId, parcels: impl Iterator<Item = &'a Parcel>) -> Input {
    let parcels: Vec<_> = parcels.collect();
    let (outcomes, service_at_ms) = call(config, portal, &parcels).await;
    let now_ms = clock::now_ms();
    memory::with_breaker(portal, |breaker| breaker.report(outcomes.contains(&Outcome::Stored), now_ms));
    let learnt = clock_skew::learn(&outcomes, service_at_ms, now_ms, memory::clock_offset_ms());
    if let Some(offset_ms) = learnt {
        memory::keep_clock_offset(offset_ms);
    }
    Input::Put { outcomes, has_learnt_skew: learnt.is_some() }
}

async fn call(config: &Config, portal: &PortalId, parcels: &[&Parcel]) -> (Vec<Outcome>, Option<u64>) {
    let all_failed = |reason: &str| (vec![Outcome::failed(reason); parcels.len()], None);
    let Some(portal) = config.portals.get(portal.as_str()) else { return all_failed("unknown_portal") };
    let pairs = parcels.iter().map(|parcel| (parcel.key.as_str(), parcel.data.as_str()));
    let signed_at_ms = clock::now_ms().saturating_add_signed(memory::clock_offset_ms());
    let call = match kinesis::put_records(&config.kinesis, &portal.events_stream(), pairs, signed_at_ms) {
        Ok(call) => call,
        Err(Error::Unavailable { cause }) => return all_failed(&cause),
        Err(error) => return all_failed(error.code()),
    };
    match transport::send(call).await {
        Ok(answer) => (kinesis::outcomes(parcels.len(), answer.status, &answer.body), answer.at_ms),
        Err(reason) => all_failed(&reason),
    }
}

/// Whether the queue, or for what no queue takes the store, confirmed every message.
async fn enqueue(env: &Env, config: &Config, portal: &PortalId, queue_number: u32, messages: Vec<String>, delay_s: u32) -> bool {
    for batch in retry::batches(messages) {
        let is_too_long = batch.iter().any(|text| text.len() > MESSAGE_BYTES_MAX);
        let is_safe = match &config.sqs {
            _ if is_too_long => spill(env, portal, &batch).await,
            Some(sqs) => send_to_sqs(sqs, config, &batch, delay_s).await,
            None => queue::send(env, queue_number, batch, delay_s).await,
        };
        if !is_safe {
            return false;
        }
    }
    true
}

async fn send_to_sqs(queue: &Sqs, config: &Config, texts: &[String], delay_s: u32) -> bool {
    for text in texts {
        let signed_at_ms = clock::now_ms().saturating_add_signed(memory::clock_offset_ms());
        let Ok(call) = sqs::send_message(queue, &config.kinesis, text, delay_s, signed_at_ms) else { return false };
        match transport::send(call).await {
            Ok(answer) if sqs::is_sent(answer.status, &answer.body) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// Whether the store confirmed the messages, as one object.
pub(super) async fn spill(env: &Env, portal: &PortalId, messages: &[String]) -> bool {
    let key = day::key(&retry::spill_prefix(portal), clock::now_ms(), random::u32());
    store::put(env, &key, retry::to_object(messages)).await.is_ok()
}
