//! `cargo xtask e2e`: readers in three real browsers, judged by what the real worker took.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::stack::{self, Plan, Stack};
use crate::{pack, paths, run, setup, suite};

/// The front that stands between browsers and worker, counted from the worker's port.
const FRONT_PORT: u16 = 9;

// Two groups of arguments would have one name, that of the type: this one has none.
/// What `e2e` can do.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Play the scenarios in these browsers, and nothing else; without it, every end-to-end test.
    #[arg(long, value_enum)]
    browsers: Option<Browsers>,
    /// How the scenarios' pages load the tracker.
    #[arg(long, value_enum, default_value_t = Shell::Script)]
    shell: Shell,
    /// Play only scenarios with this in their name.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Plant bugs into the tracker as it is served, one at a time: each has to be noticed.
    #[arg(long)]
    planted: bool,
    #[command(flatten)]
    suite: suite::Options,
}

/// Which browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Browsers {
    Chromium,
    Firefox,
    Webkit,
    All,
}

/// The two ways to load the tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// The script tag.
    Script,
    /// The npm package.
    Npm,
}

impl Browsers {
    /// What is played one after the other. Two that have three or four readers at a time each do not overload two processors.
    const fn engines(self) -> &'static [&'static str] {
        match self {
            Self::Chromium => &["chromium"],
            Self::Firefox => &["firefox"],
            Self::Webkit => &["webkit"],
            Self::All => &["chromium", "firefox,webkit"],
        }
    }
}

impl Shell {
    const fn name(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Npm => "npm",
        }
    }
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    if options.browsers.is_none() && options.only.is_none() && !options.planted {
        return suite::e2e(&options.suite);
    }
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    pack::everything(&wasm, options.suite.is_full())?;
    let mut words = vec!["--shell", options.shell.name()];
    if let Some(only) = &options.only {
        words.extend(["--only", only]);
    }
    if options.planted {
        words.push("--planted");
    }
    let browsers = options.browsers.unwrap_or(if options.planted { Browsers::Chromium } else { Browsers::All });
    play(options.suite.port(), browsers.engines(), &words)
}

/// Every scenario in every browser.
pub(crate) fn check(port: u16) -> Result<()> {
    play(port, Browsers::All.engines(), &[])
}

/// The planted bugs have to be noticed, or the check above proves nothing.
pub(crate) fn planted_is_noticed(port: u16) -> Result<()> {
    play(port, Browsers::Chromium.engines(), &["--planted"])
}

fn play(port: u16, engines: &[&str], words: &[&str]) -> Result<()> {
    let stack = Stack::start(Plan { port, data: None, drop_nth: None })?;
    let mut failed = Vec::new();
    for engine in engines {
        let mut node = paths::node();
        node.args(["tests/e2e/run.mjs", "--engine", engine])
            .args(words)
            .env("PULSO_PORT", port.to_string())
            .env("PULSO_FRONT_PORT", (port + FRONT_PORT).to_string())
            .env("CHROMIUM", setup::find_program("chromium").unwrap_or_default())
            .env("FIREFOX", setup::find_program("firefox-esr").unwrap_or_default());
        if run::shown(engine, &mut node).is_err() {
            failed.push(*engine);
        }
        if stack::is_interrupted() {
            break;
        }
    }
    stack.stop()?;
    ensure!(failed.is_empty(), "scenarios failed in {}", failed.join(", "));
    Ok(())
}
