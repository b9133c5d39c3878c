//! Runs wrangler and hears what it says.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::paths;

/// Another program in its place, for tests that have no account.
const INSTEAD: &str = "PULSO_WRANGLER";

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub is_good: bool,
    /// Both of its outputs.
    pub said: String,
}

/// Runs it with these arguments and this on its standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Result<Outcome> {
    let mut command = std::env::var_os(INSTEAD).map_or_else(ours, Command::new);
    command.args(arguments).current_dir(paths::root());
    command.envs([("WRANGLER_SEND_METRICS", "false"), ("CI", "1"), ("NO_COLOR", "1")]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("wrangler cannot be started")?;
    if let Some(mut pipe) = child.stdin.take() {
        // What needs no input may be gone already.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(Outcome { is_good: output.status.success(), said })
}

fn ours() -> Command {
    let mut node = paths::node();
    node.arg(paths::at("node_modules/wrangler/bin/wrangler.js"));
    node
}

impl Outcome {
    /// The id of the version that `wrangler deploy` says it has made.
    pub(crate) fn version_id(&self) -> Option<&str> {
        let id = self.said.lines().find_map(|line| line.trim().strip_prefix("Current Version ID:"))?.trim();
        (!id.is_empty()).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_deploy_says() {
        let said = "Uploaded pulso\nDeployed pulso triggers\n  https://pulso.example\nCurrent Version ID: 0f1e-2d\n";
        assert_eq!(Outcome { is_good: true, said: said.to_owned() }.version_id(), Some("0f1e-2d"));
        assert_eq!(Outcome { is_good: true, said: "Uploaded".to_owned() }.version_id(), None);
    }
}
