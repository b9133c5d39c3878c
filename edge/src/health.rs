//! Whether the worker could do its work: each part by name, never the value of a secret.

use serde::Serialize;

use crate::answer::Answer;
use crate::config::Config;
use crate::error::{Error, Result};

/// A part of the worker and whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The binding, secret or file.
    pub name: String,
    /// It is there.
    pub ok: bool,
    /// For people.
    pub detail: String,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<String>,
    checks: &'a [Check],
}

/// The answer of `/health`: 200 when everything is there, else 503. `bindings` are name and presence, as the shell found them;
/// `deep` is what a deep look saw.
#[must_use]
pub fn report(config: &Result<std::rc::Rc<Config>>, bindings: &[(String, bool)], deployment: Option<String>, deep: Vec<Check>) -> Answer {
    let mut checks: Vec<Check> = bindings.iter().map(|(name, ok)| check(name, *ok, "bound", "binding is missing")).collect();
    match config {
        Ok(config) => checks.extend(of_config(config)),
        Err(Error::Unavailable { cause }) => checks.push(check("configuration", false, "", cause)),
        Err(error) => checks.push(check("configuration", false, "", error.code())),
    }
    checks.extend(deep);
    let is_red = checks.iter().any(|check| !check.ok);
    let (status, word) = if is_red { (503, "red") } else { (200, "ok") };
    Answer::json(status, &Health { status: word, version: env!("CARGO_PKG_VERSION"), deployment, checks: &checks })
}

fn of_config(config: &Config) -> [Check; 4] {
    let names: Vec<&str> = config.portals.iter().map(|portal| portal.id.as_str()).collect();
    [
        Check { name: "portals".to_owned(), ok: !names.is_empty(), detail: names.join(", ") },
        Check { name: "kinesis".to_owned(), ok: config.kinesis.endpoint.contains("://"), detail: config.kinesis.endpoint.clone() },
        check("aws_credentials", config.kinesis.credentials.is_some(), "set", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        check("admin_secret", config.admin_secret.is_some() || config.admin_secret_next.is_some(), "set", "set ADMIN_SECRET"),
    ]
}

fn check(name: &str, ok: bool, good: &str, bad: &str) -> Check {
    Check { name: name.to_owned(), ok, detail: if ok { good } else { bad }.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::config::Environment;

    fn report(config: &Result<Rc<Config>>, bindings: &[(String, bool)]) -> Answer {
        super::report(config, bindings, None, Vec::new())
    }

    #[test]
    fn a_missing_part_turns_it_red_and_is_named() {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            admin_secret: Some("hush".to_owned()),
            ..Environment::default()
        };
        let config = Config::parse(environment).map(Rc::new);
        let green = report(&config, &[("STORE".to_owned(), true)]);
        assert_eq!(green.status, 200);
        assert!(!green.body_text().contains("hush"));
        assert_eq!(report(&config, &[("STORE".to_owned(), false)]).status, 503);
        let red = report(&Config::parse(Environment::default()).map(Rc::new), &[]);
        assert!(red.status == 503 && red.body_text().contains(r#"{"name":"admin_secret","ok":false,"detail":"set ADMIN_SECRET"}"#));
    }

    #[test]
    fn what_a_deep_look_saw_counts_and_the_deployment_is_named() {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            admin_secret_next: Some("hush".to_owned()),
            ..Environment::default()
        };
        let config = Config::parse(environment).map(Rc::new);
        for (ok, status) in [(true, 200), (false, 503)] {
            let check = Check { name: "stream s".to_owned(), ok, detail: "x".to_owned() };
            let answer = super::report(&config, &[], Some("0a1b".to_owned()), vec![check]);
            assert_eq!(answer.status, status);
            assert!(answer.body_text().contains(r#""deployment":"0a1b""#) && answer.body_text().contains(r#"{"name":"stream s""#));
        }
    }

    #[test]
    fn a_wrong_value_turns_it_red_and_says_what_would_be_right() {
        let environment = Environment { spill_after_s: Some("five".to_owned()), ..Environment::default() };
        let red = report(&Config::parse(environment).map(Rc::new), &[]);
        assert!(red.status == 503 && red.body_text().contains("SPILL_AFTER_S must be a whole number of seconds from 1 to 86400"));
    }
}
