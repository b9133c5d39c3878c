//! The retry queue's consumer. Every message is acknowledged or delivered again; the handler never fails,
//! for a failure would make the platform deliver the whole batch again.

use std::collections::BTreeMap;

use wire::{DeadLetter, PortalId, Via};

use super::stream;
use crate::config::Config;
use crate::day;
use crate::delivery::{Holder, Parcel, Verdict};
use crate::platform::queue::{self, DEAD_QUEUE, Message};
use crate::platform::{Env, MessageBatch, clock, log, memory, random, store};
use crate::retry::{self, DEAD_PREFIX, GivenUp};

/// Wait when the worker itself is not configured right, seconds.
const UNCONFIGURED_DELAY_S: u32 = 300;

pub(crate) async fn consume(batch: &MessageBatch<String>, env: &Env) {
    match memory::config(env) {
        Ok(config) if batch.queue() == DEAD_QUEUE => settle_given_up(batch, &config, env).await,
        Ok(config) => retry_all(batch, &config, env).await,
        Err(_) => queue::messages(batch).for_each(|message| message.again(UNCONFIGURED_DELAY_S)),
    }
}

/// One call per portal, or as many as its records need.
async fn retry_all(batch: &MessageBatch<String>, config: &Config, env: &Env) {
    let mut by_portal: BTreeMap<PortalId, (Vec<Message>, Vec<Parcel>)> = BTreeMap::new();
    for message in queue::messages(batch) {
        match retry::read(&message.delivered(), Via::Queue, &config.portals, clock::now_ms()) {
            Ok(parcel) => {
                let (messages, parcels) = by_portal.entry(parcel.portal.clone()).or_default();
                messages.push(message);
                parcels.push(parcel);
            }
            Err(letter) => bury(env, &message, &letter).await,
        }
    }
    for (messages, parcels) in by_portal.into_values() {
        let verdicts = deliver_in_calls(Holder::Queue, parcels, config, env).await;
        for (message, verdict) in messages.iter().zip(verdicts) {
            match verdict {
                Verdict::Safe => settled(message),
                Verdict::Kept { delay_s, .. } => message.again(delay_s),
            }
        }
    }
}

/// Delivers any number of parcels of one portal; a verdict each, in their order.
pub(super) async fn deliver_in_calls(holder: Holder, parcels: Vec<Parcel>, config: &Config, env: &Env) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(parcels.len());
    for call in retry::calls(parcels) {
        verdicts.extend(stream::deliver(holder, call, config, env).await);
    }
    verdicts
}

async fn settle_given_up(batch: &MessageBatch<String>, config: &Config, env: &Env) {
    for message in queue::messages(batch) {
        match retry::given_up(&message.delivered(), &config.portals, clock::now_ms()) {
            GivenUp::Dead(letter) => bury(env, &message, &letter).await,
            GivenUp::SetAside { portal, text } => settle_by_store(&message, stream::spill(env, &portal, &[text]).await),
        }
    }
}

/// Stream or store has it: the queue may forget it.
fn settled(message: &Message) {
    message.ack();
    memory::count(|counters| counters.settled += 1);
}

async fn bury(env: &Env, message: &Message, letter: &DeadLetter) {
    settle_by_store(message, keep_dead(env, letter).await);
}

/// Only what the store confirmed may leave the queue.
fn settle_by_store(message: &Message, is_safe: bool) {
    if is_safe {
        settled(message);
    } else {
        message.again(retry::store_delay_s(message.delivered().deliveries));
    }
}

/// Whether the store confirmed a dead letter.
pub(super) async fn keep_dead(env: &Env, letter: &DeadLetter) -> bool {
    log::event("dead_letter", &[("reason", &letter.reason)]);
    let Ok(text) = serde_json::to_string(letter) else { return false };
    let key = day::key(DEAD_PREFIX.trim_end_matches('/'), letter.at_ms, random::u32());
    match store::put(env, &key, text).await {
        Ok(()) => {
            memory::count(|counters| counters.dead += 1);
            true
        }
        Err(code) => {
            log::event("dead_letter_unkept", &[("code", &code)]);
            false
        }
    }
}
