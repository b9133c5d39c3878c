//! The monitoring of one machine: the alarms of `backend/infra` in the stand-in, what evaluates them, and what hears of them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{AWS_ENV, Stack};
use crate::{pack, paths, run};

/// What the alarms are scaled to on this machine, so that nobody waits for five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// A period, seconds; CloudWatch takes 10 at least.
    pub period_s: u32,
    /// A unit of work that takes longer is stuck, seconds.
    pub slow_s: u32,
    /// A change that is not published for longer is late, seconds.
    pub model_age_s: u32,
    /// So many messages in the retry queues are too many.
    pub backlog_messages: u32,
    /// Whether the alarms of services that are not here are made too.
    pub with_paper: bool,
}

/// What there is after the alarms were deployed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployed {
    /// The queue that hears of every alarm.
    pub queue_url: String,
    /// The names of all alarms.
    pub alarms: Vec<String>,
}

impl Stack {
    /// Deploys the alarms and starts what evaluates them.
    pub(crate) fn monitor(&mut self, scale: Scale) -> Result<Deployed> {
        let mut deploy = self.monitoring_script();
        deploy.arg("deploy").args(["--period-s", &scale.period_s.to_string()]);
        deploy.args(["--slow-s", &scale.slow_s.to_string(), "--model-age-s", &scale.model_age_s.to_string()]);
        deploy.args(["--backlog", &scale.backlog_messages.to_string()]);
        if scale.with_paper {
            deploy.arg("--with-paper");
        }
        let deployed: Deployed = serde_json::from_str(&said(&mut deploy)?).context("monitoring.py says nothing of what it deployed")?;
        self.alarms = Some(deployed.clone());
        self.spawn("evaluator")?;
        Ok(deployed)
    }

    /// Starts what writes down each message of the alarms' queue, in `inbox.log`.
    pub(crate) fn follow_alarms(&mut self) -> Result<()> {
        self.spawn("inbox")
    }

    /// Starts the notifier on that queue, which says each message in `notifier.log` as people would read it.
    pub(crate) fn tell_alarms(&mut self) -> Result<()> {
        self.spawn("notifier")
    }

    /// Puts figures by hand, as `PutMetricData` takes them, each with its `Namespace`.
    pub(crate) fn put_figures(&self, figures: &[Value]) -> Result<()> {
        let mut child = self.monitoring_script().arg("put").stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("monitoring.py has no input")?.write_all(serde_json::to_string(figures)?.as_bytes())?;
        ensure!(child.wait()?.success(), "figures could not be put");
        Ok(())
    }

    /// Puts an alarm whose dimensions fit nothing beside a right one.
    pub(crate) fn plant_alarm(&self, right: &str, planted: &str) -> Result<()> {
        said(self.monitoring_script().args(["plant", "--alarm", right, "--as", planted])).map(drop)
    }

    /// Puts a text into a stream that is no record of ours.
    pub(crate) fn put_poison(&self, stream: &str) -> Result<()> {
        said(self.monitoring_script().args(["poison", "--stream", stream])).map(drop)
    }

    /// Lines that the worker wrote into its log group about this.
    pub(crate) fn edge_said(&self, event: &str) -> Result<u64> {
        let count = said(self.monitoring_script().args(["said", "--event", event]))?;
        count.trim().parse().context("monitoring.py says no count")
    }

    /// The state of every alarm, as JSON by name.
    pub(crate) fn alarm_states(&self) -> Result<std::collections::BTreeMap<String, String>> {
        serde_json::from_str(&said(self.monitoring_script().arg("states"))?).context("monitoring.py says no states")
    }

    /// Evaluates every alarm every two seconds.
    pub(super) fn evaluator(&self) -> Command {
        let mut command = estate("evaluator.py");
        command.args(["--endpoint", &self.plan.aws_url()]);
        command
    }

    /// Says each message.
    pub(super) fn notifier(&self) -> Result<Command> {
        let mut command = Command::new(pack::native_program("bootstrap"));
        command.args(["--follow-queue", &self.queue_url()?, "--endpoint", &self.plan.aws_url()]).envs(AWS_ENV);
        Ok(command)
    }

    fn queue_url(&self) -> Result<String> {
        Ok(self.alarms.as_ref().context("no alarms are deployed")?.queue_url.clone())
    }

    /// Writes down each message.
    pub(super) fn inbox(&self) -> Result<Command> {
        let mut command = self.monitoring_script();
        command.args(["follow", "--queue-url", &self.queue_url()?]);
        Ok(command)
    }

    fn monitoring_script(&self) -> Command {
        let mut command = estate("monitoring.py");
        command.args(["--endpoint", &self.plan.aws_url()]);
        command
    }
}

fn estate(script: &str) -> Command {
    let mut command = Command::new(paths::python());
    command.arg(paths::at("tests/estate").join(script)).envs(AWS_ENV).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn said(command: &mut Command) -> Result<String> {
    let what = format!("{command:?}");
    run::output(command).with_context(|| format!("failed: {what}"))
}
