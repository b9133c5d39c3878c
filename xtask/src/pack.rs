//! Builds what runs: the tracker's script, the worker, the pages and the backend.
//!
//! The worker is packed here and not by worker-build, which would cost every fresh machine twelve CPU minutes
//! and downloads of its own; the steps are the same (wasm-bindgen, a shim, esbuild).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wire::Portals;

use crate::wasm_target::{Panic, TRIPLE, WasmTarget};
use crate::{npm, paths, run, script, setup, size};

/// What wasm-opt may use; `--all-features` emits compact imports that Chromium refuses.
pub(crate) const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
];

/// The verb.
pub(crate) fn verb(is_release: bool) -> Result<()> {
    let wasm = setup::ensure()?;
    everything(&wasm, is_release)?;
    let mut backend = "target/debug/backend";
    if is_release {
        run::logged("build backend for release", &mut native_cargo(&["build", "--release", "-p", "backend"]), 330)?;
        backend = "target/release/backend";
    }
    println!("built: target/assets/scripts/, target/npm/, target/worker/, {backend}");
    Ok(())
}

/// Builds all that `dev` starts; quick when nothing changed.
pub(crate) fn everything(wasm: &WasmTarget, is_release: bool) -> Result<()> {
    let profile = if is_release { "release" } else { "quick" };
    run::logged("build edge for wasm32", wasm.cargo("build", profile, Panic::Unwind)?.args(["-p", "edge"]), 190)?;
    let built = |panic, file| WasmTarget::target_dir(panic).join(TRIPLE).join(profile).join(file);
    clear_assets()?;
    script::build(wasm)?;
    npm::package(wasm, is_release)?;
    size::check(is_release)?;
    worker(&built(Panic::Unwind, "edge.wasm"), is_release)?;
    copy_folder(&paths::at("www"), &paths::at("target/assets"))?;
    ship()?;
    native()
}

/// Builds what runs on this machine: the backend, the notifier and the fault proxy.
pub(crate) fn native() -> Result<()> {
    run::logged("build backend", &mut native_cargo(&["build", "-p", "backend", "-p", "notifier", "-p", "pulso-tests"]), 330)
}

fn native_cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(paths::root());
    cargo
}

/// A native program that `everything` built; what runs on this machine is always the debug build.
pub(crate) fn native_program(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| paths::at("target"), PathBuf::from);
    target.join("debug").join(name)
}

/// `portals.toml`.
pub(crate) fn portals() -> Result<Portals> {
    let text = fs::read_to_string(paths::at("portals.toml")).context("portals.toml cannot be read")?;
    let portals: Portals = toml::from_str(&text).context("portals.toml is not right")?;
    portals.check().map_err(anyhow::Error::msg)?;
    Ok(portals)
}

/// Builds the worker alone, as it ships: `target/worker/`.
pub(crate) fn shipped_worker(wasm: &WasmTarget) -> Result<()> {
    run::logged("build edge for wasm32", wasm.cargo("build", "release", Panic::Unwind)?.args(["-p", "edge"]), 190)?;
    worker(&WasmTarget::target_dir(Panic::Unwind).join(TRIPLE).join("release/edge.wasm"), true)
}

/// The worker's entry, and what it imports.
const WORKER_SCRIPTS: [&str; 4] = ["shim.js", "page.js", "http.js", "transport.js"];

/// Whether what lies in `target/worker/` is a release.
pub(crate) fn is_worker_shipped() -> bool {
    fs::read_to_string(stamp_of(Path::new("index.js"))).is_ok_and(|made_of| made_of.starts_with(&release_line(true)))
}

