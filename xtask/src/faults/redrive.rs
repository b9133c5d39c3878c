//! A running `backend redrive`, and what it says.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// It finishes the call that is under way.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// How its last line begins to be one.
const TALLY_WORDS: &str = " received, ";

/// One that runs until it is stopped.
pub(super) struct Redrive {
    child: Child,
    log: PathBuf,
}

/// Lets it run to its end, which is not a good one when messages are left; its last line.
pub(super) fn once(mut command: Command, logs: &Path) -> Result<String> {
    let output = command.arg("--once").stdin(Stdio::null()).output().context("redrive cannot be started")?;
    let mut log = File::options().create(true).append(true).open(logs.join("redrive.log"))?;
    log.write_all(&output.stdout)?;
    log.write_all(&output.stderr)?;
    let said = last_line(&String::from_utf8_lossy(&output.stdout))?;
    ensure!(output.status.code() == Some(1), "redrive left messages behind and ended with {}: {said}", output.status);
    Ok(said)
}

impl Redrive {
    /// Starts it; its output goes to a log of its own.
    pub(super) fn start(mut command: Command, logs: &Path) -> Result<Self> {
        let number = fs::read_dir(logs)?.count();
        let log = logs.join(format!("redrive-{number}.log"));
        let file = File::create(&log)?;
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn().context("redrive cannot be started")?;
        Ok(Self { child, log })
    }

    /// As a crash or the kernel would.
    pub(super) fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "redrive ended before it was killed: {}", self.text());
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end: it does so when the call to SQS that is under way has its answer.
    pub(super) fn ask_to_stop(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "redrive ended by itself: {}", self.text());
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?)
    }

    /// Waits for the end that it was asked for; its last line.
    pub(super) fn end(mut self) -> Result<String> {
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "redrive ended with {status}: {}", self.text());
                return last_line(&self.text());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("redrive does not stop: {}", self.text())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Redrive {
    fn drop(&mut self) {
        // Gone already is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_line(text: &str) -> Result<String> {
    let line = text.lines().rev().find(|line| line.contains(TALLY_WORDS));
    Ok(line.with_context(|| format!("redrive printed no tally: {text}"))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_is_found_among_the_log() {
        let text = "WARN not stored\n3 received, 1 stored, 1 deleted, 2 left to come back, 0 poison messages\nERROR left behind\n";
        assert!(last_line(text).unwrap().starts_with("3 received"));
        assert!(last_line("ERROR no region").is_err());
    }
}
