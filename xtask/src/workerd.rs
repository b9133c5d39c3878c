//! A worker on raw workerd, without wrangler: its folder, its configuration, and the program itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, run};

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
/// The worker that stands before another, in its folder.
const FRONT: &str = "front.js";
/// What counts for the rate limits, in the worker's folder: workerd has no such binding of its own.
pub(crate) const LIMITER: &str = "limiter.js";

/// The program itself, of which `/proc` tells what it takes.
pub(crate) fn program() -> PathBuf {
    paths::at("node_modules/workerd/bin/workerd")
}

/// `edge-bench`, which asks workers and plays what they talk to; as fast as it can, for it shares the machine with them.
pub(crate) fn asker() -> Result<Command> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--profile", "quick", "--package", "pulso-tests", "--bin", "edge-bench"]).current_dir(paths::root());
    run::logged("build edge-bench", &mut cargo, 190)?;
    Ok(Command::new(paths::at("target/quick/edge-bench")))
}

/// What a worker is given.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    /// Where its modules are; `index.js` is the worker, and `front.js`, if there is one, stands before it.
    pub(crate) folder: &'a Path,
    /// Where Kinesis listens; KV, queues, R2 and assets have the ports after it.
    pub(crate) port: u16,
    /// Values of the environment besides [`ENVIRONMENT`].
    pub(crate) vars: &'a [(&'a str, &'a str)],
    /// Whether it has the bindings of `wrangler.toml`.
    pub(crate) has_bindings: bool,
}

impl Config<'_> {
    /// Writes `config.capnp` into its folder.
    pub(crate) fn write(&self) -> Result<()> {
        let wrangler = wrangler()?;
        let date = wrangler.get("compatibility_date").and_then(toml::Value::as_str).context("wrangler.toml has no compatibility_date")?;
        fs::copy(paths::at("tests/front/limiter.js"), self.folder.join(LIMITER))?;
        let has_front = self.folder.join(FRONT).is_file();
        let worker = format!("modules = [{}], compatibilityDate = \"{date}\", globalOutbound = \"outside\"", self.modules()?);
        let mut services = String::new();
        let name = if has_front { "worker" } else { "main" };
        writeln!(services, "    (name = \"{name}\", worker = ({worker}, bindings = [\n{}    ])),", self.bindings(&wrangler))?;
        if has_front {
            writeln!(
                services,
                "    (name = \"main\", worker = (modules = [(name = \"{FRONT}\", esModule = embed \"{FRONT}\")], compatibilityDate = \
                 \"{date}\", bindings = [(name = \"WORKER\", service = \"worker\")])),"
            )?;
        }
        services.push_str("    (name = \"outside\", network = (allow = [\"private\"])),\n");
        for (name, port) in ["kv", "queue", "r2", "assets"].iter().zip(self.port + 1..) {
            writeln!(services, "    (name = \"{name}\", external = (address = \"127.0.0.1:{port}\", http = ())),")?;
        }
        let text = format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  services = [\n{services}  ],\n  sockets = \
             [(name = \"http\", address = \"127.0.0.1:0\", http = (cfBlobHeader = \"x-bench-cf\"), service = \"main\")],\n  extensions = [(modules = [(name = \"stand-in:limiter\", esModule = embed \"{LIMITER}\", internal = true)])],\n);\n"
        );
        Ok(fs::write(self.folder.join("config.capnp"), text)?)
    }

    fn modules(&self) -> Result<String> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.folder)?.flatten().map(|entry| entry.path()).collect();
        // The first module is the worker.
        paths.sort_by_key(|path| (path.file_name() != Some("index.js".as_ref()), path.clone()));
        let module = |path: &PathBuf| {
            let kind = match path.extension()?.to_str()? {
                "wasm" => "wasm",
                "js" => "esModule",
                _ => return None,
            };
            let name = path.file_name()?.to_str().filter(|name| ![FRONT, LIMITER].contains(name))?;
            Some(format!("(name = \"{name}\", {kind} = embed \"{name}\")"))
        };
        Ok(paths.iter().filter_map(module).collect::<Vec<_>>().join(", "))
    }

    fn bindings(&self, wrangler: &toml::Table) -> String {
        if !self.has_bindings {
            return String::new();
        }
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let vars = ENVIRONMENT.iter().chain(self.vars).copied().chain([("KINESIS_ENDPOINT", endpoint.as_str())]);
        let vars = vars.map(|(name, value)| format!("(name = \"{name}\", text = \"{value}\")"));
        let queues = (0..2).map(|queue| format!("(name = \"RETRY_{queue}\", queue = \"queue\")"));
        let stores = [
            "(name = \"STORE\", kvNamespace = \"kv\")",
            "(name = \"ARCHIVE\", r2Bucket = \"r2\")",
            "(name = \"ASSETS\", service = \"assets\")",
        ];
        let all = vars.chain(queues).chain(stores.map(str::to_owned)).chain(limits(wrangler));
        all.fold(String::new(), |text, binding| text + "      " + &binding + ",\n")
    }
}

/// As it is deployed.
fn wrangler() -> Result<toml::Table> {
    toml::from_str(&fs::read_to_string(paths::at("wrangler.toml"))?).context("wrangler.toml is not right")
}

/// The rate limits with their numbers.
fn limits(wrangler: &toml::Table) -> Vec<String> {
    let limits = wrangler.get("ratelimits").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let binding = |limit: &toml::Value| {
        let (name, simple) = (limit.get("name")?.as_str()?, limit.get("simple")?);
        let number = |name: &str| Some(format!("(name = \"{name}\", text = \"{}\")", simple.get(name)?.as_integer()?));
        let (limit, period) = (number("limit")?, number("period")?.replace("period", "period_s"));
        Some(format!("(name = \"{name}\", wrapped = (moduleName = \"stand-in:limiter\", innerBindings = [{limit}, {period}]))"))
    };
    limits.iter().filter_map(binding).collect()
}
