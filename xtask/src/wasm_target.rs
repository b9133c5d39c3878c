//! Which cargo builds for wasm32, and against which std: rustup's compiler when it can have the target and the library source,
//! else Debian's.
//!
//! rustup's servers are not reachable everywhere; Debian's mirrors carry a compiler together with the library source.
//! The worker needs a std of our own in any case, one that unwinds: with the ready-made one a panic ends the whole instance,
//! and with it every request in flight.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, run, setup};

/// The target of the tracker and the worker.
pub(crate) const TRIPLE: &str = "wasm32-unknown-unknown";

/// Debian's compiler, its library source, and a linker for wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
/// The linker of Debian's compiler, which expects rustup's name for it.
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-22";

/// A compiler that can build for wasm32, and the libraries for it.
#[derive(Debug)]
pub(crate) struct WasmTarget {
    compiler: Compiler,
    version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compiler {
    Rustup,
    Debian,
}

/// What a panic does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panic {
    /// Ends the instance: small, for the tracker.
    Abort,
    /// Ends one request: for the worker.
    Unwind,
}

impl WasmTarget {
    /// Finds or makes it.
    pub(crate) fn ensure() -> Result<Self> {
        if let Some(found) = Self::find(Compiler::Rustup).filter(Self::is_ready) {
            return Ok(found);
        }
        if let Some(found) = Self::find(Compiler::Debian).filter(Self::is_ready) {
            return Ok(found);
        }
        let target = match Self::from_rustup() {
            Some(target) => target,
            None => Self::from_debian()?,
        };
        for panic in target.own_stds().filter(|panic| !has_libraries(&target.sysroot(*panic).unwrap_or_default())) {
            target.build_std(panic)?;
        }
        Ok(target)
    }

    fn from_rustup() -> Option<Self> {
        let mut add_target = Command::new("rustup");
        add_target.args(["target", "add", TRIPLE]);
        let mut add_source = Command::new("rustup");
        add_source.args(["component", "add", "rust-src"]);
        let has_target = rustup_has_target() || run::logged("rustup target add wasm32", &mut add_target, 0).is_ok();
        let has_source = rustup_has_source() || run::logged("rustup component add rust-src", &mut add_source, 0).is_ok();
        (has_target && has_source).then(|| Self::find(Compiler::Rustup)).flatten()
    }

    fn from_debian() -> Result<Self> {
        println!("  rustup cannot have the wasm32 target here; taking Debian's compiler");
        setup::debian_packages(&DEBIAN_PACKAGES)?;
        Self::find(Compiler::Debian).context("Debian's compiler is not in /usr/bin after its installation")
    }

    /// What is there, without a download; its libraries may still be missing.
    fn find(compiler: Compiler) -> Option<Self> {
        let is_there = match compiler {
            Compiler::Rustup => rustup_has_target() && rustup_has_source(),
            Compiler::Debian => ["/usr/bin/cargo", "/usr/bin/rustc", DEBIAN_LINKER].iter().all(|tool| Path::new(tool).is_file()),
        };
        let version = run::output(rustc(compiler).arg("--version")).filter(|_| is_there)?;
        Some(Self { compiler, version: version.split_whitespace().nth(1)?.to_owned() })
    }

    fn is_ready(&self) -> bool {
        self.own_stds().all(|panic| self.sysroot(panic).is_ok_and(|sysroot| has_libraries(&sysroot)))
    }

    /// The libraries that we build ourselves; rustup's own aborts.
    fn own_stds(&self) -> impl Iterator<Item = Panic> + use<> {
        let has_own_abort = self.compiler == Compiler::Debian;
        [Panic::Unwind].into_iter().chain(has_own_abort.then_some(Panic::Abort))
    }

    /// Where a std of ours is kept.
    fn sysroot(&self, panic: Panic) -> Result<PathBuf> {
        let kind = match (self.compiler, panic) {
            (Compiler::Rustup, Panic::Abort) => "rustup-abort",
            (Compiler::Rustup, Panic::Unwind) => "rustup-unwind",
            (Compiler::Debian, Panic::Abort) => "debian-abort",
            (Compiler::Debian, Panic::Unwind) => "debian-unwind",
        };
        Ok(paths::cache()?.join(format!("wasm-std-{}-{kind}", self.version)))
    }

    /// `cargo <verb> --target wasm32-unknown-unknown`, with a target folder for each kind of panic, so that
    /// switching between them rebuilds nothing.
    pub(crate) fn cargo(&self, verb: &str, profile: &str, panic: Panic) -> Result<Command> {
        let mut cargo = self.plain_cargo();
        let mut flags = Vec::new();
        if self.own_stds().any(|own| own == panic) {
            flags.push(format!("--sysroot={}", self.sysroot(panic)?.display()));
        }
        if self.compiler == Compiler::Debian {
            flags.push(format!("-Clinker={DEBIAN_LINKER}"));
        }
        cargo.arg(verb).args(["--target", TRIPLE, "--profile", profile]).current_dir(paths::root());
        // Aborting is this target's own way and needs no word.
        if panic == Panic::Unwind {
            flags.push("-Cpanic=unwind".to_owned());
            // It ranks by some 100,000 multiplications a request. Every isolate has SIMD; the tracker runs where it may be missing.
            flags.push("-Ctarget-feature=+simd128".to_owned());
            cargo.args(["--config", &format!("profile.{profile}.panic=\"unwind\"")]);
        }
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "));
        cargo.env("CARGO_TARGET_DIR", Self::target_dir(panic));
        Ok(cargo)
    }

