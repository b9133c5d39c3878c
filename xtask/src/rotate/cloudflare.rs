//! A deployed worker: `wrangler secret bulk` makes one new version of all changes, so that no request meets half of them.

use anyhow::{Result, ensure};
use serde_json::{Map, Value};

use super::Place;
use crate::deploy::settings::{Environment, Settings};
use crate::deploy::wrangler;

/// A worker of an environment.
#[derive(Debug)]
pub(super) struct Cloudflare {
    environment: Environment,
    url: String,
}

impl Cloudflare {
    pub(super) fn new(environment: Environment, url: Option<&str>) -> Result<Self> {
        let url = match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => Settings::read()?.url(environment)?,
        };
        Ok(Self { environment, url })
    }
}

impl Place for Cloudflare {
    fn said(&self) -> String {
        format!("{}, worker at {}", self.environment, self.url)
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn tell(&self, changes: &[(&str, Option<&str>)]) -> Result<()> {
        let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
        println!("  wrangler secret bulk --env {}: {}", self.environment, names.join(", "));
        let values: Map<String, Value> =
            changes.iter().map(|(name, value)| ((*name).to_owned(), value.map_or(Value::Null, Value::from))).collect();
        // By standard input: an argument could be seen by others.
        let outcome = wrangler::run(&["secret", "bulk", "--env", self.environment.name()], &Value::Object(values).to_string())?;
        ensure!(outcome.is_good, "wrangler could not change the secrets:\n{}", outcome.said);
        Ok(())
    }
}
