//! The log: one JSON object a line, fixed words and codes. Never a secret, an address or a reader.

use std::collections::BTreeMap;

use super::{clock, memory};

/// Writes one line: what happened, with its circumstances.
pub(crate) fn event(what: &str, circumstances: &[(&str, &str)]) {
    let mut line: BTreeMap<&str, &str> = circumstances.iter().copied().collect();
    line.insert("event", what);
    // JSON escapes control characters, so that nobody forges a line.
    let line = serde_json::to_string(&line).unwrap_or_default();
    worker::console_log!("{line}");
    memory::with_timeline(|timeline| timeline.keep(clock::now_ms(), line));
}
