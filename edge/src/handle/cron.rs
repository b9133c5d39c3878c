//! Every minute: what was set aside goes into the streams again, and CloudWatch is told how the edge is. Every hour: salts ahead of time, a copy of the scripts that are deployed, and an end to what may not be kept longer.

use super::{salt as daily, script, told};
use crate::delivery::drain;
use crate::platform::isolate::Isolate;
use crate::platform::{Env, clock, kv, log, memory, store};
use crate::{bad, salt};

/// Refused bodies deleted in one hour: pages of the list, 1,000 keys each.
const BAD_PAGES_MAX: usize = 20;
/// Keys of one list and of one delete; R2 admits no more.
const KEYS_MAX: usize = 1_000;

pub(crate) async fn drain(env: &Env) {
    if let Ok(config) = memory::config(env) {
        drain::drain(&Isolate::new(env, &config)).await;
        told::heartbeat(env, &config).await;
    }
}

pub(crate) async fn tidy(env: &Env) {
    let now_ms = clock::now_ms();
    for day in salt::due(now_ms) {
        daily::make_if_missing(env, day).await;
    }
    script::keep(env).await;
    report("salts_undeleted", delete_old_salts(env, now_ms).await);
    report("bad_undeleted", delete_old_bodies(env, now_ms).await);
}

fn report(what: &str, result: Result<(), String>) {
    if let Err(code) = result {
        log::event(what, &[("code", &code)]);
    }
}

async fn delete_old_salts(env: &Env, now_ms: u64) -> Result<(), String> {
    for key in kv::keys(env, salt::PREFIX).await? {
        if salt::is_expired(&key, now_ms) {
            kv::delete(env, &key).await?;
        }
    }
    Ok(())
}

/// Keys sort by time, so that what is old stands first.
async fn delete_old_bodies(env: &Env, now_ms: u64) -> Result<(), String> {
    for _ in 0..BAD_PAGES_MAX {
        let listed = store::keys(env, bad::PREFIX, "", KEYS_MAX).await?;
        let listed_count = listed.len();
        let old: Vec<_> = listed.into_iter().filter(|key| bad::is_expired(key, now_ms)).collect();
        let is_last = old.len() < listed_count || old.is_empty();
        if !old.is_empty() {
            store::delete(env, old).await?;
        }
        if is_last {
            break;
        }
    }
    Ok(())
}
