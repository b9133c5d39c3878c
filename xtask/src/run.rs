//! Running other programs: with a progress bar and a log, or with their output as it comes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::paths;

/// Lines shown when a program fails.
const TAIL_LINES: usize = 30;

/// Runs `command` with its output in `target/logs/`, showing how far it is.
/// `expected_lines` is about how many lines it prints; 0 when nobody knows.
pub(crate) fn logged(what: &str, command: &mut Command, expected_lines: u64) -> Result<()> {
    let started = Instant::now();
    let file = format!("{}.log", what.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let log_path = paths::at("target/logs").join(file);
    std::fs::create_dir_all(paths::at("target/logs"))?;
    let mut log = File::create(&log_path)?;
    let bar = bar(what, expected_lines);
    let (pipe, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    // Our own ends of the pipe, else it never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tail = VecDeque::new();
    for line in BufReader::new(pipe).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
        writeln!(log, "{line}")?;
        bar.set_message(line.chars().take(50).collect::<String>());
        bar.inc(1);
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
    let status = child.wait()?;
    bar.finish_and_clear();
    if !status.success() {
        let tail = tail.into_iter().collect::<Vec<_>>().join("\n");
        bail!("{what} failed ({status}), its log is {}:\n{tail}", log_path.display());
    }
    println!("  {what:<46} {:>6.1} s", started.elapsed().as_secs_f32());
    Ok(())
}

fn bar(what: &str, expected_lines: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, shape) = if expected_lines == 0 {
        (ProgressBar::new_spinner(), "  {prefix} {spinner} {elapsed} {msg:.dim}")
    } else {
        (ProgressBar::new(expected_lines), "  {prefix} [{bar:24}] {elapsed} {msg:.dim}")
    };
    bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Runs `command` with its output as it comes.
pub(crate) fn shown(what: &str, command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// What a program prints, or `None` when it is absent or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
