//! One program that runs here, in a process group of its own, with a log.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a part may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running program.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts it. One that is started again writes on in its log.
    pub(crate) fn start(name: &'static str, command: &mut Command, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A group of its own: Ctrl-C reaches us alone, and we stop children of children too.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child, log })
    }

    /// What it is.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error that shows its last lines if it died.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended ({status}); the end of {}:\n{}", self.name, self.log.display(), tail(&self.log));
        }
        Ok(())
    }

    /// Waits until it ends by itself, which has to be well.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("{} failed ({status}); the end of {}:\n{}", self.name, self.log.display(), tail(&self.log));
        }
        Ok(())
    }

    /// SIGKILL to its whole group.
    pub(crate) fn kill(&mut self) -> Result<()> {
        killpg(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks its whole group to stop, and kills what does not.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let group = Pid::from_raw(i32::try_from(self.child.id())?);
        if self.child.try_wait()?.is_none() {
            // Gone already is as good as stopped.
            let _ = killpg(group, Signal::SIGTERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = killpg(group, Signal::SIGKILL);
        self.child.wait()?;
        Ok(())
    }
}

/// The last lines of a log.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