    /// `cargo rustc` for what every reader loads. For a release with a std that is built for size and ends without a word on a panic:
    /// a fifth smaller, for a minute more on a fresh machine.
    pub(crate) fn tracker_cargo(&self, is_release: bool) -> Result<Command> {
        let profile = if is_release { "release" } else { "quick" };
        let mut cargo = self.cargo("rustc", profile, Panic::Abort)?;
        if is_release {
            let mut flags = vec!["-Zunstable-options".to_owned(), "-Cpanic=immediate-abort".to_owned()];
            flags.extend((self.compiler == Compiler::Debian).then(|| format!("-Clinker={DEBIAN_LINKER}")));
            cargo
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
                // Also the libraries that it is made of.
                .args(["--config", "profile.release.opt-level=\"z\""])
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "));
        }
        cargo.env("CARGO_TARGET_DIR", tracker_dir());
        Ok(cargo)
    }

    /// What that makes.
    pub(crate) fn tracker_wasm(is_release: bool) -> PathBuf {
        tracker_dir().join(TRIPLE).join(if is_release { "release" } else { "quick" }).join("tracker.wasm")
    }

    /// Where the products are.
    pub(crate) fn target_dir(panic: Panic) -> PathBuf {
        match panic {
            Panic::Abort => paths::at("target/wasm"),
            Panic::Unwind => paths::at("target/wasm-unwind"),
        }
    }

    fn plain_cargo(&self) -> Command {
        match self.compiler {
            Compiler::Rustup => Command::new("cargo"),
            Compiler::Debian => {
                let mut cargo = Command::new("/usr/bin/cargo");
                // Set by the cargo that runs this program, for another compiler.
                cargo.env("RUSTC", "/usr/bin/rustc").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTDOC").env_remove("CARGO");
                cargo
            }
        }
    }

    /// Compiles std for wasm32 from its source (about 40 s).
    fn build_std(&self, panic: Panic) -> Result<()> {
        let (crates, flags, what) = match panic {
            Panic::Abort => ("std,panic_abort,test,proc_macro", "-Cembed-bitcode=yes", "build std for wasm32"),
            Panic::Unwind => ("std,panic_unwind", "-Cembed-bitcode=yes -Cpanic=unwind", "build std for wasm32, unwinding"),
        };
        let sysroot = self.sysroot(panic)?;
        let scratch = paths::at("target/wasm-std").join(sysroot.file_name().unwrap_or_default());
        std::fs::create_dir_all(scratch.join("src"))?;
        std::fs::write(scratch.join("src/lib.rs"), "#![no_std]\n")?;
        std::fs::write(scratch.join("Cargo.toml"), "[package]\nname = \"scratch\"\nedition = \"2024\"\n[workspace]\n")?;
        let mut cargo = self.plain_cargo();
        cargo.args(["build", "--release", "--target", TRIPLE, &format!("-Zbuild-std={crates}")]);
        if panic == Panic::Unwind {
            cargo.args(["--config", "profile.release.panic=\"unwind\""]);
        }
        // Without bitcode, link-time optimisation fails on "Can't find section .llvmbc".
        cargo.current_dir(&scratch).env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags);
        run::logged(what, cargo.env("CARGO_TARGET_DIR", scratch.join("target")), 34)?;
        install_libraries(&scratch.join("target").join(TRIPLE).join("release/deps"), &sysroot)
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let compiler = match self.compiler {
            Compiler::Rustup => "rustup's",
            Compiler::Debian => "Debian's",
        };
        format!("{compiler} rustc {}", self.version)
    }
}

/// A folder of its own, because other flags and features would rebuild everything.
fn tracker_dir() -> PathBuf {
    paths::at("target/wasm-npm")
}

/// Copies what was compiled to where it is kept. Under another name until it is whole: half a library looks like one.
fn install_libraries(deps: &Path, sysroot: &Path) -> Result<()> {
    let mut unfinished = sysroot.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let lib = Path::new(&unfinished).join("lib/rustlib").join(TRIPLE).join("lib");
    std::fs::create_dir_all(&lib)?;
    for entry in std::fs::read_dir(deps)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "rlib") && !name.starts_with("libscratch") {
            std::fs::copy(entry.path(), lib.join(name))?;
        }
    }
    if sysroot.exists() {
        std::fs::remove_dir_all(sysroot)?;
    }
    Ok(std::fs::rename(unfinished, sysroot)?)
}

fn rustc(compiler: Compiler) -> Command {
    let mut rustc = Command::new(match compiler {
        Compiler::Rustup => "rustc",
        Compiler::Debian => "/usr/bin/rustc",
    });
    rustc.current_dir(paths::root());
    rustc
}

fn rustup_sysroot() -> Option<PathBuf> {
    run::output(rustc(Compiler::Rustup).args(["--print", "sysroot"])).map(PathBuf::from)
}

fn rustup_has_target() -> bool {
    rustup_sysroot().is_some_and(|sysroot| has_libraries(&sysroot))
}

fn rustup_has_source() -> bool {
    rustup_sysroot().is_some_and(|sysroot| sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file())
}

fn has_libraries(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(TRIPLE).join("lib");
    let has_std = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libstd-");
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(has_std))
}
