//! Packs `/pulso.js`: one file with the core's wasm inlined, and beside it what only some pages load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256, Sha384};

use crate::pack::{self, WASM_FEATURES};
use crate::wasm_target::{Panic, TRIPLE, WasmTarget};
use crate::{compress, paths, run};

/// What the script calls, as `tracker/src/script/mod.rs` names it; everything else in the wasm goes.
const EXPORTS: [&str; 9] = ["a", "c", "e", "l", "o", "s", "t", "w", "x"];
/// Where the worker finds scripts among its assets; their addresses there are the worker's own to give.
const SCRIPTS: &str = "target/assets/scripts";

/// Builds everything below [`SCRIPTS`]; quick when nothing changed.
pub(crate) fn build(wasm: &WasmTarget) -> Result<()> {
    let core = core(wasm)?;
    let folder = paths::at(SCRIPTS);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let fallback = minified("fallback", &as_javascript(&core)?, &["--module"])?;
    let recommendations = minified("recommendations", &paths::at("tracker/src/script/recommendations.js"), &["--module"])?;
    let modules = short_hash(&[&fallback, &recommendations]);
    put(&modules, "fallback.js", &fallback)?;
    put(&modules, "recommendations.js", &recommendations)?;
    let script = script(&core, &modules)?;
    let version = short_hash(&[&script]);
    put(&version, "pulso.js", &script)?;
    // For those who look at it without a worker: the size table and the benchmark.
    fs::write(paths::at("target/tracker/pulso.js"), &script)?;
    let current = serde_json::json!({
        "version": version,
        "path": format!("/v/{version}/pulso.js"),
        "files": [format!("{version}/pulso.js"), format!("{modules}/fallback.js"), format!("{modules}/recommendations.js")],
        "integrity": format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&script))),
    });
    Ok(fs::write(folder.join("current.json"), serde_json::to_string_pretty(&current)? + "\n")?)
}

/// A file that `build` wrote, by its name.
pub(crate) fn current(name: &str) -> Result<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Current {
        files: Vec<String>,
    }
    let folder = paths::at(SCRIPTS);
    let text = fs::read(folder.join("current.json")).context("no script is built: cargo xtask build")?;
    let Current { files } = serde_json::from_slice(&text)?;
    let file = files.iter().find(|file| file.rsplit('/').next() == Some(name));
    Ok(folder.join(file.with_context(|| format!("{name} is no script"))?))
}

/// The core's wasm, as small as it gets. A second to build: the same in every profile, so that what is tested is what ships.
fn core(wasm: &WasmTarget) -> Result<PathBuf> {
    let mut cargo = wasm.cargo("rustc", "release", Panic::Abort)?;
    cargo.args(["-p", "tracker", "--lib", "--crate-type", "cdylib", "--no-default-features", "--features", "script"]);
    // Nothing is kept on the stack, so that statics have short addresses.
    cargo.args(["--", "-Clink-arg=-zstack-size=16", "-Clink-arg=--initial-memory=65536", "-Clink-arg=--strip-all"]);
    run::logged("build the script's core for wasm32", &mut cargo, 5)?;
    let built = WasmTarget::target_dir(Panic::Abort).join(TRIPLE).join("release/tracker.wasm");
    let folder = paths::at("target/tracker");
    fs::create_dir_all(&folder)?;
    let (graph, bare, core) = (folder.join("exports.json"), folder.join("bare.wasm"), folder.join("core.wasm"));
    let reached: Vec<String> = EXPORTS.iter().map(|name| format!("export {name}")).collect();
    let mut nodes = vec![serde_json::json!({ "name": "script", "reaches": reached, "root": true })];
    nodes.extend(EXPORTS.iter().map(|name| serde_json::json!({ "name": format!("export {name}"), "export": name })));
    fs::write(&graph, serde_json::to_string(&nodes)?)?;
    let mut metadce = binaryen("wasm-metadce");
    run::logged("wasm-metadce", metadce.arg(built).args(WASM_FEATURES).arg("-f").arg(graph).arg("-o").arg(&bare), 0)?;
    let mut optimise = binaryen("wasm-opt");
    // The second round finds what the first one made: 14 bytes of brotli less than `-Oz` alone.
    let passes = ["-Oz", "--ssa", "--code-folding", "--optimize-instructions", "--rse", "-Oz", "--reorder-locals", "--coalesce-locals"];
    optimise.arg(bare).args(WASM_FEATURES).args(passes).args(["--strip-producers", "--strip-target-features", "-o"]);
    run::logged("wasm-opt", optimise.arg(&core), 0)?;
    Ok(core)
}

