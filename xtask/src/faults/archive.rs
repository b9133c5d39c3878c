//! What Firehose, a consumer that is not ours, made of the streams in S3, by an outside count.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use crate::ledger;
use crate::stack::Plan;

/// What `tests/oracle/archive.py count` prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Archive {
    objects: u64,
    /// Records that Firehose took.
    lines: u64,
    /// Objects without a line feed at their end, and lines that are no JSON.
    broken: u64,
    /// Lines that the envelope's JSON Schema refuses.
    invalid: u64,
    /// Lines of another portal.
    misplaced: u64,
    /// Different event ids.
    distinct: u64,
    /// Accepted events that are not there.
    missing: u64,
    /// Events that nobody got a 2xx for.
    unknown: u64,
}

impl Archive {
    /// Lets the independent reader count.
    pub(super) fn count(ledger: &Path, plan: &Plan) -> Result<Self> {
        ledger::oracle("archive.py", &[OsStr::new("count")], ledger, plan)
    }

    /// In a few words.
    pub(super) fn said(&self) -> String {
        let Self { objects, lines, distinct, .. } = self;
        format!("Firehose to S3: {objects} objects with {lines} lines, {distinct} distinct ids, the accepted ones")
    }

    /// What is not as it has to be, for so many records in the streams.
    pub(super) fn wrongs(&self, records: u64) -> Vec<String> {
        let Self { objects: _, lines, broken, invalid, misplaced, distinct: _, missing, unknown } = *self;
        let checks = [
            ("records in the archive, against those in the streams", lines, records),
            ("broken lines in the archive", broken, 0),
            ("lines of the archive that the JSON Schema refuses", invalid, 0),
            ("lines in another portal's archive", misplaced, 0),
            ("accepted events that are not in the archive", missing, 0),
            ("events in the archive that were not accepted", unknown, 0),
        ];
        let is_wrong = |(_, said, wanted): &(&str, u64, u64)| said != wanted;
        checks.into_iter().filter(is_wrong).map(|(what, said, wanted)| format!("{what}: {said}, not {wanted}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Archive = Archive { objects: 3, lines: 4, broken: 0, invalid: 0, misplaced: 0, distinct: 8, missing: 0, unknown: 0 };

    #[test]
    fn every_difference_is_named() {
        assert_eq!(GOOD.wrongs(4), Vec::<String>::new());
        for wrong in [
            Archive { lines: 3, ..GOOD },
            Archive { broken: 1, ..GOOD },
            Archive { invalid: 1, ..GOOD },
            Archive { misplaced: 1, ..GOOD },
            Archive { missing: 1, ..GOOD },
            Archive { unknown: 1, ..GOOD },
        ] {
            assert_eq!(wrong.wrongs(4).len(), 1, "{wrong:?}");
        }
    }
}
