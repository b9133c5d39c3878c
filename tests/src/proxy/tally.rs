//! What was done, counted.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts since the proxy started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// PutRecords calls that came.
    pub puts: u64,
    /// Calls of which the stand-in stored something.
    pub calls_applied: u64,
    /// Records that the stand-in said it stored, whatever the worker was told.
    pub records_applied: u64,
    /// Calls by what was done to them.
    pub injected: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts a fault.
    pub(crate) fn inject(&mut self, name: &str) {
        *self.injected.entry(name.to_owned()).or_default() += 1;
    }
}
