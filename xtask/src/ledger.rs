//! The generator's own book of what it sent, and the count of what an independent reader found.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wire::{Event, PageviewId, PortalId};

use crate::beacon::Page;
use crate::paths;
use crate::stack::{self, AWS_ENV, Plan};

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

    /// Enters one event of a row of the fault run, with all that was sent.
    pub(crate) fn write_row(&mut self, row: &str, page: &Page, event: &Event, is_accepted: bool) -> Result<()> {
        let (portal, pageview, seq) = (&page.portal, page.pageview, event.seq);
        let event = serde_json::to_string(event)?;
        Ok(writeln!(self.0, "{portal}\t{pageview}\t{seq}\t{}\t{row}\t{event}", u8::from(is_accepted))?)
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

/// Everything that `tests/oracle/count.py` prints of a ledger with rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Reading {
    /// Over all rows.
    #[serde(flatten)]
    pub totals: Totals,
    /// By row of the fault run.
    pub rows: BTreeMap<String, RowCount>,
    /// Records in the streams.
    pub records: u64,
    /// Events that nobody sent.
    pub unknown: u64,
    /// Events that are not as they were sent.
    pub altered: u64,
    /// Records that the envelope's JSON Schema refuses.
    pub invalid: u64,
    /// By portal.
    pub portals: BTreeMap<String, PortalCount>,
    /// Dead letters in the worker's store.
    pub dead: Option<u64>,
    /// Objects set aside in the worker's store.
    pub spilled: Option<u64>,
}

/// What was found of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct RowCount {
    pub sent: u64,
    pub accepted: u64,
    pub in_stream: u64,
    pub duplicates: u64,
    pub lost: u64,
}

/// Events in a portal's stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PortalCount {
    /// Different event ids.
    pub distinct: u64,
    /// With all repetitions.
    pub sightings: u64,
}

impl Reading {
    /// Lets the independent reader count; it waits until all are there or nothing has come for so long.
    pub(crate) fn take(ledger: &Path, plan: &Plan, quiet: Duration, archive: &Path) -> Result<Self> {
        let quiet_s = quiet.as_secs().to_string();
        let options = [OsStr::new("--quiet"), OsStr::new(&quiet_s), OsStr::new("--archive"), archive.as_os_str()];
        oracle("count.py", &options, ledger, plan)
    }
}

/// What a script of `tests/oracle` prints about the stand-in's state, held against the book.
pub(crate) fn oracle<T: DeserializeOwned>(script: &str, options: &[&OsStr], ledger: &Path, plan: &Plan) -> Result<T> {
    let mut oracle = Command::new(paths::python());
    oracle.arg(paths::at("tests/oracle").join(script)).args(options).args(["--endpoint", &plan.aws_url(), "--ledger"]).arg(ledger);
    oracle.envs(AWS_ENV).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut oracle = oracle.spawn().context("the oracle cannot be started: cargo xtask setup")?;
    // What it prints fits into a pipe.
    while oracle.try_wait()?.is_none() {
        if stack::is_interrupted() {
            oracle.kill()?;
            oracle.wait()?;
            bail!("interrupted while the oracle was counting");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = oracle.wait_with_output()?;
    ensure!(output.status.success(), "{script} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} printed something else than its totals"))
}

impl Totals {
    /// Lets the independent reader count.
    pub(crate) fn count(ledger: &Path, plan: &Plan) -> Result<Self> {
        oracle("count.py", &[], ledger, plan)
    }

    /// Events that are nowhere.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Events that are in another portal's stream.
    pub(crate) fn misplaced(&self) -> u64 {
        self.misplaced
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
