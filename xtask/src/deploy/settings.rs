//! `wrangler.toml` and its environments: whether each has all that the worker needs, and nothing of another's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use toml::{Table, Value};

use crate::paths;

/// Where a worker may be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Environment {
    /// Where a release is tried.
    Staging,
    /// What readers reach.
    Production,
}

impl Environment {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Staging, Self::Production];

    /// As wrangler.toml and `PULSO_ENV` have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The whole file.
#[derive(Debug)]
pub(crate) struct Settings(Table);

impl Settings {
    /// The project's.
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(paths::at("wrangler.toml")).context("wrangler.toml cannot be read")?;
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(Self(toml::from_str(text).context("wrangler.toml is damaged")?))
    }

    /// Where an environment answers: its first route.
    pub(crate) fn url(&self, environment: Environment) -> Result<String> {
        let routes = self.of(environment)?.get("routes").and_then(Value::as_array);
        let host = routes.and_then(|routes| routes.first()?.get("pattern")?.as_str());
        let host = host.with_context(|| format!("[env.{environment}] has no routes with a pattern"))?;
        Ok(format!("https://{}", host.trim_end_matches("/*")))
    }

    /// A variable of an environment.
    pub(crate) fn variable(&self, environment: Environment, name: &str) -> Result<&str> {
        let value = self.of(environment)?.get("vars").and_then(|vars| vars.get(name)).and_then(Value::as_str);
        value.with_context(|| format!("[env.{environment}.vars] has no {name}"))
    }

    /// An error that names everything that is wrong with the environments.
    pub(crate) fn check(&self) -> Result<()> {
        let mut wrongs = queues(&self.0, "here");
        for environment in Environment::ALL {
            let own = self.of(environment)?;
            wrongs.extend(differences(&self.0, own, environment.name()));
            wrongs.extend(queues(own, environment.name()));
            wrongs.extend(surroundings(own, environment.name()));
        }
        let [staging, production] = Environment::ALL.map(|environment| self.of(environment).map(resources));
        let (staging, production, here) = (staging?, production?, resources(&self.0));
        for (one, other, who) in [
            (&staging, &production, "staging and production"),
            (&here, &production, "here and production"),
            (&here, &staging, "here and staging"),
        ] {
            wrongs.extend(one.intersection(other).map(|shared| format!("{shared} is used {who}")));
        }
        ensure!(wrongs.is_empty(), "wrangler.toml:\n  {}", wrongs.join("\n  "));
        Ok(())
    }

    fn of(&self, environment: Environment) -> Result<&Table> {
        let own = self.0.get("env").and_then(|all| all.get(environment.name())).and_then(Value::as_table);
        own.with_context(|| format!("wrangler.toml has no [env.{environment}]"))
    }
}

/// What wrangler does not hand on to an environment: sections with bindings, and variables.
const NOT_INHERITED: [&str; 8] = ["kv_namespaces", "r2_buckets", "queues", "ratelimits", "version_metadata", "vars", "assets", "services"];

/// Bindings and variables that one has and the other has not.
fn differences(here: &Table, own: &Table, name: &str) -> Vec<String> {
    let known: BTreeSet<&str> = NOT_INHERITED.into_iter().collect();
    // Whoever adds a section decides whether it is one of those above.
    let unknown = here.iter().filter(|(section, value)| is_section(value) && !known.contains(section.as_str()) && !is_inherited(section));
    let mut wrongs: Vec<String> = unknown.map(|(section, _)| format!("nobody has said whether environments inherit {section}")).collect();
    let (wanted, has) = (bindings(here), bindings(own));
    wrongs.extend(wanted.difference(&has).map(|missing| format!("[env.{name}] has no {missing}")));
    wrongs.extend(has.difference(&wanted).map(|extra| format!("[env.{name}] alone has {extra}")));
    wrongs
}

fn is_section(value: &Value) -> bool {
    value.is_table() || value.as_array().is_some_and(|values| values.iter().any(Value::is_table))
}

fn is_inherited(section: &str) -> bool {
    matches!(section, "env" | "limits" | "triggers" | "observability" | "rules")
}

/// Every binding, variable and queue setting by name, with the limits that must not differ.
fn bindings(table: &Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for section in ["kv_namespaces", "r2_buckets", "services"] {
        found.extend(texts(table, section, "binding").map(|name| format!("{section} {name}")));
    }
    for limit in entries(table.get("ratelimits")) {
        let said = |key: &str| limit.get(key).map(ToString::to_string).unwrap_or_default();
        found.insert(format!("ratelimits {} {}", said("name"), said("simple")));
    }
    for section in ["version_metadata", "assets"] {
        let name = table.get(section).and_then(|section| section.get("binding")).and_then(Value::as_str);
        found.extend(name.map(|name| format!("{section} {name}")));
    }
    let queues = table.get("queues");
    let producers = entries(queues.and_then(|queues| queues.get("producers")));
    found.extend(producers.filter_map(|one| one.get("binding")?.as_str()).map(|name| format!("queue {name}")));
    let names = table.get("vars").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    found.extend(names.map(|name| format!("variable {name}")));
    found
}

/// What an environment alone must have right.
fn surroundings(own: &Table, name: &str) -> Vec<String> {
    let said = |section: &str, key: &str| own.get(section).and_then(|section| section.get(key)).and_then(Value::as_str).unwrap_or_default();
    let mut wrongs = Vec::new();
    let mut must = |is_so: bool, what: String| {
        if !is_so {
            wrongs.push(format!("[env.{name}] {what}"));
        }
    };
    must(said("vars", "PULSO_ENV") == name, format!("says PULSO_ENV = {:?}", said("vars", "PULSO_ENV")));
    must(said("assets", "directory") == "target/shipped", format!("ships {:?}", said("assets", "directory")));
    let queues = entries(own.get("queues").and_then(|queues| queues.get("producers"))).count();
    must(
        said("vars", "RETRY_QUEUES") == queues.to_string(),
        format!("has {queues} queues and says RETRY_QUEUES = {:?}", said("vars", "RETRY_QUEUES")),
    );
    wrongs
}

