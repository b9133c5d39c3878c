//! The retry queue's consumer and the cron's drain, step by step as in `edge/src/handle/queue.rs` and `drain.rs`.

use std::collections::BTreeMap;
use std::rc::Rc;

use edge::day;
use edge::delivery::{Holder, Parcel, Verdict};
use edge::retry::{self, DEAD_PREFIX, Delivered, GivenUp};
use wire::{DeadLetter, Portal, PortalId, Via};

use super::mutant::Mutant;
use super::queues::{Batch, Decision};
use super::world::{World, label};
use super::{shell, store};

/// As in `handle/drain.rs`.
const OBJECTS_MAX: usize = 100;

/// One invocation of the queue handler.
pub(crate) async fn consume(world: Rc<World>, isolate: usize, batch: Rc<Batch>) {
    world.kernel.sleep(world.random(0, 20)).await;
    if batch.is_dead {
        settle_given_up(&world, isolate, &batch).await;
    } else {
        retry_all(&world, isolate, &batch).await;
    }
    batch.is_finished.set(true);
}

async fn retry_all(world: &Rc<World>, isolate: usize, batch: &Batch) {
    let mut by_portal: BTreeMap<PortalId, (Vec<usize>, Vec<Parcel>)> = BTreeMap::new();
    for (index, delivered) in batch.delivered().iter().enumerate() {
        match retry::read(delivered, Via::Queue, &world.config.portals, world.edge_now_ms(isolate)) {
            Ok(parcel) => {
                let (indexes, parcels) = by_portal.entry(parcel.portal.clone()).or_default();
                indexes.push(index);
                parcels.push(parcel);
            }
            Err(letter) => bury(world, batch, index, &letter).await,
        }
    }
    for (indexes, mut parcels) in by_portal.into_values() {
        if world.is(Mutant::AckBeforePut) {
            for index in &indexes {
                batch.decide(*index, Decision::Ack);
            }
        }
        let is_cut = world.is(Mutant::RecordOfABatchDropped) && parcels.len() > 1 && parcels.pop().is_some();
        let mut verdicts = deliver_in_calls(world, isolate, Holder::Queue, parcels).await;
        if is_cut {
            verdicts.push(Verdict::Safe);
        }
        for (index, verdict) in indexes.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Kept { delay_s, .. } if !world.is(Mutant::KeptIsAcked) => batch.decide(index, Decision::Again(delay_s)),
                Verdict::Safe | Verdict::Kept { .. } => batch.decide(index, Decision::Ack),
            }
        }
    }
}

async fn deliver_in_calls(world: &Rc<World>, isolate: usize, holder: Holder, parcels: Vec<Parcel>) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(parcels.len());
    for call in retry::calls(parcels) {
        verdicts.extend(shell::deliver(world, isolate, holder, call).await);
    }
    verdicts
}

async fn settle_given_up(world: &Rc<World>, isolate: usize, batch: &Batch) {
    for (index, delivered) in batch.delivered().iter().enumerate() {
        if world.is(Mutant::DeadLetterQueueDrops) {
            batch.decide(index, Decision::Ack);
            continue;
        }
        match retry::given_up(delivered, &world.config.portals, world.edge_now_ms(isolate)) {
            GivenUp::Dead(letter) => bury(world, batch, index, &letter).await,
            GivenUp::SetAside { portal, text } => {
                let is_safe = shell::spill(world, isolate, &portal, &[text]).await;
                settle_by_store(batch, index, is_safe);
            }
        }
    }
}

async fn bury(world: &Rc<World>, batch: &Batch, index: usize, letter: &DeadLetter) {
    let is_safe = keep_dead(world, letter).await;
    settle_by_store(batch, index, is_safe);
}

fn settle_by_store(batch: &Batch, index: usize, is_safe: bool) {
    let deliveries = batch.delivered().get(index).map_or(1, |delivered| delivered.deliveries);
    batch.decide(index, if is_safe { Decision::Ack } else { Decision::Again(retry::store_delay_s(deliveries)) });
}

async fn keep_dead(world: &Rc<World>, letter: &DeadLetter) -> bool {
    let Ok(text) = serde_json::to_string(letter) else { return false };
    let random = world.rng.borrow_mut().u32();
    world.note(|| format!("dead letter: {} {}", letter.reason, label(&letter.body)));
    store::put(world, &day::key(DEAD_PREFIX.trim_end_matches('/'), letter.at_ms, random), text).await.is_ok()
}

/// The cron's run.
pub(crate) async fn drain_all(world: Rc<World>, isolate: usize) {
    for portal in world.config.portals.iter() {
        // What could not be read or written stays as it was, and comes again.
        let _ = drain_portal(&world, isolate, portal).await;
    }
}

async fn drain_portal(world: &Rc<World>, isolate: usize, portal: &Portal) -> Result<(), String> {
    for key in store::keys(world, &format!("{}/", retry::spill_prefix(&portal.id)), OBJECTS_MAX).await? {
        let Some(object) = store::get(world, &key).await? else { continue };
        let messages = retry::from_object(&object);
        let count = messages.len();
        let left = put_again(world, isolate, messages).await;
        if left.is_empty() || world.is(Mutant::SpillDeletedThoughSomeAreLeft) {
            store::delete(world, &key).await?;
        } else if left.len() < count {
            store::put(world, &key, retry::to_object(&left)).await?;
        } else {
            return Ok(());
        }
    }
    Ok(())
}

async fn put_again(world: &Rc<World>, isolate: usize, messages: Vec<String>) -> Vec<String> {
    let (mut left, mut texts, mut parcels) = (Vec::new(), Vec::new(), Vec::new());
    for text in messages {
        let message = Delivered { text, deliveries: 1 };
        match retry::read(&message, Via::Spill, &world.config.portals, world.edge_now_ms(isolate)) {
            Ok(parcel) => {
                texts.push(message.text);
                parcels.push(parcel);
            }
            Err(letter) if keep_dead(world, &letter).await => {}
            Err(_) => left.push(message.text),
        }
    }
    let verdicts = deliver_in_calls(world, isolate, Holder::Spill, parcels).await;
    left.extend(texts.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Safe).map(|(text, _)| text));
    left
}
