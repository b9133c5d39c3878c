//! Where things are: the project, its build output, the user's cache of built tools.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

/// The project's top folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// A path below the project's top folder.
pub(crate) fn at(path: &str) -> PathBuf {
    root().join(path)
}

/// Tools that take minutes to build, by version: a fresh clone finds them again.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => PathBuf::from(std::env::var_os("HOME").context("neither HOME nor XDG_CACHE_HOME is set")?).join(".cache"),
    };
    Ok(base.join("pulso"))
}

/// The version of a crate in `Cargo.lock`.
pub(crate) fn locked_version(name: &str) -> Result<String> {
    #[derive(serde::Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock = std::fs::read_to_string(at("Cargo.lock")).context("Cargo.lock cannot be read")?;
    let lock: Lock = toml::from_str(&lock).context("Cargo.lock is damaged: git checkout Cargo.lock")?;
    let package = lock.package.into_iter().find(|package| package.name == name);
    Ok(package.with_context(|| format!("{name} is not in Cargo.lock"))?.version)
}

/// The folder of the wasm-bindgen tools of exactly the locked version.
pub(crate) fn wasm_bindgen_bin() -> Result<PathBuf> {
    Ok(cache()?.join(format!("wasm-bindgen-cli-{}", locked_version("wasm-bindgen")?)).join("bin"))
}

/// A Python that has the AWS stand-in and the test oracles' libraries.
pub(crate) fn python() -> PathBuf {
    at("target/venv/bin/python")
}

/// Node of the version that wrangler needs, with a script of `node_modules`.
pub(crate) fn node() -> Command {
    let mut node = Command::new(at("node_modules/.bin/node"));
    let bin = at("node_modules/.bin");
    let path = std::env::var("PATH").unwrap_or_default();
    node.env("PATH", format!("{}:{path}", bin.display())).current_dir(root());
    node
}
