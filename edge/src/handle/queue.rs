//! The retry queue's consumer. Every message is acknowledged or sent again; the handler never fails,
//! for a failure would make the platform deliver the whole batch again, without our count.

use std::collections::BTreeMap;

use wire::{DeadLetter, PortalId};

use super::stream;
use crate::config::Config;
use crate::day;
use crate::platform::queue::{self, DEAD_QUEUE, Message};
use crate::platform::{Env, MessageBatch, clock, log, memory, random, store};
use crate::retry::{self, Decision, Redelivery};

/// Where dead letters are kept.
const DEAD_PREFIX: &str = "dead";
/// Wait after a failure of our own stores, seconds.
const STORE_DELAY_S: u32 = 30;

pub(crate) async fn consume(batch: &MessageBatch<String>, env: &Env) {
    if batch.queue() == DEAD_QUEUE {
        for message in queue::messages(batch) {
            let letter = retry::given_up_by_platform(&message.text(), clock::now_ms());
            bury(env, &message, &letter).await;
        }
        return;
    }
    match memory::config(env) {
        Ok(config) => retry_all(batch, &config, env).await,
        Err(_) => queue::messages(batch).for_each(|message| message.again(STORE_DELAY_S)),
    }
}

/// One call per portal: 30 messages of at most 128,000 bytes are 3.84 MB, below the 5 MB of one `PutRecords`.
async fn retry_all(batch: &MessageBatch<String>, config: &Config, env: &Env) {
    let mut by_portal: BTreeMap<PortalId, Vec<(Message, Redelivery)>> = BTreeMap::new();
    for message in queue::messages(batch) {
        match Redelivery::read(&message.text(), &config.portals, clock::now_ms()) {
            Ok(redelivery) => by_portal.entry(redelivery.record.portal.clone()).or_default().push((message, redelivery)),
            Err(letter) => bury(env, &message, &letter).await,
        }
    }
    for (portal, waiting) in by_portal {
        let records: Vec<_> = waiting.iter().map(|(_, redelivery)| &redelivery.record).collect();
        let outcomes = stream::put(config, &portal, &records).await;
        for ((message, redelivery), outcome) in waiting.into_iter().zip(outcomes) {
            settle(env, &message, redelivery.settle(outcome, clock::now_ms())).await;
        }
    }
}

async fn settle(env: &Env, message: &Message, decision: Decision) {
    match decision {
        Decision::Ack => message.ack(),
        Decision::Again { text, delay_s } => {
            // A new message, because a delivered one keeps its text and so its count. First the new one, then the old one goes:
            // a crash between them doubles the record, which readers find by its event ids.
            if queue::send(env, text, delay_s).await {
                message.ack();
            } else {
                message.again(delay_s);
            }
        }
        Decision::GiveUp(letter) => bury(env, message, &letter).await,
    }
}

/// A dead letter is kept before its message goes.
async fn bury(env: &Env, message: &Message, letter: &DeadLetter) {
    log::event("dead_letter", &[("reason", &letter.reason)]);
    let kept = match serde_json::to_string(letter) {
        Ok(text) => store::put(env, &day::key(DEAD_PREFIX, letter.at_ms, random::u32()), text).await,
        Err(_) => Err("unserialisable".to_owned()),
    };
    match kept {
        Ok(()) => message.ack(),
        Err(code) => {
            log::event("dead_letter_unkept", &[("code", &code)]);
            message.again(STORE_DELAY_S);
        }
    }
}
