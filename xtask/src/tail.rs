//! `cargo xtask tail`: `backend tail` with the addresses and secrets of a running `dev`.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;

use crate::stack::{ADMIN_SECRET, AWS_ENV, Plan};
use crate::{pack, paths, rotate, run, stack};

/// What `tail` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port of that `dev`.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// What `backend tail` takes, after `--`: try `-- --help`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let plan = Plan { port: options.port, data: None, drop_nth: None };
    ensure!(stack::get(&format!("{}/health", plan.worker_url())).is_ok(), "nothing runs at {}: start cargo xtask dev", plan.worker_url());
    run::shown("backend tail", &mut command(&plan, &options.arguments))
}

/// `backend tail` beside a running stack.
pub(crate) fn command(plan: &Plan, arguments: &[String]) -> Command {
    let mut tail = Command::new(pack::native_program("backend"));
    tail.arg("tail")
        .args(arguments)
        .envs(AWS_ENV)
        .env("AWS_ENDPOINT_URL", plan.aws_url())
        .env("PULSO_EDGE_URL", plan.worker_url())
        .env("PULSO_ADMIN_SECRET", ADMIN_SECRET);
    let file = paths::at("target/dev").join(plan.port.to_string()).join(rotate::ADMIN_SECRET_FILE);
    if file.is_file() {
        // It may have been changed since the start.
        tail.env("PULSO_ADMIN_SECRET_FILE", file);
    }
    tail
}

/// Whether `tail` shows an event that came and why a post was refused; a stack must run that has had both.
pub(crate) fn check(plan: &Plan, log: &Path) -> Result<()> {
    let file = File::create(log)?;
    let mut tail = command(plan, &["--from-start".to_owned()]).stdout(file.try_clone()?).stderr(file).stdin(Stdio::null()).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut shown = String::new();
    while Instant::now() < deadline && !(shown.contains("refused unknown_portal") && shown.contains("pageview")) {
        std::thread::sleep(Duration::from_millis(200));
        shown = std::fs::read_to_string(log).unwrap_or_default();
    }
    tail.kill()?;
    tail.wait()?;
    ensure!(shown.contains("pageview"), "tail shows no event, only:\n{shown}");
    ensure!(shown.contains("refused unknown_portal"), "tail does not say why a post was refused, only:\n{shown}");
    println!("tail shows what came and why others were refused");
    Ok(())
}
