//! What a worker says of itself: `/health`, and with the admin secret a deep look.

use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde::Deserialize;

/// A deep look asks every stream and store, one after the other, each for some seconds at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `/health` answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Health {
    status: String,
    version: String,
    #[serde(default)]
    deployment: Option<String>,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It answered.
    Said(Health),
    /// It does not admit the secret.
    Refused,
    /// No answer of a worker of ours.
    Nothing(String),
}

impl Health {
    /// Asks; deep, if there is a secret.
    pub(crate) fn look(url: &str, secret: Option<&str>) -> Seen {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        let request = match secret {
            Some(secret) => agent.get(format!("{url}/health?deep=1")).header("Authorization", format!("Bearer {secret}")),
            None => agent.get(format!("{url}/health")),
        };
        let request = match local_address(url) {
            Some(address) => request.header("X-Pulso-Test-Ip", address),
            None => request,
        };
        let mut answer = match request.call() {
            Ok(answer) => answer,
            Err(error) => return Seen::Nothing(error.to_string()),
        };
        let status = answer.status().as_u16();
        if status == 401 {
            return Seen::Refused;
        }
        let said = answer.body_mut().read_json::<Self>();
        said.map_or_else(|_| Seen::Nothing(format!("status {status}, and no health")), Seen::Said)
    }

    /// What is not well, with its reason.
    fn wrongs(&self) -> Vec<String> {
        self.checks.iter().filter(|check| !check.ok).map(|check| format!("{}: {}", check.name, check.detail)).collect()
    }
}

impl Seen {
    /// Whether everything is well.
    pub(crate) fn is_green(&self) -> bool {
        matches!(self, Self::Said(health) if health.status == "ok" && health.wrongs().is_empty())
    }

    /// Whether this deployment answered.
    pub(crate) fn is_of(&self, deployment: &str) -> bool {
        matches!(self, Self::Said(health) if health.deployment.as_deref() == Some(deployment))
    }

    /// Whether the worker admits a second admin secret, too.
    pub(crate) fn admits_next(&self) -> bool {
        matches!(self, Self::Said(health) if health.checks.iter().any(|check| check.name == "admin_secret_next" && check.detail == "set"))
    }

    /// Whether the worker signs with a key whose id ends so.
    pub(crate) fn key_ends_with(&self, end: &str) -> bool {
        let is_it = |check: &Check| check.name == "aws_access_key" && check.detail.trim_start_matches('…') == end;
        matches!(self, Self::Said(health) if health.checks.iter().any(is_it))
    }
}

/// A local worker lets a test say from where it comes: a look with a secret that is not admitted yet must not count as somebody's guessing.
fn local_address(url: &str) -> Option<String> {
    static LOOKS: AtomicU16 = AtomicU16::new(0);
    let [high, low] = LOOKS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    url.starts_with("http://127.0.0.1:").then(|| format!("198.18.{high}.{low}"))
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(health) if self.is_green() => {
                write!(formatter, "green, version {}, {} checks", health.version, health.checks.len())
            }
            Self::Said(health) => write!(formatter, "red: {}", health.wrongs().join("; ")),
            Self::Refused => formatter.write_str("it does not admit the admin secret"),
            Self::Nothing(why) => write!(formatter, "no answer: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Seen {
        Seen::Said(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn green_is_only_what_is_well_throughout() {
        let green =
            said(r#"{"status":"ok","version":"0.1.0","deployment":"d1","checks":[{"name":"aws_access_key","ok":true,"detail":"…1234"}]}"#);
        assert!(green.is_green() && green.is_of("d1") && !green.is_of("d2") && green.key_ends_with("1234") && !green.key_ends_with("4"));
        let red = said(r#"{"status":"ok","version":"0.1.0","checks":[{"name":"STORE","ok":false,"detail":"binding is missing"}]}"#);
        assert!(!red.is_green() && !red.is_of("d1"));
        assert_eq!(red.to_string(), "red: STORE: binding is missing");
        assert!(!Seen::Refused.is_green() && !Seen::Nothing(String::new()).is_green());
    }
}
