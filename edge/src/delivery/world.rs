//! What a delivery needs of the world. The worker's shell and the simulator each have one; everything else about delivery they share.

use wire::{PortalId, Tally};

use crate::aws::kinesis::Call;
use crate::breaker::Breaker;
use crate::config::Config;
use crate::counters::Counters;
use crate::retry::Delivered;

/// An answer of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: String,
    /// Its `Date` header, Unix milliseconds.
    pub at_ms: Option<u64>,
}

/// A message as the queue hands it over. Exactly one of `ack` and `again` must follow: one that is neither comes back without a delay.
pub trait Message {
    /// What it carries.
    fn delivered(&self) -> Delivered;
    /// It is done with.
    fn ack(&self);
    /// The queue keeps it, and delivers it again as it is.
    fn again(&self, delay_s: u32);
}

/// One isolate: its clock, its memory, its connections. Every call has a deadline, and an error is a code.
#[expect(async_fn_in_trait, reason = "an isolate has one thread")]
pub trait World {
    /// What it was told.
    fn config(&self) -> &Config;
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Chance, for jitter and keys.
    fn random(&self) -> u32;
    /// Asks or tells the breaker of a portal's stream.
    fn with_breaker<T>(&self, portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T;
    /// What is added to its clock for signing, milliseconds.
    fn clock_offset_ms(&self) -> i64;
    /// Sets that.
    fn keep_clock_offset(&self, offset_ms: i64);
    /// Counts what was done.
    fn count(&self, act: impl FnOnce(&mut Counters));
    /// Counts what is told of a portal.
    fn tally(&self, portal: &PortalId, act: impl FnOnce(&mut Tally));
    /// Logs what happened, with its circumstances.
    fn log(&self, what: &str, circumstances: &[(&str, &str)]);
    /// Posts a signed call.
    async fn post(&self, call: Call) -> Result<Reply, String>;
    /// Sends messages to a retry queue, few and short enough for one call; whether it confirmed them.
    async fn send(&self, queue: u32, texts: Vec<String>, delay_s: u32) -> bool;
    /// Writes an object into the store.
    async fn put_object(&self, key: &str, text: String) -> Result<(), String>;
    /// An object's text; `None` when it was deleted meanwhile.
    async fn object(&self, key: &str) -> Result<Option<String>, String>;
    /// Deletes an object.
    async fn delete_object(&self, key: &str) -> Result<(), String>;
    /// The first keys of a prefix, in order.
    async fn keys(&self, prefix: &str, limit: usize) -> Result<Vec<String>, String>;
}
