//! Key-value store: what is published of portals, and salts.

use super::{Env, clock};

/// Its name in `wrangler.toml`.
pub(crate) const BINDING: &str = "STORE";
/// A read that takes longer is a failed one: an answer with an older model beats a late answer.
const READ_DEADLINE_MS: u64 = 1_000;
/// Writes and lists are done by the backend and the cron, who have time.
const WRITE_DEADLINE_MS: u64 = 10_000;
/// How long Cloudflare's own caches may keep a value, seconds; the least that it admits
/// (<https://developers.cloudflare.com/kv/api/read-key-value-pairs/>).
const CACHE_TTL_S: u64 = 30;

/// A value, `None` when there is none.
pub(crate) async fn get(env: &Env, key: &str) -> Result<Option<Vec<u8>>, String> {
    get_within(env, key, READ_DEADLINE_MS).await
}

/// The same with another deadline.
pub(crate) async fn get_within(env: &Env, key: &str, deadline_ms: u64) -> Result<Option<Vec<u8>>, String> {
    let store = env.kv(BINDING).map_err(|_| "no_binding".to_owned())?;
    let read = clock::within(deadline_ms, store.get(key).cache_ttl(CACHE_TTL_S).bytes()).await;
    read.ok_or("timeout")?.map_err(|_| "kv_failed".to_owned())
}

/// Writes a value.
pub(crate) async fn put(env: &Env, key: &str, value: &[u8]) -> Result<(), String> {
    let store = env.kv(BINDING).map_err(|_| "no_binding".to_owned())?;
    let write = store.put_bytes(key, value).map_err(|_| "kv_failed".to_owned())?;
    clock::within(WRITE_DEADLINE_MS, write.execute()).await.ok_or("timeout")?.map_err(|_| "kv_failed".to_owned())
}

/// The keys of a prefix, at most a thousand.
pub(crate) async fn keys(env: &Env, prefix: &str) -> Result<Vec<String>, String> {
    let store = env.kv(BINDING).map_err(|_| "no_binding".to_owned())?;
    let list = clock::within(WRITE_DEADLINE_MS, store.list().prefix(prefix.to_owned()).execute()).await;
    let list = list.ok_or("timeout")?.map_err(|_| "kv_failed".to_owned())?;
    Ok(list.keys.into_iter().map(|key| key.name).collect())
}

/// Deletes a key.
pub(crate) async fn delete(env: &Env, key: &str) -> Result<(), String> {
    let store = env.kv(BINDING).map_err(|_| "no_binding".to_owned())?;
    clock::within(WRITE_DEADLINE_MS, store.delete(key)).await.ok_or("timeout")?.map_err(|_| "kv_failed".to_owned())
}
