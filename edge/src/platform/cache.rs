//! The cache of this data centre: bytes under a key, for seconds. Whatever fails is a miss.

use worker::{Cache, Headers, Response};

use super::clock;

/// What a hit saves is a millisecond; a slow cache is none.
const READ_DEADLINE_MS: u64 = 50;
/// It is written after the answer.
const WRITE_DEADLINE_MS: u64 = 1_000;

/// The bytes under a key, which looks like an address.
pub(crate) async fn get(key: &str) -> Option<Vec<u8>> {
    let read = async {
        let mut kept = Cache::default().get(key, false).await.ok().flatten()?;
        kept.bytes().await.ok()
    };
    clock::within(READ_DEADLINE_MS, read).await.flatten()
}

/// Keeps bytes for so many seconds.
pub(crate) async fn put(key: &str, bytes: Vec<u8>, kept_s: u32) {
    let write = async {
        let headers = Headers::new();
        headers.set("cache-control", &format!("public, max-age={kept_s}")).ok()?;
        let response = Response::builder().with_headers(headers).fixed(bytes);
        Cache::default().put(key, response).await.ok()
    };
    clock::within(WRITE_DEADLINE_MS, write).await;
}
