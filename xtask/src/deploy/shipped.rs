//! What wrangler would upload and bind, by its own dry run.

use std::path::Path;

use anyhow::{Result, ensure};

use super::settings::{Environment, Settings};
use super::wrangler;
use crate::paths;

/// Bindings that a dry run has to list, by their names.
const BINDINGS: [&str; 6] = ["env.STORE", "env.ARCHIVE", "env.ASSETS", "env.RETRY_0", "env.RETRY_1", "env.VERSION"];

/// What wrangler says that it would do.
pub(super) fn dry_run(environment: Environment) -> Result<String> {
    let folder = paths::at("target/dry-run").join(environment.name());
    let folder = folder.display().to_string();
    let outcome = wrangler::run(&["deploy", "--env", environment.name(), "--dry-run", "--outdir", &folder], "")?;
    ensure!(outcome.is_good, "wrangler deploy --dry-run --env {environment} failed:\n{}", outcome.said);
    Ok(outcome.said)
}

/// Whether each environment would ship the worker with all its bindings, and nothing that is for development.
pub(super) fn check() -> Result<()> {
    Settings::read()?.check()?;
    let names = files(&paths::at("target/shipped"))?;
    ensure!(names.iter().any(|name| name == "scripts/current.json"), "target/shipped has no scripts: {names:?}");
    let strange: Vec<&String> = names.iter().filter(|name| !name.starts_with("scripts/")).collect();
    ensure!(strange.is_empty(), "production would serve {strange:?}");
    for environment in Environment::ALL {
        let said = dry_run(environment)?;
        for binding in BINDINGS {
            ensure!(said.contains(binding), "the dry run of {environment} does not bind {binding}:\n{said}");
        }
        let is_named = said.contains(&format!("PULSO_ENV (\"{environment}\")"));
        ensure!(is_named, "the dry run of {environment} does not say PULSO_ENV (\"{environment}\"):\n{said}");
        println!("{environment}: {} bindings, {} assets, no demo page", BINDINGS.len(), names.len());
    }
    Ok(())
}

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?.into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.push(name);
        }
    }
    Ok(found)
}
