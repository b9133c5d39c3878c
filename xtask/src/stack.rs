//! Starts the parts of Pulso on this machine, watches them, and stops exactly what it started.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::{pack, paths};

/// Credentials of the stand-in, which asks for none.
pub(crate) const AWS_ENV: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];

/// The stand-in's services that Pulso uses. All of them would open ports of their own, one on every address of the machine.
const AWS_SERVICES: &str = "kinesis";

/// The bearer secret of the local admin routes.
pub(crate) const ADMIN_SECRET: &str = "local-admin-secret";

/// How long a part may take to come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a part may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C and SIGTERM a wish that [`is_interrupted`] tells.
pub(crate) fn catch_signals() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("signals cannot be caught")
}

/// Whether somebody wants us to stop.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// What to start, and where.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The worker's port; the other parts take the four after it.
    pub port: u16,
    /// Where state is kept; `None`: in `target/`, emptied at each start.
    pub data: Option<PathBuf>,
    /// Plants a fault between worker and Kinesis: the n-th PutRecords is answered but not passed on.
    pub drop_nth: Option<u32>,
}

/// The running parts, in the order they were started.
#[derive(Debug)]
pub(crate) struct Stack {
    plan: Plan,
    folder: PathBuf,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Plan {
    /// The worker.
    pub(crate) fn worker_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The backend.
    pub(crate) fn backend_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 1)
    }

    /// The AWS stand-in.
    pub(crate) fn aws_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 2)
    }

    /// The fault-injecting proxy.
    fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 4)
    }

    /// What the worker takes for Kinesis.
    fn kinesis_url(&self) -> String {
        if self.drop_nth.is_some() { self.proxy_url() } else { self.aws_url() }
    }

    fn folder(&self) -> Result<PathBuf> {
        if let Some(data) = &self.data {
            fs::create_dir_all(data)?;
            return data.canonicalize().with_context(|| format!("{} cannot be used", data.display()));
        }
        let folder = paths::at("target/dev").join(self.port.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn check_ports(&self) -> Result<()> {
        let names = ["the worker", "the backend", "the AWS stand-in", "the inspector", "the fault proxy"];
        for (port, name) in (self.port..=self.port.saturating_add(4)).zip(names) {
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                bail!("port {port} for {name} is taken: stop what uses it, or choose another with --port");
            }
        }
        Ok(())
    }
}

impl Stack {
    /// Starts everything and waits until a recommendation can be served.
    pub(crate) fn start(plan: Plan) -> Result<Self> {
        plan.check_ports()?;
        let folder = plan.folder()?;
        fs::create_dir_all(folder.join("logs"))?;
        let mut stack = Self { plan, folder, parts: Vec::new() };
        stack.spawn("ministack", stack.ministack())?;
        if let Some(nth) = stack.plan.drop_nth {
            stack.spawn("fault-proxy", stack.fault_proxy(nth))?;
        }
        stack.wait_for("ministack", &format!("{}/_ministack/health", stack.plan.aws_url()))?;
        stack.spawn("backend", stack.backend())?;
        let worker = stack.worker()?;
        stack.spawn("worker", worker)?;
        stack.wait_for("backend", &format!("{}/health", stack.plan.backend_url()))?;
        stack.wait_for("worker", &format!("{}/health", stack.plan.worker_url()))?;
        // Makes the salts, as the cron trigger does in production; local wrangler has no clock for it.
        stack.wait_for("worker", &format!("{}/cdn-cgi/handler/scheduled", stack.plan.worker_url()))?;
        stack.wait_for("worker", &format!("{}/recommendations?portal=g1", stack.plan.worker_url()))?;
        Ok(stack)
    }

    /// Its addresses.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where the parts write their logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// An error that names the part that died and shows its last lines, if one did.
    pub(crate) fn check(&mut self) -> Result<()> {
        for part in &mut self.parts {
            if let Some(status) = part.child.try_wait()? {
                bail!("{} ended ({status}); the end of {}:\n{}", part.name, part.log.display(), tail(&part.log));
            }
        }
        Ok(())
    }

