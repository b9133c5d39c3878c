//! What readers load, and how large each of it may be: `cargo xtask size`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{compress, npm, paths, script, setup};

/// Something that readers load.
struct Artefact {
    name: &'static str,
    files: Vec<PathBuf>,
    /// Most bytes of all its files, each compressed by brotli.
    brotli_bytes_max: usize,
}

/// The verb: builds everything as it ships, and says how large it is.
pub(crate) fn verb() -> Result<()> {
    let wasm = setup::ensure()?;
    script::build(&wasm)?;
    npm::package(&wasm, true)?;
    check(true)
}

/// The table; an error when something is past its budget. The npm package is as small as it ships only when it is built so.
pub(crate) fn check(is_release: bool) -> Result<()> {
    let mut over = Vec::new();
    println!("| loaded by readers | raw | gzip -9 | brotli 11 | budget |\n|---|--:|--:|--:|--:|");
    for artefact in artefacts(is_release)? {
        let mut sizes = [0; 3];
        for file in &artefact.files {
            let bytes = fs::read(file).with_context(|| format!("{} is missing: cargo xtask size", file.display()))?;
            sizes[0] += bytes.len();
            sizes[1] += compress::gzip(&bytes)?.len();
            sizes[2] += compress::brotli(&bytes)?.len();
        }
        let [raw, gzip, brotli] = sizes;
        println!("| {} | {raw} | {gzip} | {brotli} | {} |", artefact.name, artefact.brotli_bytes_max);
        if brotli > artefact.brotli_bytes_max {
            over.push(format!("{} has {brotli} bytes by brotli, {} are allowed", artefact.name, artefact.brotli_bytes_max));
        }
    }
    if over.is_empty() { Ok(()) } else { bail!("{}", over.join("\n")) }
}

fn artefacts(is_release: bool) -> Result<Vec<Artefact>> {
    let script = |name: &str| Ok::<_, anyhow::Error>(vec![script::current(name)?]);
    let npm = paths::at("target/npm");
    let artefact = |name, files, brotli_bytes_max| Artefact { name, files, brotli_bytes_max };
    let mut artefacts = vec![
        artefact("`/pulso.js`, wasm and all", script("pulso.js")?, 3_000),
        artefact("the stub, inline", vec![stub()?], 250),
        artefact("`recommendations.js`, where a page shows them", script("recommendations.js")?, 1_500),
        artefact("`fallback.js`, where WebAssembly is refused", script("fallback.js")?, 1_500),
    ];
    if is_release {
        artefacts.push(artefact("npm package, glue and wasm", vec![npm.join("pulso.js"), npm.join("pulso.wasm")], 12_500));
    }
    Ok(artefacts)
}

/// The line that portals paste, as the README has it.
fn stub() -> Result<PathBuf> {
    let readme = fs::read_to_string(paths::at("README.md"))?;
    let line = readme.lines().find(|line| line.starts_with("<script>window.pulso??=")).context("README.md has no stub")?;
    let file: &Path = &paths::at("target/tracker/stub.html");
    fs::write(file, line.trim())?;
    Ok(file.to_owned())
}
