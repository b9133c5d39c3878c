//! This isolate, as a delivery sees it.

use std::rc::Rc;

use wire::{PortalId, Tally};

use super::{Env, clock, log, memory, queue, random, store, transport};
use crate::aws::kinesis::Call;
use crate::breaker::Breaker;
use crate::config::Config;
use crate::counters::Counters;
use crate::delivery::world::{Reply, World};

/// Its environment and its configuration.
pub(crate) struct Isolate {
    env: Env,
    config: Rc<Config>,
}

impl Isolate {
    pub(crate) fn new(env: &Env, config: &Rc<Config>) -> Self {
        Self { env: env.clone(), config: Rc::clone(config) }
    }
}

impl World for Isolate {
    fn config(&self) -> &Config {
        &self.config
    }

    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn random(&self) -> u32 {
        random::u32()
    }

    fn with_breaker<T>(&self, portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T {
        memory::with_breaker(portal, act)
    }

    fn clock_offset_ms(&self) -> i64 {
        memory::clock_offset_ms()
    }

    fn keep_clock_offset(&self, offset_ms: i64) {
        memory::keep_clock_offset(offset_ms);
    }

    fn count(&self, act: impl FnOnce(&mut Counters)) {
        memory::count(act);
    }

    fn tally(&self, portal: &PortalId, act: impl FnOnce(&mut Tally)) {
        memory::with_tallies(|tallies| tallies.note(portal, act));
    }

    fn log(&self, what: &str, circumstances: &[(&str, &str)]) {
        log::event(what, circumstances);
    }

    async fn post(&self, call: Call) -> Result<Reply, String> {
        transport::send(call).await
    }

    async fn send(&self, queue: u32, texts: Vec<String>, delay_s: u32) -> bool {
        queue::send(&self.env, queue, texts, delay_s).await
    }

    async fn put_object(&self, key: &str, text: String) -> Result<(), String> {
        store::put(&self.env, key, text).await
    }

    async fn object(&self, key: &str) -> Result<Option<String>, String> {
        store::get(&self.env, key).await
    }

    async fn delete_object(&self, key: &str) -> Result<(), String> {
        store::delete(&self.env, vec![key.to_owned()]).await
    }

    async fn keys(&self, prefix: &str, limit: usize) -> Result<Vec<String>, String> {
        store::keys(&self.env, prefix, "", limit).await
    }
}