    /// Waits until the backend has read what the worker has put, then stops every part, last started first.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.drain();
        for mut part in std::mem::take(&mut self.parts).into_iter().rev() {
            part.stop()?;
        }
        Ok(())
    }

    /// Until the count of events stands still for two of the queue's periods, at most ten seconds.
    fn drain(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let figures = format!("{}/figures", self.plan.backend_url());
        let mut before = String::new();
        let mut stood_still = 0;
        while Instant::now() < deadline && stood_still < 2 && self.check().is_ok() {
            let Ok(now) = get(&figures) else { return };
            stood_still = if now == before { stood_still + 1 } else { 0 };
            before = now;
            std::thread::sleep(Duration::from_millis(700));
        }
    }

    fn spawn(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        let log = self.folder.join("logs").join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            // A group of its own: Ctrl-C reaches us alone, and we stop children of children too.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        self.parts.push(Part { name, child, log });
        Ok(())
    }

    fn wait_for(&mut self, name: &str, url: &str) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let answer = get(url);
            if answer.is_ok() {
                return Ok(());
            }
            self.check()?;
            if is_interrupted() {
                bail!("interrupted while {name} was starting");
            }
            if let Err(error) = answer
                && Instant::now() > deadline
            {
                let log = self.logs().join(format!("{name}.log"));
                bail!("{name} is not ready after 60 s ({url}: {error}); the end of its log:\n{}", tail(&log));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ministack(&self) -> Command {
        let mut command = Command::new(paths::at("target/venv/bin/ministack"));
        command
            .current_dir(&self.folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", (self.plan.port + 2).to_string())
            .env("SERVICES", AWS_SERVICES)
            .env("STATE_DIR", self.folder.join("ministack"))
            .env("PERSIST_STATE", if self.plan.data.is_some() { "1" } else { "0" });
        command
    }

    fn fault_proxy(&self, drop_nth: u32) -> Command {
        let mut command = Command::new(pack::native_program("fault-proxy"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.plan.port + 4), "--upstream", &self.plan.aws_url()]);
        command.args(["--drop-nth", &drop_nth.to_string()]);
        command
    }

    fn backend(&self) -> Command {
        let mut command = Command::new(pack::native_program("backend"));
        command
            .args(["serve", "--dev", "--create-streams", "--publish-every-s", "2", "--log", "text"])
            .args(["--edge-url", &self.plan.worker_url(), "--listen", &format!("127.0.0.1:{}", self.plan.port + 1)])
            .arg("--data")
            .arg(self.folder.join("backend"))
            .current_dir(paths::root())
            .envs(AWS_ENV)
            .env("AWS_ENDPOINT_URL", self.plan.aws_url())
            // Never asks this network for an instance's credentials.
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PULSO_ADMIN_SECRET", ADMIN_SECRET);
        command
    }

    fn worker(&self) -> Result<Command> {
        let secrets = self.folder.join("dev.vars");
        let lines = AWS_ENV.iter().chain(&[("ADMIN_SECRET", ADMIN_SECRET)]).map(|(name, value)| format!("{name}={value}\n"));
        fs::write(&secrets, lines.collect::<String>())?;
        let mut command = paths::node();
        command
            .arg(paths::at("node_modules/wrangler/bin/wrangler.js"))
            .args(["dev", "--ip", "127.0.0.1", "--port", &self.plan.port.to_string()])
            .args(["--inspector-ip", "127.0.0.1", "--inspector-port", &(self.plan.port + 3).to_string()])
            .args(["--test-scheduled", "--show-interactive-dev-session=false", "--log-level", "info"])
            .args(["--var", "PULSO_ENV:dev", "--var", &format!("KINESIS_ENDPOINT:{}", self.plan.kinesis_url())])
            .arg("--env-file")
            .arg(secrets)
            .arg("--persist-to")
            .arg(self.folder.join("worker"))
            .env("WRANGLER_LOG_PATH", self.logs().join("wrangler"))
            .envs([("WRANGLER_SEND_METRICS", "false"), ("CI", "1"), ("NO_COLOR", "1")]);
        Ok(command)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for part in self.parts.iter_mut().rev() {
            // Nobody is left to hear of an error here.
            let _ = part.stop();
        }
    }
}

impl Part {
    /// Asks its whole group to stop, and kills what does not.
    fn stop(&mut self) -> Result<()> {
        let group = Pid::from_raw(i32::try_from(self.child.id())?);
        if self.child.try_wait()?.is_none() {
            // Gone already is as good as stopped.
            let _ = killpg(group, Signal::SIGTERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.child.try_wait()?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = killpg(group, Signal::SIGKILL);
        self.child.wait()?;
        Ok(())
    }
}

/// The body of a 2xx.
pub(crate) fn get(url: &str) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
    Ok(agent.get(url).call()?.body_mut().read_to_string()?)
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
