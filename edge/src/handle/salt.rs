//! The salt of today: remembered, else from KV, else made here.

use crate::platform::{Env, clock, kv, log, memory, random};
use crate::salt::{self, Salt};
use wire::day::Day;

/// When KV could not be read, a salt of our own is believed so long before KV is asked again, milliseconds.
const DOUBT_MS: u64 = 60_000;

/// Today's salt. When KV fails, this isolate goes on with one of its own for a minute: readers then count once per isolate,
/// which is better than to refuse them or to store an id that can be traced back. Its networks are nobody's else, and are left out.
pub(super) async fn of_day(env: &Env, day: Day) -> Salt {
    if let Some(salt) = memory::salt(day, clock::now_ms()) {
        return salt;
    }
    let read = kv::get(env, &salt::key(day)).await;
    // While we waited, another request of this isolate may have settled it.
    if let Some(settled) = memory::salt(day, clock::now_ms()) {
        return settled;
    }
    let kept = read.as_ref().ok().and_then(Option::as_deref).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let (salt, is_new) = match kept.filter(|text| salt::is_salt(text)) {
        Some(text) => (Salt::shared(text), false),
        None if read.is_ok() => (Salt::shared(&fresh()), true),
        None => (Salt::own(&fresh()), true),
    };
    let until_ms = if read.is_ok() { u64::MAX } else { clock::now_ms().saturating_add(DOUBT_MS) };
    memory::keep_salt(day, &salt, until_ms);
    match read {
        Ok(_) if is_new => write(env, day, salt.expose()).await,
        Ok(_) => {}
        Err(code) => log::event("salt_unread", &[("code", &code)]),
    }
    salt
}

/// Makes the salt of a day when there is none.
pub(super) async fn make_if_missing(env: &Env, day: Day) {
    match kv::get(env, &salt::key(day)).await {
        Ok(Some(bytes)) if std::str::from_utf8(&bytes).is_ok_and(salt::is_salt) => {}
        Ok(_) => write(env, day, &fresh()).await,
        Err(code) => log::event("salt_unread", &[("code", &code)]),
    }
}

async fn write(env: &Env, day: Day, salt: &str) {
    if let Err(code) = kv::put(env, &salt::key(day), salt.as_bytes()).await {
        log::event("salt_unwritten", &[("code", &code)]);
    }
}

fn fresh() -> String {
    salt::to_hex(&random::bytes::<{ salt::SALT_BYTES }>())
}
