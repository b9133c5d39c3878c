//! What is kept on the device in mode `full`: the reader's id, and bodies without a receipt.
//!
//! Each body has its own key, so that two tabs never overwrite each other's list. The key sorts by age and tells
//! how many events it stands for: `pulso.batch.<pageview>.<first seq>.<events>`.

use web_sys::Storage;

use super::dom;
use crate::identity::{Id, kept_visitor, new_visitor};

const PREFIX: &str = "pulso.";
const BATCH_PREFIX: &str = "pulso.batch.";
const VISITOR_KEY: &str = "pulso.visitor";

/// `None` where the browser has no storage for us: touching `localStorage` itself can throw a `SecurityError`.
fn storage() -> Option<Storage> {
    dom::window()?.local_storage().ok()?
}

/// The kept id of the reader.
pub(super) fn visitor(unix_ms: u64) -> Option<Id> {
    kept_visitor(read(VISITOR_KEY)?.as_bytes(), unix_ms)
}

/// Makes sure that the reader has an id. `false` when none can be kept: an id that changes with every page is worse than none.
pub(super) fn open_visitor(unix_ms: u64) -> bool {
    let open = |random| write(VISITOR_KEY, &String::from_utf8_lossy(&new_visitor(unix_ms, random)));
    visitor(unix_ms).is_some() || dom::random().is_some_and(open)
}

/// Erases everything of ours: consent was withdrawn, or never given.
pub(super) fn erase() {
    for key in keys(PREFIX) {
        forget(&key);
    }
}

/// Bodies that earlier pages left, oldest first, with their keys.
pub(super) fn batches() -> Vec<(String, String)> {
    let mut keys = keys(BATCH_PREFIX);
    keys.sort_unstable();
    keys.into_iter().filter_map(|key| read(&key).map(|body| (key, body))).collect()
}

pub(super) fn key(pageview: &Id, first_seq: u32, events: u32) -> String {
    let pageview = String::from_utf8_lossy(pageview);
    format!("{BATCH_PREFIX}{pageview}.{first_seq:04}.{events}")
}

/// How many events the body of a key stands for.
pub(super) fn events(key: &str) -> u32 {
    key.rsplit('.').next().and_then(|events| events.parse().ok()).unwrap_or(1)
}

pub(super) fn read(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

/// `false` when there was no room.
pub(super) fn write(key: &str, body: &str) -> bool {
    storage().is_some_and(|storage| storage.set_item(key, body).is_ok())
}

pub(super) fn forget(key: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(key);
    }
}

fn keys(prefix: &str) -> Vec<String> {
    let Some(storage) = storage() else { return Vec::new() };
    let len = storage.length().unwrap_or(0);
    (0..len).filter_map(|index| storage.key(index).ok()?).filter(|key| key.starts_with(prefix)).collect()
}
