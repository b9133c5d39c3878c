//! Starts the parts of Pulso on this machine, watches them, and stops exactly what it started.

mod aws;
mod commands;
mod memory;
mod monitoring;
mod part;
mod side_door;
mod trial;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{paths, rotate};

pub(crate) use self::aws::SqsQueues;
pub(crate) use self::monitoring::{Deployed, Scale};
pub(crate) use self::part::Part;
pub(crate) use self::side_door::{BUCKET, BUCKET_KEY, SideDoor};
pub(crate) use self::trial::{Keys, Queue, StoreFault, Trial};

/// Credentials of the stand-in, which asks for none.
pub(crate) const AWS_ENV: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];

/// The bearer secret of the local admin routes, until it is changed.
pub(crate) const ADMIN_SECRET: &str = "local-admin-secret";

/// How long a part may take to come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the parts may take to finish what was accepted.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

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
    trial: Trial,
    /// Access key id and secret of the user who may put records.
    user: Option<(String, String)>,
    /// The retry queue, when it is in SQS.
    sqs: Option<SqsQueues>,
    /// The alarms, once they are deployed.
    alarms: Option<Deployed>,
    folder: PathBuf,
    parts: Vec<Part>,
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
    pub(crate) fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 4)
    }

    /// The one between the backend and Kinesis.
    pub(crate) fn backend_proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port + 7)
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
        Self::start_trial(plan, Trial::NONE)
    }

    /// The same, with what a trial wants otherwise.
    pub(crate) fn start_trial(plan: Plan, trial: Trial) -> Result<Self> {
        plan.check_ports()?;
        let folder = plan.folder()?;
        let logs = folder.join("logs");
        if logs.exists() {
            fs::remove_dir_all(&logs)?;
        }
        fs::create_dir_all(&logs)?;
        rotate::write_secret(&folder.join(rotate::ADMIN_SECRET_FILE), ADMIN_SECRET)?;
        let mut stack = Self { plan, trial, user: None, sqs: None, alarms: None, folder, parts: Vec::new() };
        stack.spawn("ministack")?;
        if stack.has_proxy() {
            stack.spawn("fault-proxy")?;
        }
        if stack.trial.is_backend_guarded {
            stack.spawn("backend-proxy")?;
        }
        stack.wait_for("ministack", &format!("{}/_ministack/health", stack.plan.aws_url()))?;
        stack.furnish()?;
        stack.spawn("backend")?;
        stack.spawn("worker")?;
        stack.wait_for("backend", &format!("{}/health", stack.plan.backend_url()))?;
        stack.wait_for("worker", &format!("{}/health", stack.plan.worker_url()))?;
        // Makes the salts, as the cron trigger does in production; local wrangler has no clock for it.
        stack.wait_for("worker", &format!("{}/cdn-cgi/handler/scheduled", stack.plan.worker_url()))?;
        stack.wait_for("worker", &format!("{}/recommendations?portal=g1", stack.plan.worker_url()))?;
        if trial.side_door.is_some() {
            // After the worker, whose queues it looks for when it starts.
            stack.spawn("producer")?;
            stack.wait_for("producer", &format!("http://127.0.0.1:{}/", stack.plan.port + 5))?;
        }
        Ok(stack)
    }

    /// Ends a part at once, as a crash or the kernel would.
    pub(crate) fn kill(&mut self, name: &str) -> Result<()> {
        let index = self.parts.iter().position(|part| part.name() == name).with_context(|| format!("{name} is not running"))?;
        self.parts.remove(index).kill()
    }

    /// Starts a part that was killed again, with the state it left, and waits until it serves.
    pub(crate) fn revive(&mut self, name: &'static str) -> Result<()> {
        self.spawn(name)?;
        match name {
            "worker" => self.wait_for(name, &format!("{}/recommendations?portal=g1", self.plan.worker_url())),
            "backend" => self.wait_for(name, &format!("{}/health", self.plan.backend_url())),
            "producer" => self.wait_for(name, &format!("http://127.0.0.1:{}/", self.plan.port + 5)),
            _ => Ok(()),
        }
    }

    /// Kills the worker and starts it again with another retry queue than before: one that is there, or none.
    /// Local queues live in the worker's memory: what waits in them is lost, so let them run empty before.
    pub(crate) fn replace_queue(&mut self, queue: Queue) -> Result<()> {
        self.kill("worker")?;
        self.trial.queue = queue;
        self.revive("worker")
    }

    /// Kills the worker and starts it again with a key-value store that does this. What is in the store outlives it, what it remembers does not.
    pub(crate) fn replace_store(&mut self, fault: StoreFault) -> Result<()> {
        self.kill("worker")?;
        self.trial.store_fault = Some(fault);
        self.revive("worker")
    }

    /// Memory of workerd that is not shared with others, KiB.
    pub(crate) fn workerd_rss_kib(&self) -> Option<u64> {
        let worker = self.parts.iter().find(|part| part.name() == "worker")?;
        memory::rss_kib(worker.id(), "workerd")
    }

    /// Where the parts keep their state.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Access key id and secret of the worker's user, if the trial made one.
    pub(crate) fn user(&self) -> Option<&(String, String)> {
        self.user.as_ref()
    }

    /// The retry queue in SQS, if the trial has one.
    pub(crate) fn sqs(&self) -> Option<&SqsQueues> {
        self.sqs.as_ref()
    }

    /// Whether Firehose copies the streams to S3.
    pub(crate) fn has_archive(&self) -> bool {
        self.trial.has_archive
    }

    fn has_proxy(&self) -> bool {
        self.trial.is_guarded || self.plan.drop_nth.is_some()
    }

    /// The bearer secret of its admin routes, as it is now.
    pub(crate) fn admin_secret(&self) -> Result<String> {
        rotate::read_secret(&self.folder.join(rotate::ADMIN_SECRET_FILE))
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
        self.parts.iter_mut().try_for_each(Part::check)
    }

    /// Waits until what was accepted is in the streams and read, then stops every part, last started first.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.drain();
        // All of them are stopped, whatever one of them says.
        let outcomes: Vec<_> = self.parts.iter_mut().rev().map(Part::stop).collect();
        self.parts.clear();
        outcomes.into_iter().collect()
    }

    /// Until the local retry queue, which lives in the worker's memory, is empty, and the backend has counted all; bounded.
    fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let figures = format!("{}/figures", self.plan.backend_url());
        let mut before = String::new();
        let mut is_still = false;
        while Instant::now() < deadline && self.check().is_ok() {
            let (Ok(now), Some(0)) = (get(&figures), self.waiting_in_queue()) else {
                std::thread::sleep(Duration::from_millis(300));
                continue;
            };
            if is_still && now == before {
                return;
            }
            is_still = now == before;
            before = now;
            std::thread::sleep(Duration::from_millis(700));
        }
        if let Some(waiting @ 1..) = self.waiting_in_queue() {
            println!("{waiting} records that Kinesis did not take are lost with the local retry queue");
        }
    }

    /// Records that the worker's retry queue still has; `None` when the worker does not say.
    fn waiting_in_queue(&self) -> Option<u64> {
        if self.trial.queue == Queue::Sqs {
            // What is in SQS outlives the worker, which does not know what became of it.
            return Some(0);
        }
        let text = get_as_admin(&format!("{}/metrics", self.plan.worker_url()), &self.admin_secret().ok()?).ok()?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        Some(value("pulso_retry_queued_total ")?.saturating_sub(value("pulso_retry_settled_total ")?))
    }

    fn spawn(&mut self, name: &'static str) -> Result<()> {
        let part = Part::start(name, &mut self.command(name)?, &self.logs())?;
        self.parts.push(part);
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
                bail!("{name} is not ready after 60 s ({url}: {error}); the end of its log:\n{}", part::tail(&log));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
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

/// The body of a 2xx.
pub(crate) fn get(url: &str) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
    Ok(agent.get(url).call()?.body_mut().read_to_string()?)
}

fn get_as_admin(url: &str, secret: &str) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
    Ok(agent.get(url).header("Authorization", format!("Bearer {secret}")).call()?.body_mut().read_to_string()?)
}
