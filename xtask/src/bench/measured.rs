//! Runs a program and says what it took: CPU seconds and peak memory of that one process.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// What a program took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Usage {
    /// User and system time of all its threads.
    pub cpu_s: f64,
    pub wall_s: f64,
    pub peak_rss_mib: f64,
}

/// The hidden verb that runs the program.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the usage goes.
    #[arg(long)]
    usage: PathBuf,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs `command`; its output goes to `<name>.out` and `<name>.err` in `target/bench`.
/// Between us and it stands a process that has no other child: `getrusage` knows the peak memory of all children only,
/// and `wait4`, which knows it of one, has no safe binding.
pub(super) fn run(name: &str, command: &[String]) -> Result<Usage> {
    let folder = crate::paths::at("target/bench");
    let file = |kind: &str| folder.join(format!("{name}.{kind}"));
    let mut measured = Command::new(std::env::current_exe()?);
    measured.args(["bench", "measured", "--usage"]).arg(file("usage")).arg("--").args(command);
    measured.stdin(Stdio::null()).stdout(File::create(file("out"))?).stderr(File::create(file("err"))?);
    let status = measured.status().context("the measuring process cannot be started")?;
    let said = || std::fs::read_to_string(file("err")).unwrap_or_default();
    ensure!(status.success(), "{name} failed:\n{}", said());
    Ok(serde_json::from_str(&std::fs::read_to_string(file("usage"))?)?)
}

/// The hidden verb.
pub(super) fn verb(options: &Options) -> Result<()> {
    let (program, arguments) = options.command.split_first().context("no program")?;
    let started = Instant::now();
    let status = Command::new(program).args(arguments).status().with_context(|| format!("{program} cannot be started"))?;
    let wall_s = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{program}: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu_us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // Linux counts kibibytes.
    let peak_rss_mib = f64::from(i32::try_from(usage.max_rss())?) / 1024.0;
    let usage = Usage { cpu_s: f64::from(u32::try_from(cpu_us)?) / 1e6, wall_s, peak_rss_mib };
    Ok(std::fs::write(&options.usage, serde_json::to_string(&usage)?)?)
}

/// How busy the machine was in the last minute.
pub(super) fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
