//! The workers that are measured: each becomes a folder with its modules and a configuration for workerd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::wasm_target::{Panic, TRIPLE, WasmTarget};
use crate::workerd::Config;
use crate::{pack, paths, run};

/// One worker.
pub(super) struct Variant {
    /// As the report calls it, and its folder.
    pub(super) name: &'static str,
    make: fn(&Path) -> Result<()>,
    /// Values of its environment.
    vars: &'static [(&'static str, &'static str)],
    has_bindings: bool,
}

/// In the order in which they are asked.
pub(super) const VARIANTS: &[Variant] = &[
    Variant { name: "null-js", make: |folder| script("null-js.js", folder), vars: &[], has_bindings: false },
    Variant { name: "null-rust", make: null_rust, vars: &[], has_bindings: false },
    Variant { name: "js", make: |folder| script("js/worker.js", folder), vars: &[], has_bindings: true },
    Variant { name: "ours", make: ours, vars: &[("GROUP_COMMIT", "off")], has_bindings: true },
    Variant { name: "ours-group", make: ours, vars: &[("GROUP_COMMIT", "on")], has_bindings: true },
    Variant { name: "recommendations", make: ours, vars: &[("GROUP_COMMIT", "off")], has_bindings: true },
    Variant { name: "kv-js", make: |folder| script("kv-js.js", folder), vars: &[], has_bindings: true },
];

impl Variant {
    /// Its folder, made anew. `port` is that of the stand-in for Kinesis; KV, queues and R2 have the three after it.
    pub(super) fn write(&self, port: u16) -> Result<()> {
        let folder = folder().join(self.name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        (self.make)(&folder).with_context(|| format!("{} cannot be built", self.name))?;
        Config { folder: &folder, port, vars: self.vars, has_bindings: self.has_bindings }.write()
    }
}

/// Where they all are.
pub(super) fn folder() -> PathBuf {
    paths::at("target/bench/edge")
}

/// Builds what is of Rust, as it ships.
pub(super) fn build(wasm: &WasmTarget) -> Result<()> {
    pack::shipped_worker(wasm)?;
    let mut cargo = wasm.cargo("build", "release", Panic::Unwind)?;
    run::logged("build the null worker for wasm32", cargo.args(["-p", "edge", "--example", "null-worker"]), 190)
}

/// The worker that `build` packed.
fn ours(folder: &Path) -> Result<()> {
    ensure!(pack::is_worker_shipped(), "target/worker is no release: run without --built");
    pack::copy_folder(&paths::at("target/worker"), folder)
}

fn null_rust(folder: &Path) -> Result<()> {
    let built = WasmTarget::target_dir(Panic::Unwind).join(TRIPLE).join("release/examples/null_worker.wasm");
    ensure!(built.is_file(), "{} is missing: run without --built", built.display());
    let parts = paths::at("target/bench/edge-parts");
    pack::bindgen(&built, &parts, &["--target", "module", "--out-name", "index"])?;
    pack::optimise_worker(&parts.join("index_bg.wasm"))?;
    fs::copy(paths::at("tests/bench/edge/null-rust.js"), parts.join("shim.js"))?;
    pack::bundle_worker(&parts, &folder.join("index.js"))?;
    fs::copy(parts.join("index_bg.wasm"), folder.join("index_bg.wasm"))?;
    Ok(())
}

/// A worker in JavaScript, with what it imports in one file.
fn script(name: &str, folder: &Path) -> Result<()> {
    let packages = packages()?;
    let portals = paths::at("target/bench/edge-portals.json");
    fs::write(&portals, serde_json::to_string(&pack::portals()?)?)?;
    let mut esbuild = pack::esbuild();
    esbuild
        .arg(paths::at("tests/bench/edge").join(name))
        .args(["--bundle", "--format=esm", "--target=esnext", "--log-level=warning"])
        .arg(format!("--alias:portals={}", portals.display()))
        .arg(format!("--outfile={}", folder.join("index.js").display()))
        .env("NODE_PATH", packages);
    run::logged(&format!("bundle {name}"), &mut esbuild, 0)
}

/// What a worker in JavaScript needs of others; only this bench does.
fn packages() -> Result<PathBuf> {
    let folder = paths::at("target/bench-edge");
    let modules = folder.join("node_modules");
    let wanted = fs::read_to_string(paths::at("tests/bench/edge/package.json")).context("tests/bench/edge/package.json cannot be read")?;
    let stamp = modules.join(".pulso-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|stamped| stamped == wanted) {
        return Ok(modules);
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), &wanted)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
    run::logged("npm install aws4fetch", &mut npm, 0)?;
    fs::write(stamp, wanted)?;
    Ok(modules)
}
