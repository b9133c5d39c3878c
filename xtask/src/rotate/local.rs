//! A worker on this machine: wrangler reads its secrets again when its configuration changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Place;
use super::key::AccessKeys;
use crate::paths;
use crate::stack::Plan;

/// What `wrangler dev` reads secrets from, in a stack's folder.
pub(crate) const SECRETS: &str = "dev.vars";
/// What the backend reads the admin secret from, in a stack's folder.
pub(crate) const ADMIN_SECRET_FILE: &str = "admin-secret";

/// A stack that runs here.
#[derive(Debug)]
pub(crate) struct Local {
    folder: PathBuf,
    url: String,
    aws_url: String,
}

impl Local {
    /// The stack of a running `dev`.
    pub(super) fn find(port: u16, data: Option<&Path>) -> Result<Self> {
        let folder = data.map_or_else(|| paths::at("target/dev").join(port.to_string()), Path::to_owned);
        ensure!(folder.join(SECRETS).is_file(), "no dev runs in {}: start cargo xtask dev, or name its --port or --data", folder.display());
        Ok(Self::at(folder, &Plan { port, data: None, drop_nth: None }))
    }

    /// Of a folder.
    pub(crate) fn at(folder: PathBuf, plan: &Plan) -> Self {
        Self { folder, url: plan.worker_url(), aws_url: plan.aws_url() }
    }

    pub(crate) fn secret_file(&self) -> PathBuf {
        self.folder.join(ADMIN_SECRET_FILE)
    }

    /// Those of the worker's user, if it has one: the stand-in's own key cannot be changed.
    pub(crate) fn keys(&self) -> Option<AccessKeys> {
        let text = fs::read_to_string(self.folder.join(SECRETS)).ok()?;
        let secrets = parsed(&text);
        let id = secrets.get("AWS_ACCESS_KEY_ID")?;
        (*id != "test").then(|| AccessKeys::of_stand_in(self.aws_url.clone()))
    }

    /// The file that wrangler watches: the stack's own, else the project's.
    fn configuration(&self) -> PathBuf {
        let own = self.folder.join("wrangler.toml");
        if own.is_file() { own } else { paths::at("wrangler.toml") }
    }
}

impl Place for Local {
    fn said(&self) -> String {
        format!("the stack in {}, worker at {}", self.folder.display(), self.url)
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn tell(&self, changes: &[(&str, Option<&str>)]) -> Result<()> {
        let file = self.folder.join(SECRETS);
        let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        fs::write(&file, changed(&text, changes))?;
        // It watches the configuration alone, and reads the secrets along with it.
        let configuration = self.configuration();
        let text = fs::read_to_string(&configuration)?;
        Ok(fs::write(&configuration, text)?)
    }
}

fn parsed(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

fn changed(text: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut secrets = parsed(text);
    for (name, value) in changes {
        match value {
            Some(value) => secrets.insert(name, value),
            None => secrets.remove(name),
        };
    }
    let lines: Vec<String> = secrets.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_set_and_taken_away() {
        let text = changed("A=1\nB=2=3", &[("B", Some("4")), ("C", Some("5")), ("A", None)]);
        assert_eq!(text, "B=4\nC=5\n");
    }
}
