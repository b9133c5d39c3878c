//! The rows of the fault run that the proxy alone can do: what is done, and what has to come of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::outbox::{Load, Manner};
use super::proxy::{always, every, rate, status};

/// One fault, or a family of them.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its name in the ledger.
    pub name: &'static str,
    /// For people.
    pub what: &'static str,
    /// What has to come of it, for people.
    pub expected: &'static str,
    /// What is sent, once per plan.
    pub load: Load,
    /// What the proxy does, one after the other.
    pub plans: Vec<Value>,
    /// How long the last plan goes on when everything is sent, for the queue's consumer.
    pub linger: Duration,
    /// What is judged.
    pub bounds: Bounds,
    /// Its records wait in the queue for minutes, until a person may have mended something.
    pub waits_long: bool,
    /// Part of the quick subset.
    pub is_quick: bool,
}

/// What has to hold besides that nothing is lost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Every first try is answered 202.
    pub is_safe_at_once: bool,
    /// No record is sent again that was stored.
    pub has_no_duplicates: bool,
    /// The fault was done so often at least, or the row shows nothing.
    pub faults_min: u64,
}

const PLAIN: Load = Load { batches: 0, at_once: 16, per_s: None, manner: Manner::Plain };
/// Calls that wait for a deadline of 3 s: many at once, or the row takes minutes.
const WAITING: Load = Load { at_once: 64, ..PLAIN };

impl Row {
    fn new(name: &'static str, what: &'static str, batches: usize, plan: Value, faults_min: u64) -> Self {
        Self {
            name,
            what,
            expected: "all 202, nothing lost; duplicates allowed",
            load: Load { batches, ..PLAIN },
            plans: vec![plan],
            linger: Duration::ZERO,
            bounds: Bounds { is_safe_at_once: true, has_no_duplicates: false, faults_min },
            waits_long: false,
            is_quick: false,
        }
    }

    fn quick(self) -> Self {
        Self { is_quick: true, ..self }
    }

    fn waiting(mut self) -> Self {
        self.load = Load { batches: self.load.batches, ..WAITING };
        self
    }

    /// What was not applied may be sent again, what was may not.
    fn without_duplicates(self) -> Self {
        let bounds = Bounds { has_no_duplicates: true, ..self.bounds };
        Self { bounds, expected: "all 202, nothing lost, no duplicate", ..self }
    }
}

/// All of them. Those without duplicates first: what waits in the queue must not meet the faults that make some.
pub(super) fn all() -> Vec<Row> {
    let mut rows = refusals();
    rows.push(partial_failures());
    rows.extend(answers_that_lie());
    rows.extend(broken_connections());
    rows.push(clocks());
    rows.extend(clients());
    rows
}

