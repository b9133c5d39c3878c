//! The consumers of the retry queues and of what the platform gave up. Every message is acknowledged or delivered again, whatever
//! happens: a failure would make the platform deliver the whole batch again.

use std::collections::BTreeMap;

use wire::{DeadLetter, PortalId, Via};

use super::stream;
use super::world::{Message, World};
use super::{Holder, Parcel, Verdict};
use crate::retry::{self, DEAD_PREFIX, GivenUp};
use wire::day;

/// Tries the messages of a batch again: one call per portal, or as many as its records need.
pub async fn retry_all<M: Message>(world: &impl World, batch: impl Iterator<Item = M>) {
    let mut by_portal: BTreeMap<PortalId, (Vec<M>, Vec<Parcel>)> = BTreeMap::new();
    for message in batch {
        match retry::read(&message.delivered(), Via::Queue, &world.config().portals, world.now_ms()) {
            Ok(parcel) => {
                let (messages, parcels) = by_portal.entry(parcel.portal.clone()).or_default();
                messages.push(message);
                parcels.push(parcel);
            }
            Err(letter) => bury(world, &message, &letter).await,
        }
    }
    for (messages, parcels) in by_portal.into_values() {
        let verdicts = stream::deliver_in_calls(world, Holder::Queue, parcels).await;
        for (message, verdict) in messages.iter().zip(verdicts) {
            match verdict {
                Verdict::Safe => settled(world, message),
                Verdict::Kept { delay_s, .. } => message.again(delay_s),
            }
        }
    }
}

/// Settles what the platform itself gave up, after `max_retries`.
pub async fn settle_given_up<M: Message>(world: &impl World, batch: impl Iterator<Item = M>) {
    for message in batch {
        match retry::given_up(&message.delivered(), &world.config().portals, world.now_ms()) {
            GivenUp::Dead(letter) => bury(world, &message, &letter).await,
            GivenUp::SetAside { portal, text } => settle_by_store(world, &message, stream::spill(world, &portal, &[text]).await),
        }
    }
}

/// Stream or store has it: the queue may forget it.
fn settled(world: &impl World, message: &impl Message) {
    message.ack();
    world.count(|counters| counters.settled += 1);
}

async fn bury(world: &impl World, message: &impl Message, letter: &DeadLetter) {
    settle_by_store(world, message, keep_dead(world, letter).await);
}

/// Only what the store confirmed may leave the queue.
fn settle_by_store(world: &impl World, message: &impl Message, is_safe: bool) {
    if is_safe {
        settled(world, message);
    } else {
        message.again(retry::store_delay_s(message.delivered().deliveries));
    }
}

/// Whether the store confirmed a dead letter.
pub(super) async fn keep_dead(world: &impl World, letter: &DeadLetter) -> bool {
    world.log("dead_letter", &[("reason", &letter.reason)]);
    let Ok(text) = serde_json::to_string(letter) else { return false };
    let key = day::key(DEAD_PREFIX.trim_end_matches('/'), letter.at_ms, world.random());
    match world.put_object(&key, text).await {
        Ok(()) => {
            world.count(|counters| counters.dead += 1);
            if let Some(portal) = retry::portal_of(&letter.body, &world.config().portals) {
                world.tally(&portal, |tally| tally.dead += 1);
            }
            true
        }
        Err(code) => {
            world.log("dead_letter_unkept", &[("code", &code)]);
            false
        }
    }
}
