//! The workers that are measured: each becomes a folder with its modules and a configuration for workerd.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::wasm_target::{Panic, TRIPLE, WasmTarget};
use crate::{pack, paths, run};

/// One worker.
pub(super) struct Variant {
    /// As the report calls it, and its folder.
    pub(super) name: &'static str,
    make: fn(&Path) -> Result<()>,
    /// Values of the environment besides [`ENVIRONMENT`].
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

/// Values of the environment, as `wrangler.toml` and the secrets of a deployment have them. The keys are made up.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PULSO_ENV", "production"),
    ("AWS_REGION", "sa-east-1"),
    ("RETRY_QUEUES", "2"),
    ("RETRY_QUEUE", "cloudflare"),
    ("SQS_QUEUE_URL", ""),
    ("SPILL_AFTER_S", "300"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "made-up-secret"),
    ("ADMIN_SECRET", "made-up-admin-secret"),
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
        Ok(fs::write(folder.join("config.capnp"), self.configuration(&folder, port)?)?)
    }

    fn configuration(&self, folder: &Path, port: u16) -> Result<String> {
        let mut modules: Vec<String> = Vec::new();
        let mut names: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        // The first module is the worker.
        names.sort_by_key(|name| (name != "index.js", name.clone()));
        for name in names {
            let kind = if name.ends_with(".wasm") { "wasm" } else { "esModule" };
            modules.push(format!("(name = \"{name}\", {kind} = embed \"{name}\")"));
        }
        let mut bindings = String::new();
        if self.has_bindings {
            let endpoint = format!("http://127.0.0.1:{port}");
            let vars = ENVIRONMENT.iter().chain(self.vars).copied().chain([("KINESIS_ENDPOINT", endpoint.as_str())]);
            for (name, value) in vars {
                writeln!(bindings, "      (name = \"{name}\", text = \"{value}\"),")?;
            }
            for queue in 0..2 {
                writeln!(bindings, "      (name = \"RETRY_{queue}\", queue = \"queue\"),")?;
            }
            writeln!(
                bindings,
                "      (name = \"STORE\", kvNamespace = \"kv\"), (name = \"ARCHIVE\", r2Bucket = \"r2\"), (name = \"ASSETS\", service = \"assets\"),"
            )?;
        }
        let outside: String = ["kv", "queue", "r2", "assets"]
            .iter()
            .zip(port + 1..)
            .map(|(name, port)| format!("    (name = \"{name}\", external = (address = \"127.0.0.1:{port}\", http = ())),\n"))
            .collect();
        Ok(format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services = [\n    (name = \"main\", \
             worker = (\n      modules = [{}],\n      compatibilityDate = \"{}\", globalOutbound = \"outside\", bindings = [\n{bindings}      \
             ],\n    )),\n    (name = \"outside\", network = (allow = [\"private\"])),\n{outside}  ],\n  sockets = [(name = \"http\", \
             address = \"127.0.0.1:0\", http = (cfBlobHeader = \"x-bench-cf\"), service = \"main\")],\n);\n",
            modules.join(", "),
            compatibility_date()?,
        ))
    }
}

/// Where they all are.
pub(super) fn folder() -> PathBuf {
    paths::at("target/bench/edge")
}

/// As it is deployed.
fn compatibility_date() -> Result<String> {
    let text = fs::read_to_string(paths::at("wrangler.toml"))?;
    let wrangler: toml::Table = toml::from_str(&text).context("wrangler.toml is not right")?;
    let date = wrangler.get("compatibility_date").and_then(toml::Value::as_str);
    Ok(date.context("wrangler.toml has no compatibility_date")?.to_owned())
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
