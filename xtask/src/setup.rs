//! Brings a fresh machine to a state that can build and test everything. Idempotent; a line per step.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::wasm_target::WasmTarget;
use crate::{paths, run};

/// What the tests drive, as (program, Debian package).
const PROGRAMS: [(&str, &str); 7] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("firefox-esr", "firefox-esr"),
    ("WebKitWebDriver", "webkit2gtk-driver"),
    ("Xvfb", "xvfb"),
    ("openbox", "openbox"),
    ("xdotool", "xdotool"),
];

const BY_HAND: &str = "setup knows Linux with Debian's packages. Elsewhere install by hand: rustup with the target \
wasm32-unknown-unknown, Node.js 20 or later with npm, Python 3.11 or later with venv, Chromium, chromedriver, \
Firefox ESR (firefox-esr), WebKitGTK with its driver, Xvfb, openbox and xdotool on the PATH; then run this again";

/// The verb: every step says what it found.
pub(crate) fn verb() -> Result<()> {
    let wasm = ensure()?;
    println!("  wasm32 by {}", wasm.describe());
    println!("  wasm-bindgen {} in {}", paths::locked_version("wasm-bindgen")?, paths::wasm_bindgen_bin()?.display());
    let node = run::output(paths::node().arg("--version")).unwrap_or_default();
    println!("  node {node}, wrangler, workerd, esbuild and wasm-opt in node_modules");
    println!("  ministack, boto3 and DuckDB in target/venv");
    for (program, _) in PROGRAMS {
        println!("  {program} is {}", find_program(program).unwrap_or_default().display());
    }
    println!("ready: cargo xtask dev --readers 50");
    Ok(())
}

/// Called by every verb that needs it; silent when there is nothing to do.
pub(crate) fn ensure() -> Result<WasmTarget> {
    let missing: Vec<&str> = PROGRAMS.iter().filter(|(program, _)| find_program(program).is_none()).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        debian_packages(&missing)?;
    }
    let wasm = WasmTarget::ensure()?;
    wasm_bindgen()?;
    node_modules()?;
    venv()?;
    Ok(wasm)
}

/// What the trials without a worker need.
pub(crate) fn ensure_stand_ins() -> Result<()> {
    node_modules()?;
    venv()
}

/// A program on the PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Installs packages by apt, as root.
pub(crate) fn debian_packages(packages: &[&str]) -> Result<()> {
    if !cfg!(target_os = "linux") || find_program("apt-get").is_none() {
        bail!("{BY_HAND}");
    }
    let list = packages.join(" ");
    let is_root = nix::unistd::geteuid().is_root();
    let has_sudo = find_program("sudo").is_some();
    if !is_root && !has_sudo {
        bail!("these Debian packages are missing and need root: apt-get install --no-install-recommends {list}");
    }
    println!("  Debian packages, as root: {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let hint = || format!("run by hand: apt-get install --no-install-recommends {list}");
    run::logged("apt-get update", &mut apt(&["update"]), 0).with_context(hint)?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    run::logged("apt-get install", install.args(packages), 400).with_context(hint)
}

/// The command line tools of exactly the locked crate's version: another version refuses the wasm.
fn wasm_bindgen() -> Result<()> {
    let bin = paths::wasm_bindgen_bin()?;
    if bin.join("wasm-bindgen").is_file() && bin.join("wasm-bindgen-test-runner").is_file() {
        return Ok(());
    }
    let version = paths::locked_version("wasm-bindgen")?;
    let folder = bin.parent().context("the cache has no folder")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "wasm-bindgen-cli", "--version", &version, "--locked", "--root"])
        .arg(folder)
        .current_dir(std::env::temp_dir())
        // A tenth of the time of a full release build, and fast enough for our few megabytes.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run::logged(&format!("cargo install wasm-bindgen-cli {version}"), &mut cargo, 330)
}

fn node_modules() -> Result<()> {
    let lock = std::fs::read_to_string(paths::at("package-lock.json")).context("package-lock.json cannot be read")?;
    let stamp = paths::at("node_modules/.pulso-stamp");
    if is_stamped(&stamp, &lock) {
        return Ok(());
    }
    if find_program("npm").is_none() {
        bail!("npm is missing: install Node.js 20 or later with npm");
    }
    let mut npm = Command::new("npm");
    // Not `npm ci`: it refuses a lock file without the packages of other platforms, which mirrors may lack.
    npm.args(["install", "--no-save", "--no-audit", "--no-fund"]).current_dir(paths::root());
    run::logged("npm install", &mut npm, 0)?;
    Ok(std::fs::write(stamp, lock)?)
}

/// A Python with what `tests/requirements.txt` lists.
pub(crate) fn venv() -> Result<()> {
    python_with("tests/requirements.txt", "target/venv")
}

/// A Python with the linters of templates, which want an older boto3 than the tests; made when a verb needs it.
pub(crate) fn lint_venv() -> Result<()> {
    python_with("tests/estate/requirements.txt", "target/lint-venv")
}

fn python_with(requirements: &str, folder: &str) -> Result<()> {
    let wanted = std::fs::read_to_string(paths::at(requirements)).with_context(|| format!("{requirements} cannot be read"))?;
    let venv = paths::at(folder);
    let stamp = venv.join(".pulso-stamp");
    if is_stamped(&stamp, &wanted) {
        return Ok(());
    }
    let made = run::logged("python3 -m venv", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv), 0);
    made.context("Python 3.11 or later with venv is needed; on Debian: apt-get install python3-venv")?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "-r"]).arg(paths::at(requirements));
    run::logged(&format!("pip install {requirements}"), &mut pip, 60)?;
    Ok(std::fs::write(stamp, wanted)?)
}

/// Whether a step was done for this content.
fn is_stamped(stamp: &Path, content: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|stamped| stamped == content)
}
