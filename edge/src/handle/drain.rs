//! Every minute: what was set aside in a long outage goes into the streams again, each portal's for itself.

use wire::{Portal, Via};

use super::queue;
use crate::config::Config;
use crate::delivery::{Holder, Verdict};
use crate::platform::{Env, clock, log, memory, store};
use crate::retry::{self, Delivered};

/// Objects of one run and portal: each is a read, a call and a delete, and a run must end before the next begins.
const OBJECTS_MAX: usize = 100;

pub(crate) async fn run(env: &Env) {
    let Ok(config) = memory::config(env) else { return };
    for portal in config.portals.iter() {
        if let Err(code) = drain_portal(env, &config, portal).await {
            log::event("spill_undrained", &[("portal", portal.id.as_str()), ("code", &code)]);
        }
    }
}

/// One object after the other, until a call stores nothing: the stream is down then, and the rest would fail like that one.
async fn drain_portal(env: &Env, config: &Config, portal: &Portal) -> Result<(), String> {
    for key in store::keys(env, &format!("{}/", retry::spill_prefix(&portal.id)), "", OBJECTS_MAX).await? {
        let Some(object) = store::get(env, &key).await? else { continue };
        let messages = retry::from_object(&object);
        let count = messages.len();
        let left = put_again(env, config, messages).await;
        // First the records, then the object: a crash in between doubles records, which readers find by their event ids.
        if left.is_empty() {
            store::delete(env, vec![key]).await?;
        } else if left.len() < count {
            store::put(env, &key, retry::to_object(&left)).await?;
        } else {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts the records of messages; gives back those that are not safe.
async fn put_again(env: &Env, config: &Config, messages: Vec<String>) -> Vec<String> {
    let (mut left, mut texts, mut parcels) = (Vec::new(), Vec::new(), Vec::new());
    for text in messages {
        let message = Delivered { text, deliveries: 1 };
        match retry::read(&message, Via::Spill, &config.portals, clock::now_ms()) {
            Ok(parcel) => {
                texts.push(message.text);
                parcels.push(parcel);
            }
            Err(letter) if queue::keep_dead(env, &letter).await => {}
            Err(_) => left.push(message.text),
        }
    }
    let verdicts = queue::deliver_in_calls(Holder::Spill, parcels, config, env).await;
    left.extend(texts.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Safe).map(|(text, _)| text));
    left
}
