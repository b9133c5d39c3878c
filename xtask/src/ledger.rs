//! The generator's own book of what it sent, and the count of what an independent reader found.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wire::{PageviewId, PortalId};

use crate::paths;
use crate::stack::{AWS_ENV, Plan};

/// One line per event: portal, pageview, seq, whether a 2xx came back.
#[derive(Debug)]
pub(crate) struct Ledger(BufWriter<File>);

impl Ledger {
    /// An empty book.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self(BufWriter::new(File::create(path).with_context(|| format!("{} cannot be written", path.display()))?)))
    }

    /// Enters one event.
    pub(crate) fn write(&mut self, portal: &PortalId, pageview: PageviewId, seq: u32, is_accepted: bool) -> Result<()> {
        Ok(writeln!(self.0, "{portal}\t{pageview}\t{seq}\t{}", u8::from(is_accepted))?)
    }

    /// Makes it readable for others.
    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

/// What `tests/oracle/count.py` prints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Totals {
    sent: u64,
    accepted: u64,
    in_stream: u64,
    duplicates: u64,
    misplaced: u64,
    lost: u64,
}

impl Totals {
    /// Lets the independent reader count.
    pub(crate) fn count(ledger: &Path, plan: &Plan) -> Result<Self> {
        let mut oracle = Command::new(paths::python());
        oracle.arg(paths::at("tests/oracle/count.py")).args(["--endpoint", &plan.aws_url(), "--ledger"]).arg(ledger);
        let output = oracle.envs(AWS_ENV).output().context("the oracle cannot be started: cargo xtask setup")?;
        ensure!(output.status.success(), "the oracle failed:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the oracle printed no totals")
    }

    /// An error unless everything that was sent is in its stream.
    pub(crate) fn judge(&self) -> Result<()> {
        ensure!(self.sent > 0, "nothing was sent: the click log is empty");
        ensure!(self.lost == 0, "{} events are lost", self.lost);
        ensure!(self.misplaced == 0, "{} events are in another portal's stream", self.misplaced);
        ensure!(self.accepted == self.sent, "{} events were refused", self.sent - self.accepted);
        Ok(())
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "  sent        {:>10}", self.sent)?;
        writeln!(formatter, "  accepted    {:>10}", self.accepted)?;
        writeln!(formatter, "  in stream   {:>10}", self.in_stream)?;
        writeln!(formatter, "  duplicates  {:>10}", self.duplicates)?;
        writeln!(formatter, "  misplaced   {:>10}", self.misplaced)?;
        write!(formatter, "  lost {:>17}", self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Totals = Totals { sent: 3, accepted: 3, in_stream: 3, duplicates: 1, misplaced: 0, lost: 0 };

    #[test]
    fn duplicates_alone_are_no_fault() {
        assert!(GOOD.judge().is_ok());
    }

    #[test]
    fn every_other_difference_is() {
        for wrong in [
            Totals { lost: 1, in_stream: 2, ..GOOD },
            Totals { misplaced: 1, ..GOOD },
            Totals { accepted: 2, ..GOOD },
            Totals { sent: 0, accepted: 0, in_stream: 0, ..GOOD },
        ] {
            assert!(wrong.judge().is_err(), "{wrong:?}");
        }
    }
}
