//! Sections of a Markdown file that programs write: each between two marks, the rest stays.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, run};

/// Puts a text in its place in a file of the project.
pub(crate) fn replace(file: &str, name: &str, text: &str) -> Result<()> {
    let path = paths::at(file);
    let old = fs::read_to_string(&path).with_context(|| format!("{file} cannot be read"))?;
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = old.split_once(&open).and_then(|(before, rest)| Some((before, rest.split_once(&close)?.1)));
    let (before, after) = parts.with_context(|| format!("{file} has no place for {name}"))?;
    fs::write(&path, format!("{before}{open}\n{}\n\n{close}{after}", text.trim())).with_context(|| format!("{file} cannot be written"))
}

/// Today and now, for people.
pub(crate) fn today() -> String {
    run::output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])).unwrap_or_default()
}

/// On what it ran.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |line| line.trim_start_matches(['\t', ' ', ':']));
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let version = |program: &mut Command| run::output(program).unwrap_or_default();
    let kernel = version(Command::new("uname").arg("-sr"));
    let rustc = version(Command::new("rustc").arg("--version"));
    format!("{model}, {threads} threads, {kernel}; {rustc}")
}
