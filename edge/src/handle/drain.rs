//! Every minute: what was set aside in a long outage goes into the streams again.

use std::collections::BTreeMap;

use wire::{PortalId, Via};

use super::queue;
use crate::config::Config;
use crate::delivery::{Holder, Parcel, Verdict};
use crate::platform::{Env, clock, log, memory, store};
use crate::retry::{self, Delivered, SPILL_PREFIX};

/// Objects of one run: each is a read, a call and a delete, and a run must end before the next begins.
const OBJECTS_MAX: usize = 100;

pub(crate) async fn run(env: &Env) {
    let Ok(config) = memory::config(env) else { return };
    let keys = match store::keys(env, SPILL_PREFIX, "", OBJECTS_MAX).await {
        Ok(keys) => keys,
        Err(code) => return log::event("spill_unlisted", &[("code", &code)]),
    };
    for key in keys {
        match store::get(env, &key).await {
            // While the stream is down, the rest would fail like this one.
            Ok(Some(object)) if !drain(env, &config, &key, &object).await => return,
            Ok(_) => {}
            Err(code) => log::event("spill_unread", &[("code", &code)]),
        }
    }
}

/// Puts the records of one object; whether all of them are safe. What is not stays in the object.
async fn drain(env: &Env, config: &Config, key: &str, object: &str) -> bool {
    let mut by_portal: BTreeMap<PortalId, (Vec<String>, Vec<Parcel>)> = BTreeMap::new();
    let mut left = Vec::new();
    for text in retry::from_object(object) {
        let message = Delivered { text, deliveries: 1 };
        match retry::read(&message, Via::Spill, &config.portals, clock::now_ms()) {
            Ok(parcel) => {
                let (texts, parcels) = by_portal.entry(parcel.portal.clone()).or_default();
                texts.push(message.text);
                parcels.push(parcel);
            }
            Err(letter) if queue::keep_dead(env, &letter).await => {}
            Err(_) => left.push(message.text),
        }
    }
    for (texts, parcels) in by_portal.into_values() {
        let verdicts = queue::deliver_in_calls(Holder::Spill, parcels, config, env).await;
        left.extend(texts.into_iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Safe).map(|(text, _)| text));
    }
    // First the records, then the object: a crash in between doubles records, which readers find by their event ids.
    let written =
        if left.is_empty() { store::delete(env, vec![key.to_owned()]).await } else { store::put(env, key, retry::to_object(&left)).await };
    if let Err(code) = written {
        log::event("spill_unwritten", &[("code", &code)]);
    }
    left.is_empty()
}
