//! What of the estate depends on the portals and on the environments: written into `target/infra/`, never by hand.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use wire::{Portal, Portals};

use crate::deploy::settings::{Environment, Settings};
use crate::{pack, paths};

/// Between these two lines a template stands once for each portal.
const EACH: &str = "# for each portal";
const END: &str = "# end";
/// A line with one of these stands once for each portal too.
const STREAMS: [&str; 2] = ["EVENTS_STREAM", "INTERACTIONS_STREAM"];
/// What CloudFormation takes for a parameter, in bytes.
const VALUE_BYTES_MAX: usize = 4_096;
/// Milliseconds of a tenth of an hour.
const TENTH_HOUR_MS: u64 = 360_000;

/// Writes the templates, with the portals in them, and the parameters of each environment; where they are.
pub(super) fn write() -> Result<PathBuf> {
    let portals = pack::portals()?;
    let (from, to) = (paths::at("backend/infra"), paths::at("target/infra"));
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(&from).context("backend/infra cannot be read")? {
        let path = entry?.path();
        let (Some(name), true) = (path.file_name(), path.extension().is_some_and(|extension| extension == "yaml")) else { continue };
        let text = fs::read_to_string(&path)?;
        let expanded = expanded(&text, &portals).with_context(|| path.display().to_string())?;
        fs::write(to.join(name), expanded)?;
    }
    let environments = fs::read_to_string(from.join("environments.toml")).context("environments.toml cannot be read")?;
    let settings = Settings::read()?;
    for environment in Environment::ALL {
        let list = parameters(&environments, &settings, environment)?;
        fs::write(to.join(format!("{environment}.json")), serde_json::to_string_pretty(&list)? + "\n")?;
    }
    Ok(to)
}

/// A template with every part that is meant for a portal once for each.
fn expanded(template: &str, portals: &Portals) -> Result<String> {
    let mut out = Vec::new();
    let mut part: Option<Vec<&str>> = None;
    for line in template.lines() {
        match (line.trim(), &mut part) {
            (EACH, None) => part = Some(Vec::new()),
            (END, Some(lines)) => {
                out.extend(portals.iter().map(|portal| filled(&lines.join("\n"), portal)));
                part = None;
            }
            (EACH, Some(_)) | (END, None) => bail!("{EACH} and {END} do not alternate"),
            (_, Some(lines)) => lines.push(line),
            (text, None) if !text.starts_with('#') && STREAMS.iter().any(|name| line.contains(name)) => {
                out.extend(portals.iter().map(|portal| filled(line, portal)));
            }
            (_, None) => out.push(line.to_owned()),
        }
    }
    ensure!(part.is_none(), "{EACH} has no {END}");
    Ok(out.join("\n") + "\n")
}

fn filled(text: &str, portal: &Portal) -> String {
    // A logical id has letters and digits only; no portal's id has a capital, so that two never become one.
    let logical = portal.id.as_str().replace('-', "Dash");
    text.replace("INTERACTIONS_STREAM", &portal.interactions_stream())
        .replace("EVENTS_STREAM", &portal.events_stream())
        .replace("PORTAL_ID", &logical)
        .replace("PORTAL", portal.id.as_str())
}

/// As `aws cloudformation deploy --parameter-overrides file://…` reads them.
fn parameters(environments: &str, settings: &Settings, environment: Environment) -> Result<Vec<Value>> {
    let all: toml::Table = toml::from_str(environments).context("environments.toml is damaged")?;
    let own = all.get(environment.name()).and_then(toml::Value::as_table);
    let mut own = own.cloned().with_context(|| format!("environments.toml has no [{environment}]"))?;
    let hours = own.get("RetentionHours").and_then(toml::Value::as_integer).and_then(|hours| u64::try_from(hours).ok());
    let hours = hours.with_context(|| format!("[{environment}] needs RetentionHours, a whole number"))?;
    let derived = [
        ("EdgeUrl", settings.url(environment)?),
        ("WithSqs", (settings.variable(environment, "RETRY_QUEUE")? == "sqs").to_string()),
        ("FarBehindMs", hours.saturating_mul(TENTH_HOUR_MS).to_string()),
    ];
    for (name, value) in derived {
        ensure!(own.insert(name.to_owned(), value.into()).is_none(), "[{environment}] says {name}, which stands elsewhere already");
    }
    own.iter().map(|(name, value)| Ok(json!({ "ParameterKey": name, "ParameterValue": text(name, value)? }))).collect()
}

fn text(name: &str, value: &toml::Value) -> Result<String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(flag) => flag.to_string(),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            bail!("{name} is neither a text nor a whole number")
        }
    };
    ensure!(text.len() <= VALUE_BYTES_MAX, "{name} has {} bytes, more than {VALUE_BYTES_MAX}", text.len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portals() -> Portals {
        let entry = |id: &str, more: &str| {
            format!(
                "[[portal]]\nid = \"{id}\"\norigins = []\nconsent_default = \"off\"\n{more}\
                 built_in = [{{ item = \"/\", url = \"/\", title = \"t\" }}]\n"
            )
        };
        toml::from_str(&(entry("g1", "") + &entry("g-1", "events_stream = \"own\"\n"))).unwrap()
    }

    #[test]
    fn a_line_with_a_stream_and_a_marked_part_stand_once_for_each_portal() {
        let template = "a\n- x/EVENTS_STREAM\n# for each portal\nPortalPORTAL_ID: PORTAL\n  in: INTERACTIONS_STREAM\n# end\nz";
        let wanted = "a\n- x/pulso-g1-events\n- x/own\nPortalg1: g1\n  in: pulso-g1-interactions\n\
                      PortalgDash1: g-1\n  in: pulso-g-1-interactions\nz\n";
        assert_eq!(expanded(template, &portals()).unwrap(), wanted);
    }

    #[test]
    fn a_comment_about_streams_stays_as_it_is() {
        assert_eq!(expanded("# a line with EVENTS_STREAM", &portals()).unwrap(), "# a line with EVENTS_STREAM\n");
    }

    #[test]
    fn a_part_without_its_end_is_refused() {
        for template in ["# for each portal\nx", "# end", "# for each portal\n# for each portal\n# end"] {
            assert!(expanded(template, &portals()).is_err(), "{template}");
        }
    }

    #[test]
    fn parameters_add_what_stands_in_wrangler_toml_and_nothing_twice() {
        let settings = Settings::read().unwrap();
        let of = |text: &str| parameters(text, &settings, Environment::Staging).map(|list| serde_json::to_string(&list).unwrap());
        let list = of("[staging]\nRetentionHours = 24\n").unwrap();
        assert!(list.contains(r#"{"ParameterKey":"FarBehindMs","ParameterValue":"8640000"}"#), "{list}");
        assert!(list.contains(r#""ParameterValue":"https://staging.pulso.example""#), "{list}");
        assert!(of("[staging]\nRetentionHours = 24\nEdgeUrl = \"x\"\n").is_err());
        assert!(of("[staging]\n").is_err() && of("[production]\nRetentionHours = 24\n").is_err());
    }
}