/// The same core for pages that refuse WebAssembly.
fn as_javascript(core: &Path) -> Result<PathBuf> {
    let script = core.with_file_name("fallback.js");
    run::logged("wasm2js", binaryen("wasm2js").arg(core).args(WASM_FEATURES).args(["-Oz", "-o"]).arg(&script), 0)?;
    Ok(script)
}

/// `pulso.js`, whole.
fn script(core: &Path, modules: &str) -> Result<String> {
    let source = paths::at("tracker/src/script/pulso.js");
    let defaults = consent_default()?;
    let (modules, consent) = (format!("MODULES=\"/v/{modules}/\""), format!("CONSENT_DEFAULT={defaults}"));
    let glue = minified("pulso", &source, &["--toplevel", "-d", &modules, "-d", &consent])?;
    // `let` twice is shorter than a `let` and a `const`; a block keeps the names to itself.
    let glue = format!("{{{}}}", glue.trim_end_matches(';').replace("const ", "let "));
    let pattern = format!("/\\.({})$/i", tracker::FILE_ENDINGS);
    let text = format!("`{}`", as_text(&fs::read(core)?));
    for name in ["WASM", "FILE_PATTERN"] {
        ensure!(glue.matches(name).count() == 1, "{name} has to stand once in tracker/src/script/pulso.js");
    }
    Ok(glue.replace("FILE_PATTERN", &pattern).replace("WASM", &text))
}

/// Bytes as characters of a template literal. A quarter shorter than base64 once it is compressed; the worker says `charset=utf-8`.
fn as_text(bytes: &[u8]) -> String {
    let text: String = bytes.iter().copied().map(char::from).collect();
    text.replace('\\', "\\\\").replace('`', "\\`").replace("${", "\\${").replace('\r', "\\r")
}

/// What holds for a page that does not say: one word when all portals agree.
fn consent_default() -> Result<String> {
    let portals = pack::portals()?;
    let mut pairs = serde_json::Map::new();
    for portal in portals.iter() {
        let consent = serde_json::to_value(portal.consent_default)?;
        if consent != "cookieless" {
            pairs.insert(portal.id.to_string(), consent);
        }
    }
    let others = serde_json::Value::Object(pairs);
    Ok(if others == serde_json::json!({}) { "\"cookieless\"".to_owned() } else { format!("({others})[dataset.portal]||\"cookieless\"") })
}

fn minified(name: &str, source: &Path, arguments: &[&str]) -> Result<String> {
    let limits = [
        ("LETTERS_MAX", u64::from(tracker::LETTERS_MAX)),
        ("IDLE_WINDOW_MS", u64::from(tracker::IDLE_WINDOW_MS)),
        ("VISITOR_MS_MAX", tracker::VISITOR_MS_MAX),
        ("IMPRESSION_MS", u64::from(tracker::IMPRESSION_MS)),
        ("IMPRESSION_ITEMS_MAX", u64::from(tracker::IMPRESSION_ITEMS_MAX)),
    ];
    let limits = limits.map(|(name, value)| format!("{name}={value}")).join(",");
    let output = paths::at("target/tracker").join(format!("{name}.min.js"));
    let mut terser = Command::new(paths::at("node_modules/.bin/terser"));
    terser.arg(source).args([
        "--ecma",
        "2021",
        "--mangle",
        "--compress",
        "passes=4,unsafe=true,unsafe_arrows=true,keep_fargs=false,inline=0,unsafe_methods=true,booleans_as_integers=true",
    ]);
    terser.args(["-d", &limits, "-d", &format!("IMPRESSION_RATIO={}", tracker::IMPRESSION_RATIO)]).args(arguments);
    run::logged(&format!("minify {name}.js"), terser.arg("-o").arg(&output).current_dir(paths::root()), 0)?;
    let text = fs::read_to_string(&output).with_context(|| format!("{} was not written", output.display()))?;
    Ok(text.trim().to_owned())
}

/// A script and what it is in brotli: compressed once, at the highest level, instead of at every request at a low one.
fn put(version: &str, name: &str, text: &str) -> Result<()> {
    let folder = paths::at(SCRIPTS).join(version);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), text)?;
    Ok(fs::write(folder.join(format!("{name}.br")), compress::brotli(text.as_bytes())?)?)
}

/// Names what never changes.
fn short_hash(texts: &[&String]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
    }
    let number = hash.finalize().iter().take(4).fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    format!("{number:08x}")
}

fn binaryen(program: &str) -> Command {
    let mut node = paths::node();
    node.arg(paths::at("node_modules/binaryen/bin").join(program));
    node
}
