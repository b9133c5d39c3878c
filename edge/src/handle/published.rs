//! What is published for a portal: from memory while it is fresh, else from KV. Answers do not wait for KV unless there is nothing to answer with.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join4;
use wire::Portal;

use crate::config::Config;
use crate::platform::{Context, Env, clock, kv, log, memory};
use crate::recommend::{DOUBTED_MS, FRESH_MS, Found, Shelved};
use crate::route::File;

/// A reader waits so long for KV, milliseconds: an answer without a model beats a late one.
const READER_PATIENCE_MS: u64 = 1_000;
/// Nobody waits for what is read beside an answer.
const BESIDE_PATIENCE_MS: u64 = 10_000;
/// How often a request looks whether the one before it has read what both need.
const LOOK_MS: u64 = 20;

/// What is published for a portal.
pub(super) async fn of(portal: &Portal, config: &Rc<Config>, env: &Env, context: &Context) -> Rc<Shelved> {
    match memory::shelf(&portal.id, clock::now_ms()) {
        Found::Fresh(shelved) => shelved,
        Found::Stale(shelved) => {
            let (env, config, id, old) = (env.clone(), Rc::clone(config), portal.id.clone(), Rc::clone(&shelved));
            context.wait_until(async move {
                if let Some(portal) = config.portals.get(id.as_str()) {
                    read(portal, &config, &env, Some(&old), BESIDE_PATIENCE_MS).await;
                }
            });
            shelved
        }
        Found::Old(shelved) => read(portal, config, env, Some(&shelved), READER_PATIENCE_MS).await,
        Found::Nothing => first(portal, config, env).await,
    }
}

/// The first request of an isolate reads; those beside it look on until it is done, for a model may be large and memory holds few copies.
/// They do not await its future, which is another request's.
async fn first(portal: &Portal, config: &Config, env: &Env) -> Rc<Shelved> {
    let begun_ms = clock::now_ms();
    if !memory::begin_reading(&portal.id, begun_ms + READER_PATIENCE_MS, begun_ms) {
        for _ in 0..READER_PATIENCE_MS / LOOK_MS {
            clock::pause(Duration::from_millis(LOOK_MS)).await;
            if let Some(shelved) = memory::shelved(&portal.id) {
                return shelved;
            }
        }
    }
    read(portal, config, env, None, READER_PATIENCE_MS).await
}

async fn read(portal: &Portal, config: &Config, env: &Env, old: Option<&Shelved>, patience_ms: u64) -> Rc<Shelved> {
    let keys = File::ALL.map(|file| file.key(portal.id.as_str()));
    let [model, cards, items, rules] = keys.each_ref().map(|key| kv::get_within(env, key, patience_ms));
    let (model, cards, items, rules) = join4(model, cards, items, rules).await;
    let (shelved, complaints) = Shelved::renewed(old, [model, cards, items, rules], portal, config.is_dev);
    for complaint in &complaints {
        log::event("published_unread", &[("key", &complaint.file.key(portal.id.as_str())), ("code", &complaint.code)]);
    }
    let shelved = Rc::new(shelved);
    memory::keep_shelf(&portal.id, &shelved, clock::now_ms(), if complaints.is_empty() { FRESH_MS } else { DOUBTED_MS });
    shelved
}