/// `target/worker/`: `index.js` and `index_bg.wasm`, what wrangler.toml names.
fn worker(wasm: &Path, is_release: bool) -> Result<()> {
    let folder = paths::at("target/worker");
    let scripts: Vec<_> = WORKER_SCRIPTS.iter().map(|name| paths::at("edge/src/platform").join(name)).collect();
    let index = folder.join("index.js");
    let made_of = stamp(is_release, &[&[wasm.to_owned()], scripts.as_slice()].concat())?;
    if is_made_of(&index, &made_of) {
        return Ok(());
    }
    let parts = paths::at("target/worker-parts");
    bindgen(
        wasm,
        &parts,
        &["--target", "module", "--out-name", "index", "--experimental-reset-state-function", "--force-enable-abort-handler"],
    )?;
    if is_release {
        optimise_worker(&parts.join("index_bg.wasm"))?;
    }
    for (script, name) in scripts.iter().zip(WORKER_SCRIPTS) {
        fs::copy(script, parts.join(name))?;
    }
    fs::create_dir_all(&folder)?;
    bundle_worker(&parts, &parts.join("index.js.new"))?;
    // A running `wrangler dev` reloads at once, and dies of half a module: whole files only, the wasm first.
    fs::copy(parts.join("index_bg.wasm"), folder.join("index_bg.wasm.new"))?;
    fs::rename(folder.join("index_bg.wasm.new"), folder.join("index_bg.wasm"))?;
    fs::rename(parts.join("index.js.new"), &index)?;
    Ok(fs::write(stamp_of(&index), made_of)?)
}

/// `shim.js` of a folder and what it imports, as one module that imports the wasm beside it.
pub(crate) fn bundle_worker(parts: &Path, index: &Path) -> Result<()> {
    let mut esbuild = esbuild();
    esbuild
        .args(["./shim.js", "--bundle", "--format=esm", "--external:./index_bg.wasm", "--external:cloudflare:*", "--log-level=warning"])
        .arg(format!("--outfile={}", parts.join("bundle.js").display()))
        .current_dir(parts);
    run::logged("bundle the worker", &mut esbuild, 0)?;
    // Source phase imports are newer than what wrangler bundles; for a wasm module both mean the same.
    let bundle = fs::read_to_string(parts.join("bundle.js"))?.replace("import source ", "import ");
    Ok(fs::write(index, bundle)?)
}

pub(crate) fn bindgen(wasm: &Path, folder: &Path, arguments: &[&str]) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut bindgen = Command::new(paths::wasm_bindgen_bin()?.join("wasm-bindgen"));
    bindgen.arg(wasm).args(["--no-typescript", "--out-dir"]).arg(folder).args(arguments).current_dir(paths::root());
    let name = wasm.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    run::logged(&format!("wasm-bindgen {name}"), &mut bindgen, 0)
}

/// In place. The worker alone may use SIMD: every isolate has it, not every phone.
pub(crate) fn optimise_worker(wasm: &Path) -> Result<()> {
    let mut wasm_opt = paths::node();
    wasm_opt.arg(paths::at("node_modules/binaryen/bin/wasm-opt")).arg(wasm).args(["-O3", "--enable-simd"]);
    run::logged("wasm-opt", wasm_opt.args(WASM_FEATURES).arg("-o").arg(wasm), 0)
}

pub(crate) fn esbuild() -> Command {
    let mut esbuild = Command::new(paths::at("node_modules/.bin/esbuild"));
    esbuild.current_dir(paths::root());
    esbuild
}

/// What a product is made of: the profile and the times of its sources. Times alone would take a quick build for a release.
fn stamp(is_release: bool, sources: &[PathBuf]) -> Result<String> {
    let mut lines = vec![release_line(is_release)];
    for source in sources {
        let changed = fs::metadata(source).and_then(|meta| meta.modified());
        lines.push(format!("{:?}", changed.with_context(|| format!("{} is missing", source.display()))?));
    }
    Ok(lines.join("\n"))
}

fn release_line(is_release: bool) -> String {
    format!("release: {is_release}")
}

/// Where the stamp of a product is kept: in `target/`, so that wrangler does not ship it.
fn stamp_of(product: &Path) -> PathBuf {
    paths::at("target").join(format!("{}.made-of", product.file_name().unwrap_or_default().display()))
}

fn is_made_of(product: &Path, stamp: &str) -> bool {
    product.is_file() && fs::read_to_string(stamp_of(product)).is_ok_and(|made_of| made_of == stamp)
}

/// Removes what `www/` had once.
fn clear_assets() -> Result<()> {
    let assets = paths::at("target/assets");
    fs::create_dir_all(&assets)?;
    for entry in fs::read_dir(assets)?.flatten() {
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// `target/shipped/`, the assets of a deployment: what portals embed, without the demo portals and what the tests load.
fn ship() -> Result<()> {
    let shipped = paths::at("target/shipped");
    if shipped.exists() {
        fs::remove_dir_all(&shipped)?;
    }
    copy_folder(&paths::at("target/assets/scripts"), &shipped.join("scripts"))
}

pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
