//! Turns `portals.toml` into JSON, so that a bad file fails the build and the worker needs no TOML parser.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=../portals.toml");
    if let Err(sentence) = embed_portals() {
        println!("cargo::error={}", sentence.replace('\n', " | "));
    }
}

fn embed_portals() -> Result<(), String> {
    let text = fs::read_to_string("../portals.toml").map_err(|error| format!("portals.toml cannot be read: {error}"))?;
    let portals: wire::Portals = toml::from_str(&text).map_err(|error| format!("portals.toml is wrong: {error}"))?;
    portals.check()?;
    let json = serde_json::to_string(&portals).map_err(|error| format!("portals.toml cannot become JSON: {error}"))?;
    let out_dir = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    fs::write(Path::new(&out_dir).join("portals.json"), json).map_err(|error| format!("portals.json cannot be written: {error}"))
}
