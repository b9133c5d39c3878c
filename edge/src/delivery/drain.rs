//! Every minute: what was set aside in a long outage goes into the streams again, each portal's for itself.

use wire::{Portal, Via};

use super::queue;
use super::stream;
use super::world::World;
use super::{Holder, Verdict};
use crate::retry::{self, Delivered};

/// Objects of one run and portal: each is a read, a call and a delete, and a run must end before the next begins.
const OBJECTS_MAX: usize = 100;

/// One run, all portals.
pub async fn drain(world: &impl World) {
    for portal in world.config().portals.iter() {
        // What could not be read or written stays as it was, and comes again.
        if let Err(code) = drain_portal(world, portal).await {
            world.log("spill_undrained", &[("portal", portal.id.as_str()), ("code", &code)]);
        }
    }
}

/// One object after the other, until a call stores nothing: the stream is down then, and the rest would fail like that one.
async fn drain_portal(world: &impl World, portal: &Portal) -> Result<(), String> {
    for key in world.keys(&format!("{}/", retry::spill_prefix(&portal.id)), OBJECTS_MAX).await? {
        let Some(object) = world.object(&key).await? else { continue };
        let messages = retry::from_object(&object);
        let count = messages.len();
        let left = put_again(world, messages).await;
        // First the records, then the object: a crash in between doubles records, which readers find by their event ids.
        if left.is_empty() {
            world.delete_object(&key).await?;
        } else if left.len() < count {
            world.put_object(&key, retry::to_object(&left)).await?;
        } else {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts the records of messages; gives back those that are not safe.
async fn put_again(world: &impl World, messages: Vec<String>) -> Vec<String> {
    let (mut left, mut texts, mut parcels) = (Vec::new(), Vec::new(), Vec::new());
    for text in messages {
        let message = Delivered { text, deliveries: 1 };
        match retry::read(&message, Via::Spill, &world.config().portals, world.now_ms()) {
            Ok(parcel) => {
                texts.push(message.text);
                parcels.push(parcel);
            }
            Err(letter) if queue::keep_dead(world, &letter).await => {}
            Err(_) => left.push(message.text),
        }
    }
    let verdicts = stream::deliver_in_calls(world, Holder::Spill, parcels).await;
    left.extend(texts.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Safe).map(|(text, _)| text));
    left
}
