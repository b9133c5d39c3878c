//! `cargo xtask deploy`: builds what ships, deploys it, looks whether it is well, and takes it back when it is not.

pub(crate) mod health;
mod mistakes;
mod rehearsal;
pub(crate) mod settings;
mod shipped;
pub(crate) mod wrangler;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::health::{Health, Seen};
use self::settings::{Environment, Settings};
use crate::{pack, rotate, setup, stack};

pub(crate) use self::rehearsal::check;

/// What `deploy` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where to.
    #[arg(long, value_enum, value_name = "NAME", required_unless_present = "rehearse")]
    env: Option<Environment>,
    /// The file with the admin secret, which a deep look at the worker's health needs.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["rehearse", "dry_run"])]
    secret_file: Option<PathBuf>,
    /// The worker's address, if it is not that of wrangler.toml.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How often to look, until it is well.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    tries: u32,
    /// Seconds between two looks: another version may need some until it is everywhere.
    #[arg(long, default_value_t = 3.0, value_name = "N")]
    pause_s: f64,
    /// Deploy what is built already.
    #[arg(long)]
    built: bool,
    /// Only build, and let wrangler say what it would upload and bind.
    #[arg(long)]
    dry_run: bool,
    /// Nothing leaves this machine: mistakes are made in a local worker, and a stand-in for wrangler notes what would be done.
    #[arg(long, conflicts_with_all = ["env", "dry_run", "url"])]
    rehearse: bool,
    /// The rehearsal's port for the worker; the other parts take the four after it.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65530))]
    port: u16,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let settings = Settings::read()?;
    settings.check()?;
    if !options.built {
        pack::everything(&setup::ensure()?, !options.rehearse)?;
    }
    let Some(environment) = options.env else { return check(options.port) };
    if options.dry_run {
        println!("{}", shipped::dry_run(environment)?);
        return Ok(());
    }
    deploy(options, environment, &settings)
}

fn deploy(options: &Options, environment: Environment, settings: &Settings) -> Result<()> {
    let url = match &options.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => settings.url(environment)?,
    };
    let secret = rotate::read_secret(options.secret_file.as_deref().context("name the --secret-file")?)?;
    let name = environment.name();
    println!("wrangler deploy --env {name}");
    let deployed = wrangler::run(&["deploy", "--env", name], "")?;
    ensure!(deployed.is_good, "wrangler could not deploy; what was there before is there still:\n{}", deployed.said);
    let version = deployed.version_id().context("wrangler has deployed, and did not say which version: look at it yourself")?;
    println!("version {version}; looking at {url}/health?deep=1");
    let look = Look { url: &url, secret: &secret, version, tries: options.tries, pause: Duration::try_from_secs_f64(options.pause_s)? };
    match look.until_green() {
        Ok(seen) => {
            println!("{seen}");
            Ok(())
        }
        Err(why) => take_back(name, &why),
    }
}

/// A look at a new version.
struct Look<'a> {
    url: &'a str,
    secret: &'a str,
    version: &'a str,
    tries: u32,
    pause: Duration,
}

impl Look<'_> {
    /// Until the new version answers and is well; else what was seen last.
    fn until_green(&self) -> Result<Seen> {
        let mut last = Seen::Nothing("nobody has looked yet".to_owned());
        for attempt in 0..self.tries {
            if attempt > 0 {
                std::thread::sleep(self.pause);
            }
            ensure!(!stack::is_interrupted(), "interrupted");
            last = Health::look(self.url, Some(self.secret));
            if last.is_green() && last.is_of(self.version) {
                return Ok(last);
            }
        }
        if last.is_green() {
            bail!("another version still answers after {} looks", self.tries);
        }
        bail!("{last}")
    }
}

/// Back to the version before.
fn take_back(name: &str, why: &anyhow::Error) -> Result<()> {
    println!("{why:#}\nwrangler rollback --env {name}");
    // Its own limit for a message is 120 characters.
    let message: String = format!("not well: {why:#}").chars().take(110).collect();
    let rolled = wrangler::run(&["rollback", "--env", name, "--yes", "--message", &message], "")?;
    ensure!(rolled.is_good, "the new version is not well ({why:#}), and wrangler could not roll it back:\n{}", rolled.said);
    bail!("the new version is not well and was rolled back: {why:#}")
}