fn refusals() -> Vec<Row> {
    let codes: Vec<Value> = ["AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "ResourceNotFoundException"]
        .into_iter()
        .chain(["KMSDisabledException", "KMSAccessDeniedException", "InvalidSignatureException"])
        .map(|code| status(400, Some(code)))
        .collect();
    let internal = || status(500, Some("InternalFailure"));
    vec![
        // First, because what a person has to mend waits up to five minutes in the queue; it comes back under other rows' faults.
        Row {
            waits_long: true,
            ..Row::new("14", "credentials, rights, stream or key wrong (7 codes), every 2nd call", 350, every(2, &json!(codes)), 80)
        },
        Row::new("1a", "Kinesis answers 500 to 10 % of the calls", 250, rate(10, &internal()), 10).without_duplicates(),
        Row::new("1b", "a load balancer answers 503 to 50 % of the calls", 250, rate(50, &status(503, None)), 60)
            .without_duplicates()
            .quick(),
        Row::new("1c", "Kinesis answers 500 to every call", 250, always(&internal()), 5).without_duplicates(),
        Row {
            load: Load { batches: 500, per_s: Some(17), ..PLAIN },
            ..Row::new("2", "Kinesis answers 500 for 30 s", 500, always(&internal()), 8).without_duplicates()
        },
    ]
}

fn partial_failures() -> Row {
    let partial = json!({ "kind": "partial", "codes": ["ProvisionedThroughputExceededException", "InternalFailure"] });
    Row {
        // The first plan fills the queue, so that the consumer's calls have many records, of which some fail.
        plans: vec![rate(70, &status(503, None)), rate(60, &partial)],
        linger: Duration::from_secs(8),
        ..Row::new("3", "k of n records are throttled or fail, 60 % of the calls", 150, Value::Null, 60).without_duplicates().quick()
    }
}

fn answers_that_lie() -> Vec<Row> {
    let lies = json!([{ "kind": "hidden_failures" }, { "kind": "short_list" }, { "kind": "long_list" }, { "kind": "no_list" }]);
    let cut = json!([{ "kind": "truncated" }, { "kind": "not_json" }]);
    vec![
        Row::new("5", "FailedRecordCount lies; Records shorter, longer, missing", 200, every(2, &lies), 40),
        Row::new("6", "200 with a truncated or non-JSON body, after the records are stored", 100, every(2, &cut), 20).quick(),
    ]
}

fn broken_connections() -> Vec<Row> {
    let silent = json!([{ "kind": "silent", "is_applied": false }, { "kind": "silent", "is_applied": true }]);
    let endless = json!([{ "kind": "endless", "is_applied": false }, { "kind": "endless", "is_applied": true }]);
    let resets = json!([
        { "kind": "reset_before_body" },
        { "kind": "reset_before_apply" },
        { "kind": "reset_during_apply" },
        { "kind": "reset_mid_answer" },
    ]);
    vec![
        Row::new("7a", "no headers ever, stored or not", 200, every(2, &silent), 30).waiting(),
        Row::new("7b", "the answer's body never ends, stored or not", 200, every(2, &endless), 30).waiting(),
        Row::new(
            "8",
            "stored, and the connection is reset instead of an answer",
            400,
            every(2, &json!([{ "kind": "reset_after_apply" }])),
            80,
        )
        .quick(),
        Row::new("9", "connection reset before the body, before, during and in the middle of the answer", 400, every(2, &resets), 80),
        Row::new("10", "the answer comes at 1 byte/s", 80, every(2, &json!([{ "kind": "trickle" }])), 20).waiting(),
    ]
}

fn clocks() -> Row {
    // The stand-in checks times too: what is let through here is let through there, whoever signed it.
    let ahead =
        |ahead_s: i64| json!({ "rules": [{ "when": "always", "faults": [{ "kind": "clock", "ahead_s": ahead_s }] }], "pass_as": "test" });
    Row {
        plans: [240, -360, 900, -86_400, 86_400, 0].map(ahead).into(),
        ..Row::new("11", "the edge's clock is wrong by 4, 6, 15 min, 1 day, and right again", 50, Value::Null, 5).without_duplicates()
    }
}

fn clients() -> Vec<Row> {
    let healthy = || json!({});
    let is_safe_later = |row: Row| Row { bounds: Bounds { is_safe_at_once: false, ..row.bounds }, ..row };
    let repeated = |name, what, batches, times| Row {
        load: Load { batches, at_once: 20, manner: Manner::Repeated(times), per_s: None },
        expected: "all 202, duplicates in the stream, counted once by the backend",
        ..Row::new(name, what, batches, healthy(), 0)
    };
    let hasty = Row::new("36", "the client goes away in the middle of the body, or right after it, and sends again", 200, healthy(), 0);
    vec![
        repeated("27a", "the same batch 10 times, also at once", 50, 10).quick(),
        repeated("27b", "the same batch 20 times at once", 20, 20),
        is_safe_later(Row {
            load: Load { batches: 200, at_once: 16, per_s: None, manner: Manner::Hasty },
            expected: "each batch as a whole or not at all; after sending again nothing is lost",
            ..hasty
        })
        .quick(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_plan_is_in_the_quick_run_or_the_long_one() {
        let rows = all();
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().any(|row| row.is_quick) && rows.iter().any(|row| !row.is_quick));
        assert!(rows.iter().all(|row| !row.plans.is_empty() && row.load.at_once > 0));
    }

    #[test]
    fn rows_that_forbid_duplicates_come_before_those_that_make_some() {
        let rows = all();
        let last_without = rows.iter().rposition(|row| row.bounds.has_no_duplicates && row.name != "11").unwrap();
        let first_with = rows.iter().position(|row| !row.bounds.has_no_duplicates && !row.waits_long).unwrap();
        assert!(last_without < first_with);
    }
}
