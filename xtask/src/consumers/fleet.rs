//! The programs of a trial: a Kinesis that can split and merge, a DynamoDB, the fault proxy before the one, two backends.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::stack::{self, ADMIN_SECRET, AWS_ENV, Part};
use crate::{pack, paths};

/// The two processes.
pub(super) const BACKENDS: [&str; 2] = ["backend-a", "backend-b"];
/// How long a part may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The running programs.
pub(super) struct Fleet {
    port: u16,
    folder: PathBuf,
    parts: Vec<Part>,
}

impl Fleet {
    /// Starts everything, streams included, and waits until both backends are at work.
    pub(super) fn start(port: u16) -> Result<Self> {
        for port in port..port + 6 {
            ensure!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "port {port} is taken: choose others with --port");
        }
        let folder = paths::at("target/dev").join(port.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("logs"))?;
        let mut fleet = Self { port, folder, parts: Vec::new() };
        let (dynamo, kinesis, proxy) = (fleet.dynamo(), fleet.kinesis(), fleet.proxy());
        fleet.run("ministack", dynamo)?;
        fleet.run("kinesis-local", kinesis)?;
        fleet.run("fault-proxy", proxy)?;
        fleet.wait("ministack", |fleet| stack::get(&format!("{}/_ministack/health", fleet.dynamo_url())).is_ok())?;
        fleet.wait("kinesis-local", |fleet| std::net::TcpStream::connect(("127.0.0.1", fleet.port + 1)).is_ok())?;
        fleet.feed(&["make"])?;
        for name in BACKENDS {
            fleet.join(name)?;
        }
        for name in BACKENDS {
            fleet.wait(name, |fleet| fleet.is_ok(name))?;
        }
        Ok(fleet)
    }

    /// Kinesis itself, without the proxy.
    pub(super) fn kinesis_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 1)
    }

    /// The proxy that backends take for Kinesis.
    pub(super) fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 3)
    }

    /// Where a backend answers.
    pub(super) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", if name == BACKENDS[0] { self.port + 4 } else { self.port + 5 })
    }

    /// A backend's data folder.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn dynamo_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn dynamo(&self) -> Command {
        let mut command = Command::new(paths::at("target/venv/bin/ministack"));
        command
            .current_dir(&self.folder)
            .envs([("BIND_HOST", "127.0.0.1"), ("SERVICES", "dynamodb"), ("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")])
            .env("GATEWAY_PORT", self.port.to_string())
            .env("STATE_DIR", self.folder.join("ministack"));
        command
    }

    fn kinesis(&self) -> Command {
        let mut command = paths::node();
        command
            .arg("--require")
            .arg(paths::at("tests/stand_in/loopback.cjs"))
            .arg(paths::at("node_modules/kinesis-local/main.js"))
            .env("KINESIS_MOCK_CERT_PATH", paths::at("node_modules/kinesis-local/server.json"))
            .env("KINESIS_MOCK_PLAIN_PORT", (self.port + 1).to_string())
            .env("KINESIS_MOCK_TLS_PORT", (self.port + 2).to_string());
        command
    }

    fn proxy(&self) -> Command {
        let mut command = Command::new(pack::native_program("fault-proxy"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.port + 3), "--upstream", &self.kinesis_url()]);
        command
    }

    fn run(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        self.parts.push(Part::start(name, &mut command, &self.folder.join("logs"))?);
        Ok(())
    }

    /// Starts a backend with the folder it had, if it had one.
    pub(super) fn join(&mut self, name: &'static str) -> Result<()> {
        let mut command = Command::new(pack::native_program("backend"));
        command
            .args(["consume", "--log", "json", "--lease-table", "pulso-leases"])
            .args(["--listen", self.url(name).trim_start_matches("http://")])
            .arg("--data")
            .arg(self.data(name))
            .current_dir(paths::root())
            .envs(AWS_ENV)
            .env("AWS_ENDPOINT_URL_KINESIS", self.proxy_url())
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.dynamo_url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PULSO_ADMIN_SECRET", ADMIN_SECRET);
        self.run(name, command)
    }

    /// What was started, taken out.
    pub(super) fn part(&mut self, name: &str) -> Result<Part> {
        let index = self.parts.iter().position(|part| part.name() == name).with_context(|| format!("{name} does not run"))?;
        Ok(self.parts.remove(index))
    }

    /// `tests/oracle/feed.py` from its beginning to its end.
    pub(super) fn feed(&self, arguments: &[&str]) -> Result<()> {
        let status = self.feeding(arguments).status()?;
        ensure!(status.success(), "feed.py {} failed ({status})", arguments.join(" "));
        Ok(())
    }

    /// The same beside others, with its output in a log.
    pub(super) fn start_feeding(&self, arguments: &[&str]) -> Result<Part> {
        Part::start("feed", &mut self.feeding(arguments), &self.folder.join("logs"))
    }

    /// What a part has said.
    pub(super) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("logs").join(format!("{name}.log"))).unwrap_or_default()
    }

    fn feeding(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(paths::python());
        command.arg(paths::at("tests/oracle/feed.py")).args(arguments).args(["--endpoint", &self.kinesis_url()]).envs(AWS_ENV);
        command
    }

    /// `GET /health`, whatever its status code.
    pub(super) fn health(&self, name: &str) -> Result<Value> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(3))).http_status_as_error(false).build().into();
        Ok(agent.get(&format!("{}/health", self.url(name))).call()?.body_mut().read_json()?)
    }

    /// The shards of all portals that a backend reads, and has read from since `since_ms`.
    pub(super) fn shards(&self, name: &str, since_ms: u64) -> Result<BTreeSet<String>> {
        let health = self.health(name)?;
        let mut found = BTreeSet::new();
        for (portal, of_portal) in members(&health, "portals")? {
            for (shard, facts) in members(of_portal, "shards")? {
                let is_drained = facts.get("is_drained").and_then(Value::as_bool).context("no is_drained")?;
                let last_read_at_ms = facts.get("last_read_at_ms").and_then(Value::as_u64).context("no last_read_at_ms")?;
                if !is_drained && last_read_at_ms >= since_ms {
                    found.insert(format!("{portal} {shard}"));
                }
            }
        }
        Ok(found)
    }

    /// Waits until it is so; gives how long that took.
    pub(super) fn until(&mut self, what: &str, within: Duration, is_so: impl Fn(&Self) -> bool) -> Result<Duration> {
        let begun = Instant::now();
        while !is_so(self) {
            self.parts.iter_mut().try_for_each(Part::check)?;
            ensure!(!stack::is_interrupted(), "interrupted");
            if begun.elapsed() > within {
                bail!("not within {} s: {what}", within.as_secs());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(begun.elapsed())
    }

    /// Whether a backend is well.
    pub(super) fn is_ok(&self, name: &str) -> bool {
        self.health(name).is_ok_and(|health| health.get("status").is_some_and(|status| status == "ok"))
    }

    fn wait(&mut self, name: &str, is_up: impl Fn(&Self) -> bool) -> Result<()> {
        self.until(&format!("{name} is up, see {}", self.folder.join("logs").display()), START_TIMEOUT, is_up).map(drop)
    }
}

fn members<'a>(value: &'a Value, name: &str) -> Result<&'a serde_json::Map<String, Value>> {
    value.get(name).and_then(Value::as_object).with_context(|| format!("/health has no {name}"))
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for part in self.parts.iter_mut().rev() {
            // Nobody is left to hear of an error here.
            let _ = part.stop();
        }
    }
}
