//! `backend evaluate`: in lock-step a line in, a line out; or a whole file, and what it cost.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;

use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

use crate::error::{Error, Result};
use crate::evaluate::replay::{BLOCK_CLICKS, Replay};
use crate::evaluate::requests::Requests;
use crate::evaluate::{EvaluateArgs, Lockstep, ReplayArgs, Report};

/// Runs the verb.
///
/// # Errors
/// A file, standard input or output cannot be used.
pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    match (&args.replay.file, args.replay.report) {
        (Some(file), Some(report)) => replay(file, report, &args.replay),
        _ => lockstep(args),
    }
}

/// Answers each line before it reads the next. A line that is no click is answered with an empty line, and named on standard error.
fn lockstep(args: &EvaluateArgs) -> Result<()> {
    let unusable = |source| Error::Pipe { source };
    let mut lockstep = Lockstep::new(args).map_err(|why| Error::Evaluate { why })?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let (mut line, mut number) = (String::new(), 0_u64);
    while input.read_line(&mut line).map_err(unusable)? > 0 {
        number += 1;
        let answer = lockstep.answer(&line).unwrap_or_else(|why| {
            tracing::warn!(line = number, "{why}");
            String::new()
        });
        let sent = writeln!(output, "{answer}").and_then(|()| output.flush());
        match sent {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            sent => sent.map_err(unusable)?,
        }
        line.clear();
    }
    Ok(())
}

fn replay(file: &Path, report: Report, args: &ReplayArgs) -> Result<()> {
    let mut output = io::stdout().lock();
    let mut print = |text: &str| output.write_all(text.as_bytes()).map_err(|source| Error::Pipe { source });
    if report == Report::Requests {
        let mut requests = Requests::new(args.since_ms);
        return blocks(file, |clicks| print(&requests.of(clicks).map_err(|why| Error::Evaluate { why })?));
    }
    let mut replay = Replay::new(report);
    blocks(file, |clicks| replay.block(clicks, cpu_ns).map_err(|why| Error::Evaluate { why }))?;
    if let Some(blob) = &args.blob {
        fs::write(blob, replay.blob()).map_err(|error| unusable(blob, &error))?;
    }
    let figures = serde_json::to_string(&replay.figures()).map_err(|error| Error::Evaluate { why: error.to_string() })?;
    print(&(figures + "\n"))
}

/// Reads a file by some clicks at a time: it is larger than what is measured.
fn blocks(file: &Path, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut input = BufReader::new(File::open(file).map_err(|error| unusable(file, &error))?);
    let mut block = String::new();
    loop {
        block.clear();
        for _ in 0..BLOCK_CLICKS {
            if input.read_line(&mut block).map_err(|error| unusable(file, &error))? == 0 {
                break;
            }
        }
        if block.is_empty() {
            return Ok(());
        }
        take(&block)?;
    }
}

fn unusable(file: &Path, error: &io::Error) -> Error {
    Error::Evaluate { why: format!("{}: {error}", file.display()) }
}

/// What this thread has worked, so that a busy machine does not look like a slow learner.
fn cpu_ns() -> u64 {
    let worked = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(0, |worked| worked.num_nanoseconds());
    u64::try_from(worked).unwrap_or(0)
}
