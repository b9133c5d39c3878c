//! What one isolate of the edge did for a portal since it last told: rides in a record, so that no figure costs a call of its own.

use serde::{Deserialize, Serialize};

/// Counts of one isolate since its last tally. It travels in [`Edge::tally`](crate::Edge::tally); who reads a record twice counts it once,
/// by the rule that a tally belongs to events that are new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Tally {
    /// Posts that were answered, whatever the answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub posts: u32,
    /// Of those: refused by a 4xx.
    #[serde(skip_serializing_if = "is_zero")]
    pub refused: u32,
    /// Of those: answered 503, because neither the stream nor the retry queue had them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unavailable: u32,
    /// Attempts to put a record into the stream; a call with ten records is ten.
    #[serde(skip_serializing_if = "is_zero")]
    pub puts: u32,
    /// Of those: not taken, or nobody knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_failed: u32,
    /// Time that all calls to the stream took together, milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_ms: u32,
    /// The longest of them, milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_ms_max: u32,
    /// Calls to the stream, which `put_ms` sums up.
    #[serde(skip_serializing_if = "is_zero")]
    pub put_calls: u32,
    /// Records that the retry queue took.
    #[serde(skip_serializing_if = "is_zero")]
    pub queued: u32,
    /// Lists of recommendations that were answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub lists: u32,
    /// Of those: from a lower rung than the door begins at.
    #[serde(skip_serializing_if = "is_zero")]
    pub fallback: u32,
    /// Of those: took longer than 200 ms.
    #[serde(skip_serializing_if = "is_zero")]
    pub slow_lists: u32,
    /// Records that were given up.
    #[serde(skip_serializing_if = "is_zero")]
    pub dead: u32,
}

impl Tally {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_counted_is_written() {
        let tally = Tally { posts: 3, put_ms_max: 12, ..Tally::default() };
        let text = serde_json::to_string(&tally).unwrap();
        assert_eq!(text, r#"{"posts":3,"put_ms_max":12}"#);
        assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), tally);
        assert!(serde_json::from_str::<Tally>(r#"{"later":1}"#).unwrap().is_empty());
    }
}
