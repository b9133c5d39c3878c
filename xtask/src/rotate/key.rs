//! The worker's access keys in IAM: a user may have two, which is what makes a change without a gap possible.

use std::process::Command;

use anyhow::{Context, Result};

use crate::paths;
use crate::stack::AWS_ENV;

/// The worker's user.
pub(super) const USER: &str = "pulso-worker";
/// How much of an id is shown, as in the worker's `/health`.
const END_CHARS: usize = 4;

/// An access key; of one that is there already nobody knows the secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccessKey {
    pub id: String,
    pub secret: String,
}

/// A user's keys, in AWS or in the stand-in.
#[derive(Debug, Clone)]
pub(crate) struct AccessKeys {
    pub user: String,
    endpoint: Option<String>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "AccessKey(…{})", self.end())
    }
}

impl AccessKey {
    /// The end of its id, which is enough to tell two apart.
    pub(crate) fn end(&self) -> &str {
        let from = self.id.char_indices().rev().nth(END_CHARS - 1).map_or(0, |(at, _)| at);
        self.id.get(from..).unwrap_or_default()
    }
}

impl AccessKeys {
    /// Of the AWS account that the environment says (`AWS_PROFILE` or the like), who has to be allowed `iam:*AccessKey*` on that user.
    pub(super) fn of_account(user: &str) -> Self {
        Self { user: user.to_owned(), endpoint: None }
    }

    /// Of the stand-in.
    pub(super) fn of_stand_in(endpoint: String) -> Self {
        Self { user: USER.to_owned(), endpoint: Some(endpoint) }
    }

    /// Makes a second key and waits until it is known; the new one and the one before, whose secret is not known.
    pub(super) fn make(&self) -> Result<(AccessKey, AccessKey)> {
        let said = self.call("make", &[])?;
        let mut words = said.split_whitespace().map(str::to_owned);
        let mut word = || words.next().context("xtask/src/rotate/access_key.py printed too few words");
        let made = AccessKey { id: word()?, secret: word()? };
        Ok((made, AccessKey { id: word()?, secret: String::new() }))
    }

    /// Makes a key useless, which can be taken back.
    pub(super) fn deactivate(&self, id: &str) -> Result<()> {
        self.call("deactivate", &[id]).map(drop)
    }

    /// Takes that back.
    pub(super) fn activate(&self, id: &str) -> Result<()> {
        self.call("activate", &[id]).map(drop)
    }

    /// Deletes a key for good.
    pub(crate) fn delete(&self, id: &str) -> Result<()> {
        self.call("delete", &[id]).map(drop)
    }

    fn call(&self, what: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(paths::python());
        command.arg(paths::at("xtask/src/rotate/access_key.py")).args(["--user", &self.user]);
        if let Some(endpoint) = &self.endpoint {
            command.args(["--endpoint", endpoint]).envs(AWS_ENV);
        }
        let output = command.arg(what).args(arguments).output().context("python cannot be started: cargo xtask setup")?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_end_alone() {
        let key = |id: &str| AccessKey { id: id.to_owned(), secret: "hush".to_owned() };
        assert_eq!(key("AKIDEXAMPLE1234").end(), "1234");
        assert_eq!(key("abc").end(), "abc");
        assert_eq!(format!("{:?}", key("AKIDEXAMPLE1234")), "AccessKey(…1234)");
    }
}
