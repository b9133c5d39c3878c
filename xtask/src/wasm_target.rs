//! Which cargo builds for wasm32: rustup's when it can have the target, else Debian's with a std of our own.
//!
//! rustup's servers are not reachable everywhere; Debian's mirrors carry a compiler together with the library source.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, run, setup};

/// The target of the tracker and the worker.
pub(crate) const TRIPLE: &str = "wasm32-unknown-unknown";

/// Debian's compiler, its library source, and a linker for wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// A compiler that can build for wasm32.
#[derive(Debug)]
pub(crate) enum WasmTarget {
    /// The toolchain in use has the target.
    Rustup,
    /// `/usr/bin/cargo` with a std that setup built.
    Debian { sysroot: PathBuf },
}

impl WasmTarget {
    /// Finds what an earlier setup left, without a download.
    pub(crate) fn find() -> Option<Self> {
        if rustup_has_target() {
            return Some(Self::Rustup);
        }
        let sysroot = debian_sysroot()?;
        is_built(&sysroot).then_some(Self::Debian { sysroot })
    }

    /// Finds or makes it.
    pub(crate) fn ensure() -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        let add = run::logged("rustup target add wasm32", Command::new("rustup").args(["target", "add", TRIPLE]), 0);
        if add.is_ok() && rustup_has_target() {
            return Ok(Self::Rustup);
        }
        println!("  rustup cannot have the wasm32 target here; taking Debian's compiler");
        setup::debian_packages(&DEBIAN_PACKAGES)?;
        let sysroot = debian_sysroot().context("Debian's rustc is not at /usr/bin/rustc after its installation")?;
        if !is_built(&sysroot) {
            build_std(&sysroot)?;
        }
        Ok(Self::Debian { sysroot })
    }

    /// `cargo <verb> --target wasm32-unknown-unknown` with its own target folder, so that
    /// switching between compilers rebuilds nothing.
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let mut cargo = match self {
            Self::Rustup => Command::new("cargo"),
            Self::Debian { sysroot } => {
                let mut cargo = Command::new("/usr/bin/cargo");
                let flags = format!("--sysroot={} -Clinker=/usr/bin/wasm-ld-22", sysroot.display());
                cargo.env("RUSTC", "/usr/bin/rustc").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
                // Set by the cargo that runs this program, for another compiler.
                cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTDOC").env_remove("CARGO");
                cargo
            }
        };
        cargo.arg(verb).args(["--target", TRIPLE]).current_dir(paths::root()).env("CARGO_TARGET_DIR", paths::at("target/wasm"));
        cargo
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Rustup => "rustup".to_owned(),
            Self::Debian { sysroot } => format!("Debian's rustc, std in {}", sysroot.display()),
        }
    }
}

fn rustup_has_target() -> bool {
    let sysroot = run::output(Command::new("rustc").current_dir(paths::root()).args(["--print", "sysroot"]));
    sysroot.is_some_and(|sysroot| has_libraries(Path::new(&sysroot)))
}

fn is_built(sysroot: &Path) -> bool {
    has_libraries(sysroot)
}

fn has_libraries(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    let has_std = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libstd-");
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(has_std))
}

/// Our folder for the std that belongs to Debian's compiler, if that compiler is there.
fn debian_sysroot() -> Option<PathBuf> {
    let version = run::output(Command::new("/usr/bin/rustc").arg("--version"))?;
    let number = version.split_whitespace().nth(1)?.to_owned();
    Some(paths::cache().ok()?.join(format!("wasm-std-{number}")))
}

/// Compiles std for wasm32 from Debian's source (about 40 s).
fn build_std(sysroot: &Path) -> Result<()> {
    let scratch = paths::at("target/wasm-std");
    std::fs::create_dir_all(scratch.join("src"))?;
    std::fs::write(scratch.join("src/lib.rs"), "#![no_std]\n")?;
    let manifest = "[package]\nname = \"scratch\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(scratch.join("Cargo.toml"), manifest)?;
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .args(["build", "--release", "--target", TRIPLE, "-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro"])
        .current_dir(&scratch)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_TARGET_DIR", scratch.join("target"))
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode, link-time optimisation fails on "Can't find section .llvmbc".
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    run::logged("build std for wasm32", &mut cargo, 34)?;
    let lib = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    std::fs::create_dir_all(&lib)?;
    for entry in std::fs::read_dir(scratch.join("target").join(TRIPLE).join("release/deps"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "rlib") && !name.starts_with("libscratch") {
            std::fs::copy(entry.path(), lib.join(name))?;
        }
    }
    Ok(())
}
