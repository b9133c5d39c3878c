//! The fences of the house: cores name no platform, files stay short.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{paths, run, runbook, threats};

/// Longest source file, in lines.
const LINES_MAX: usize = 400;

/// Words that only shells may say.
const PLATFORM_WORDS: [&str; 14] = [
    "web_sys::",
    "js_sys::",
    "gloo_timers::",
    "worker::",
    "tokio::",
    "axum::",
    "aws_sdk_kinesis::",
    "aws_sdk_cloudwatch::",
    "SystemTime::now",
    "Instant::now",
    "getrandom::",
    "reqwest::",
    "std::fs",
    "std::net::Tcp",
];

/// Deliverables with a core, and where their shells are.
const SHELLS: [(&str, &[&str]); 4] = [
    ("tracker/src", &["tracker/src/browser/", "tracker/src/script/", "tracker/src/lib.rs"]),
    ("edge/src", &["edge/src/platform/", "edge/src/lib.rs"]),
    ("backend/src", &["backend/src/platform/", "backend/src/main.rs"]),
    ("backend/notifier/src", &["backend/notifier/src/platform/", "backend/notifier/src/main.rs"]),
];

/// The verb.
pub(crate) fn verb() -> Result<()> {
    let files = run::output(Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(paths::root()));
    let files = files.unwrap_or_default();
    let mut faults = Vec::new();
    let mut count = 0;
    for file in files.lines().filter(|file| is_source(file)) {
        let Ok(text) = std::fs::read_to_string(paths::at(file)) else { continue };
        count += 1;
        check(file, &text, &mut faults);
    }
    if count == 0 {
        bail!("tidy found no source file: is this a git checkout?");
    }
    if !faults.is_empty() {
        bail!("the house is not tidy:\n{}", faults.join("\n"));
    }
    threats::check()?;
    runbook::check()?;
    println!("tidy: {count} source files");
    Ok(())
}

fn is_source(file: &str) -> bool {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("rs" | "js" | "mjs" | "py"))
}

fn check(file: &str, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("  {file} has {lines} lines, more than {LINES_MAX}: cut it where its ideas part"));
    }
    let is_core = SHELLS.iter().any(|(core, shells)| file.starts_with(core) && !shells.iter().any(|shell| file.starts_with(shell)));
    if !is_core {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for word in PLATFORM_WORDS {
            if code.contains(word) {
                faults.push(format!("  {file}:{} names {word} outside the shell", index + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> usize {
        let mut faults = Vec::new();
        check(file, text, &mut faults);
        faults.len()
    }

    #[test]
    fn a_core_that_names_its_platform_is_found() {
        assert_eq!(faults("edge/src/collect.rs", "use worker::Env;\n"), 1);
        assert_eq!(faults("edge/src/platform/kv.rs", "use worker::Env;\n"), 0);
        assert_eq!(faults("edge/src/collect.rs", "// worker::Env is a platform word\n"), 0);
        assert_eq!(faults("backend/notifier/src/news.rs", "use reqwest::Client;\n"), 1);
        assert_eq!(faults("backend/notifier/src/platform/aws.rs", "use reqwest::Client;\n"), 0);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(faults("xtask/src/x.rs", &"a\n".repeat(401)), 1);
        assert_eq!(faults("xtask/src/x.rs", &"a\n".repeat(400)), 0);
    }
}
