//! Does what a delivery says, for whoever holds the records.

use wire::PortalId;

use super::world::{Reply, World};
use super::{Delivery, Effect, Holder, Input, Parcel, Verdict};
use crate::aws::kinesis::{self, Call, Outcome};
use crate::aws::sign::Payload;
use crate::aws::sqs;
use crate::clock_skew;
use crate::config::Sqs;
use crate::error::Error;
use crate::retry::{self, MESSAGE_BYTES_MAX};
use crate::tally;
use wire::day;

/// What became of each record; all are of one portal, at most what one `PutRecords` takes.
pub async fn deliver(world: &impl World, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    match Underway::start(world, holder, parcels) {
        Some(underway) => underway.finish(world).await,
        None => Vec::new(),
    }
}

/// A delivery, between what it does. Whoever can only wait elsewhere makes its first call himself: [`Underway::body`], [`Underway::landed`].
#[derive(Debug)]
pub struct Underway {
    portal: PortalId,
    queue_number: u32,
    holder: Holder,
    delivery: Delivery,
    effect: Effect,
    /// Since when it does what the effect says, Unix milliseconds.
    since_ms: u64,
}

impl Underway {
    /// Begins. `None` without parcels.
    pub fn start(world: &impl World, holder: Holder, parcels: Vec<Parcel>) -> Option<Self> {
        let first = parcels.first()?;
        let portal = first.portal.clone();
        let queue_number = retry::queue_of(&first.key, world.config().retry_queues);
        let now_ms = world.now_ms();
        let permit = world.with_breaker(&portal, |breaker| breaker.permit(now_ms));
        let spill_after_ms = world.config().spill_after_ms;
        let (delivery, effect) = Delivery::start_with(holder, parcels, permit, spill_after_ms, world.random(), now_ms);
        Some(Self { portal, queue_number, holder, delivery, effect, since_ms: now_ms })
    }

    /// The body of a call to the stream; `None` when it wants something else, or the call cannot be made: then [`Underway::finish`].
    pub fn body(&self, world: &impl World) -> Option<String> {
        let Effect::Put(indexes) = &self.effect else { return None };
        body(world, &self.portal, &self.in_hand(indexes)).ok()
    }

    /// What came of that call; an error is a code.
    pub fn landed(&mut self, world: &impl World, reply: Result<Reply, String>) {
        let Effect::Put(indexes) = &self.effect else { return };
        let input = settle(world, &self.portal, indexes.len(), reply);
        self.next(world, &input);
    }

    /// What became of each record, once that is known.
    #[must_use]
    pub fn verdicts(&self) -> Option<&[Verdict]> {
        match &self.effect {
            Effect::Answer(verdicts) => Some(verdicts),
            Effect::Put(_) | Effect::Enqueue { .. } | Effect::Spill(_) => None,
        }
    }

    /// A record that is on its way, by index.
    #[must_use]
    pub fn parcel(&self, index: usize) -> Option<&Parcel> {
        self.delivery.parcel(index)
    }

    /// Does the rest.
    pub async fn finish(mut self, world: &impl World) -> Vec<Verdict> {
        loop {
            let input = match &self.effect {
                Effect::Answer(verdicts) => return verdicts.clone(),
                Effect::Put(indexes) => put(world, &self.portal, &self.in_hand(indexes)).await,
                Effect::Enqueue { messages, delay_s } => {
                    let is_safe = enqueue(world, &self.portal, self.queue_number, messages.clone(), *delay_s).await;
                    Input::Enqueued { is_safe }
                }
                Effect::Spill(messages) => Input::Spilled { is_safe: spill(world, &self.portal, messages).await },
            };
            self.next(world, &input);
        }
    }

    fn in_hand<'a>(&'a self, indexes: &'a [usize]) -> Vec<&'a Parcel> {
        self.delivery.parcels(indexes).collect()
    }

    fn next(&mut self, world: &impl World, input: &Input) {
        let now_ms = world.now_ms();
        world.count(|counters| counters.note(&self.effect, input));
        world.tally(&self.portal, |told| tally::note(told, &self.effect, input, now_ms.saturating_sub(self.since_ms)));
        self.effect = self.delivery.next(input, now_ms);
        self.since_ms = now_ms;
        if let (Holder::Page, Effect::Answer(verdicts)) = (self.holder, &self.effect) {
            let record = |index| self.delivery.parcel(index).map(|parcel| parcel.data.as_str());
            let answers = verdicts.iter().enumerate().map(|(index, verdict)| (verdict, record(index)));
            world.tally(&self.portal, |told| tally::note_answers(told, answers));
        }
    }
}

/// Puts a record into the queue of which nobody knows whether the stream has it.
pub async fn enqueue_unknown(world: &impl World, parcel: Parcel) -> Verdict {
    let nothing_known = Input::Put { outcomes: vec![Outcome::failed("unknown")], has_learnt_skew: false };
    let Some(mut underway) = Underway::start(world, Holder::Page, vec![parcel]) else { return Verdict::Safe };
    if matches!(underway.effect, Effect::Put(_)) {
        underway.next(world, &nothing_known);
    }
    underway.finish(world).await.pop().unwrap_or(Verdict::Safe)
}

/// Delivers any number of parcels of one portal; a verdict each, in their order.
pub(super) async fn deliver_in_calls(world: &impl World, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(parcels.len());
    for call in retry::calls(parcels) {
        verdicts.extend(deliver(world, holder, call).await);
    }
    verdicts
}

async fn put(world: &impl World, portal: &PortalId, parcels: &[&Parcel]) -> Input {
    let call = body(world, portal, parcels).and_then(|body| {
        let headers = headers(world, Payload::Bytes(body.as_bytes()))?;
        Ok(Call { url: kinesis::url(&world.config().kinesis), headers, body })
    });
    let reply = match call {
        Ok(call) => world.post(call).await,
        Err(reason) => Err(reason),
    };
    settle(world, portal, parcels.len(), reply)
}

fn body(world: &impl World, portal: &PortalId, parcels: &[&Parcel]) -> Result<String, String> {
    let portal = world.config().portals.get(portal.as_str()).ok_or("unknown_portal")?;
    let pairs = parcels.iter().map(|parcel| (parcel.key.as_str(), parcel.data.as_str())).collect();
    kinesis::body(&portal.events_stream(), pairs).map_err(code)
}

/// What signs a call to the streams now. They hold for five minutes.
///
/// # Errors
/// A code that says why there can be none.
pub fn headers(world: &impl World, body: Payload<'_>) -> Result<Vec<(String, String)>, String> {
    kinesis::headers(&world.config().kinesis, body, signed_at_ms(world)).map_err(code)
}

fn code(error: Error) -> String {
    match error {
        Error::Unavailable { cause } => cause,
        other => other.code().to_owned(),
    }
}

/// What an answer means for its records, and for the calls after it.
fn settle(world: &impl World, portal: &PortalId, count: usize, reply: Result<Reply, String>) -> Input {
    let (outcomes, service_at_ms) = match reply {
        Ok(reply) => (kinesis::outcomes(count, reply.status, &reply.body), reply.at_ms),
        Err(reason) => (vec![Outcome::failed(&reason); count], None),
    };
    let now_ms = world.now_ms();
    world.with_breaker(portal, |breaker| breaker.report(outcomes.contains(&Outcome::Stored), now_ms));
    let learnt = clock_skew::learn(&outcomes, service_at_ms, now_ms, world.clock_offset_ms());
    if let Some(offset_ms) = learnt {
        world.keep_clock_offset(offset_ms);
    }
    Input::Put { outcomes, has_learnt_skew: learnt.is_some() }
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
