//! The worker's bucket, as boto3 sees it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use wire::DeadLetter;

use crate::paths;
use crate::stack::{BUCKET, BUCKET_KEY, Stack};

/// An event's pageview and seq.
pub(super) type EventId = (String, u64);

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Object {
    pub key: String,
    pub etag: String,
    pub text: String,
}

impl Object {
    /// As one of `dead/`.
    pub(super) fn letter(&self) -> Result<DeadLetter> {
        serde_json::from_str(&self.text).with_context(|| format!("{} is no dead letter", self.key))
    }
}

/// All objects of a prefix, in the order of their keys.
pub(super) fn objects(stack: &Stack, prefix: &str) -> Result<Vec<Object>> {
    let output = oracle(stack).args(["--prefix", prefix]).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "tests/oracle/bucket.py failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("tests/oracle/bucket.py printed no objects")
}

/// Writes another text over an object.
pub(super) fn replace(stack: &Stack, key: &str, text: &str) -> Result<()> {
    let mut child = oracle(stack).args(["--replace", key]).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().context("bucket.py has no input")?.write_all(text.as_bytes())?;
    ensure!(child.wait()?.success(), "tests/oracle/bucket.py could not replace {key}");
    Ok(())
}

/// The events in what is set aside below a prefix: messages of two lines, a header and an envelope.
pub(super) fn spilled_events(stack: &Stack, prefix: &str) -> Result<BTreeSet<EventId>> {
    let mut found = BTreeSet::new();
    for object in objects(stack, prefix)? {
        for record in object.text.lines().skip(1).step_by(2) {
            found.extend(events(record).with_context(|| format!("{} has a line that is no envelope", object.key))?);
        }
    }
    Ok(found)
}

/// The events of an envelope.
fn events(record: &str) -> Result<Vec<EventId>> {
    let record: Value = serde_json::from_str(record)?;
    let pageview = record.pointer("/batch/pageview").and_then(Value::as_str).context("no pageview")?;
    let events = record.pointer("/batch/events").and_then(Value::as_array).context("no events")?.iter();
    events.map(|event| Ok((pageview.to_owned(), event.get("seq").and_then(Value::as_u64).context("no seq")?))).collect()
}

fn oracle(stack: &Stack) -> Command {
    let mut oracle = Command::new(paths::python());
    oracle.arg(paths::at("tests/oracle/bucket.py")).args(["--endpoint", &stack.bucket_url(), "--bucket", BUCKET]);
    oracle.args(["--key", BUCKET_KEY.0, BUCKET_KEY.1]);
    oracle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_an_envelope_are_read_by_their_ids() {
        let (_, record) = include_str!("../../../wire/tests/golden/retry_message.txt").split_once('\n').unwrap();
        let found = events(record).unwrap();
        assert_eq!(found.first(), Some(&("01a203d9b07b5d2e8a6f1c0b9d3e7a42".to_owned(), 0)));
        assert_eq!(found.len(), 5);
        assert!(events("{}").is_err());
    }
}