/// Queues that somebody writes and nobody empties, or whose dead would be deleted.
fn queues(table: &Table, name: &str) -> Vec<String> {
    let queues = table.get("queues");
    let consumers: BTreeMap<&str, &Table> = entries(queues.and_then(|queues| queues.get("consumers")))
        .filter_map(|consumer| Some((consumer.get("queue")?.as_str()?, consumer)))
        .collect();
    let mut wrongs = Vec::new();
    for queue in entries(queues.and_then(|queues| queues.get("producers"))).filter_map(|producer| producer.get("queue")?.as_str()) {
        let Some(consumer) = consumers.get(queue) else {
            wrongs.push(format!("{name}: queue {queue} has no consumer"));
            continue;
        };
        match consumer.get("dead_letter_queue").and_then(Value::as_str) {
            None => wrongs.push(format!("{name}: queue {queue} has no dead_letter_queue: what was tried in vain would be deleted")),
            Some(dead) if !consumers.contains_key(dead) => {
                wrongs.push(format!("{name}: dead-letter queue {dead} has no consumer: what is in it would be deleted after four days"));
            }
            Some(_) => {}
        }
        let retries = consumer.get("max_retries").and_then(Value::as_integer);
        if retries != Some(100) {
            wrongs.push(format!("{name}: queue {queue} has max_retries {retries:?}, not 100"));
        }
    }
    wrongs
}

/// What must not be shared: namespaces, buckets, queues, addresses.
fn resources(table: &Table) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = texts(table, "kv_namespaces", "id").map(|id| format!("KV namespace {id}")).collect();
    found.extend(texts(table, "ratelimits", "namespace_id").map(|id| format!("rate limit namespace {id}")));
    found.extend(texts(table, "r2_buckets", "bucket_name").map(|name| format!("bucket {name}")));
    found.extend(texts(table, "routes", "pattern").map(|pattern| format!("route {pattern}")));
    found.extend(table.get("name").and_then(Value::as_str).map(|name| format!("name {name}")));
    let consumers = entries(table.get("queues").and_then(|queues| queues.get("consumers")));
    found.extend(consumers.filter_map(|consumer| consumer.get("queue")?.as_str()).map(|queue| format!("queue {queue}")));
    found
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = &Table> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn texts<'a>(table: &'a Table, section: &str, key: &'a str) -> impl Iterator<Item = &'a str> {
    entries(table.get(section)).filter_map(move |entry| entry.get(key)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = include_str!("../../../wrangler.toml");

    fn wrongs(text: &str) -> String {
        Settings::parse(text).unwrap().check().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn our_environments_have_everything_and_share_nothing() {
        assert_eq!(wrongs(OURS), "");
    }

    #[test]
    fn each_mistake_is_named() {
        for (what, by, expected) in [
            (
                "[[env.production.kv_namespaces]]\nbinding = \"STORE\"",
                "[[env.production.kv_namespaces]]\nbinding = \"SHOP\"",
                "[env.production] has no kv_namespaces STORE",
            ),
            (
                "id = \"pulso-production-store\"",
                "id = \"pulso-staging-store\"",
                "KV namespace pulso-staging-store is used staging and production",
            ),
            (
                "bucket_name = \"pulso-production-archive\"",
                "bucket_name = \"pulso-archive\"",
                "bucket pulso-archive is used here and production",
            ),
            ("PULSO_ENV = \"staging\"\n", "PULSO_ENV = \"dev\"\n", "[env.staging] says PULSO_ENV = \"dev\""),
            ("[env.staging.version_metadata]\nbinding = \"VERSION\"\n", "", "[env.staging] has no version_metadata VERSION"),
            (
                "[env.production.assets]\ndirectory = \"target/shipped\"",
                "[env.production.assets]\ndirectory = \"target/assets\"",
                "[env.production] ships \"target/assets\"",
            ),
            (
                "[[env.production.queues.consumers]]\nqueue = \"pulso-production-retry-dead\"",
                "[[env.production.queues.consumers]]\nqueue = \"other\"",
                "production: dead-letter queue pulso-production-retry-dead has no consumer",
            ),
            (
                "[[env.production.queues.consumers]]\nqueue = \"pulso-production-retry-1\"",
                "[[env.production.queues.consumers]]\nqueue = \"other\"",
                "production: queue pulso-production-retry-1 has no consumer",
            ),
            (
                "[[env.staging.queues.producers]]\nbinding = \"RETRY_1\"\nqueue = \"pulso-staging-retry-1\"\n",
                "",
                "[env.staging] has no queue RETRY_1",
            ),
            ("[env.production.vars]\n", "[env.production.vars]\nTEST = \"1\"\n", "[env.production] alone has variable TEST"),
            (
                "[version_metadata]",
                "[[d1_databases]]\nbinding = \"D\"\n[version_metadata]",
                "nobody has said whether environments inherit d1_databases",
            ),
        ] {
            assert!(OURS.contains(what), "{what}");
            let said = wrongs(&OURS.replacen(what, by, 1));
            assert!(said.contains(expected), "wanted {expected}, got {said}");
        }
    }

    #[test]
    fn an_environment_has_an_address() {
        let settings = Settings::parse(OURS).unwrap();
        assert_eq!(settings.url(Environment::Staging).unwrap(), "https://staging.pulso.example");
    }
}
