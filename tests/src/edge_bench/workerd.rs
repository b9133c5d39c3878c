//! One workerd, and what it takes: CPU, memory, time to its first answer.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// It listens after some 30 ms; a busy machine takes longer.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// A running one. It is stopped when it is dropped.
#[derive(Debug)]
pub(crate) struct Workerd {
    child: Child,
    port: u16,
}

impl Workerd {
    /// Starts the worker of a folder at a port, and waits until it listens.
    pub(crate) fn start(program: &Path, folder: &Path, port: u16) -> Result<Self> {
        let log = File::options().create(true).append(true).open(folder.join("workerd.log"))?;
        let child = Command::new(program)
            .args(["serve", "config.capnp", "--socket-addr", &format!("http=127.0.0.1:{port}")])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut workerd = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = workerd.child.try_wait()? {
                bail!("workerd of {} ended ({status}): see workerd.log there", folder.display());
            }
            if begun.elapsed() > START_DEADLINE {
                bail!("workerd of {} does not listen at {port}", folder.display());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(workerd)
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// User and system time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        // The same as in `/proc/PID/stat`, in nanoseconds instead of hundredths of a second.
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(self.child.id())?))?;
        Ok(Duration::from(clock_gettime(clock)?))
    }

    /// Memory that it has in use, KiB.
    pub(crate) fn rss_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        line.split_whitespace().next().and_then(|text| text.parse().ok()).context("VmRSS is no number")
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        // Gone already is as good as stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
