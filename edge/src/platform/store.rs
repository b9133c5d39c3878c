//! Object store: dead letters and refused bodies.

use super::{Env, clock};

/// Its name in `wrangler.toml`.
pub(crate) const BINDING: &str = "ARCHIVE";
/// Nobody waits for these but the queue, the cron and a person.
const DEADLINE_MS: u64 = 10_000;

fn bucket(env: &Env) -> Result<worker::Bucket, String> {
    env.bucket(BINDING).map_err(|_| "no_binding".to_owned())
}

/// Writes an object.
pub(crate) async fn put(env: &Env, key: &str, text: String) -> Result<(), String> {
    let bucket = bucket(env)?;
    let write = bucket.put(key, text).execute();
    clock::within(DEADLINE_MS, write).await.ok_or("timeout")?.map(|_| ()).map_err(|_| "r2_failed".to_owned())
}

/// The keys of a prefix after one of them, in order.
pub(crate) async fn keys(env: &Env, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, String> {
    let bucket = bucket(env)?;
    let list = bucket.list().prefix(prefix).limit(u32::try_from(limit).unwrap_or(1));
    let list = if after.is_empty() { list } else { list.start_after(after) };
    let found = clock::within(DEADLINE_MS, list.execute()).await.ok_or("timeout")?.map_err(|_| "r2_failed".to_owned())?;
    Ok(found.objects().iter().map(worker::Object::key).collect())
}

/// An object's text; `None` when it was deleted meanwhile.
pub(crate) async fn get(env: &Env, key: &str) -> Result<Option<String>, String> {
    let bucket = bucket(env)?;
    let read = async {
        match bucket.get(key).execute().await?.as_ref().and_then(worker::Object::body) {
            Some(body) => body.text().await.map(Some),
            None => Ok(None),
        }
    };
    clock::within(DEADLINE_MS, read).await.ok_or("timeout")?.map_err(|_| "r2_failed".to_owned())
}

/// Deletes objects, at most a thousand.
pub(crate) async fn delete(env: &Env, keys: Vec<String>) -> Result<(), String> {
    let bucket = bucket(env)?;
    clock::within(DEADLINE_MS, bucket.delete_multiple(keys)).await.ok_or("timeout")?.map_err(|_| "r2_failed".to_owned())
}
