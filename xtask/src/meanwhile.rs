//! A check of the suite that begins beside another and is heard when its turn comes: most of both is waiting. It runs as a program of its own,
//! so that what it prints stays together.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::paths;

/// A verb of ours with its options.
#[derive(Debug)]
pub(crate) struct Meanwhile {
    arguments: Vec<String>,
    running: RefCell<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
}

impl Meanwhile {
    /// Not begun yet.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(|word| (*word).to_owned()).collect(), running: RefCell::new(None) }
    }

    /// Begins.
    pub(crate) fn begin(&self) -> Result<()> {
        let logs = paths::at("target/logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("meanwhile-{}.log", self.arguments.join("-").replace('/', "-")));
        let file = File::create(&log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(&self.arguments).current_dir(paths::root()).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("our own program cannot be started")?;
        *self.running.borrow_mut() = Some(Running { child, log });
        Ok(())
    }

    /// Waits for its end, and shows what it printed. What was not begun begins now.
    pub(crate) fn end(&self) -> Result<()> {
        if self.running.borrow().is_none() {
            self.begin()?;
        }
        let mut running = self.running.take().context("it runs")?;
        let status = running.child.wait()?;
        print!("{}", fs::read_to_string(&running.log).unwrap_or_default());
        ensure!(status.success(), "cargo xtask {} failed ({status})", self.arguments.join(" "));
        Ok(())
    }
}

/// Nobody waits for it any more: it stops what it started, by itself.
impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Ok(id) = i32::try_from(self.child.id()) {
                // Gone already is as good as stopped.
                let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
            }
            let _ = self.child.wait();
        }
    }
}
