//! How each part is started.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{ADMIN_SECRET, AWS_ENV, Keys, Queue, Stack};
use crate::{pack, paths, rotate};

/// The stand-in's services that Pulso uses.
const AWS_SERVICES: &str = "kinesis,iam,sts,sqs,s3,firehose";
/// What alarms need besides.
const ALARM_SERVICES: &str = "cloudwatch,sns,cloudformation,logs";
/// How a backend tells CloudWatch on this machine: twice in a period of ten seconds; and a pageview is over after so many seconds of quiet.
const MONITORED_BACKEND: [&str; 5] = ["--cloudwatch", "--metrics-every-s", "5", "--loss-settle-s", "60"];
/// What it would open besides, whatever the services are: port 8883 on every address of the machine, and 2222 for SFTP.
const AWS_LISTENERS_OFF: [(&str, &str); 2] = [("IOT_MTLS_ENABLED", "0"), ("SFTP_ENABLED", "0")];

impl Stack {
    /// The command of a part, for this run.
    pub(super) fn command(&self, name: &str) -> Result<Command> {
        match name {
            "ministack" => Ok(self.ministack()),
            "fault-proxy" => Ok(self.fault_proxy()),
            "backend" => Ok(self.backend()),
            "worker" => self.worker(),
            "producer" => self.producer(),
            "backend-proxy" => Ok(self.backend_proxy()),
            "evaluator" => Ok(self.evaluator()),
            "inbox" => self.inbox(),
            "notifier" => self.notifier(),
            _ => bail!("there is no part {name}"),
        }
    }

    fn ministack(&self) -> Command {
        let mut command = Command::new(paths::python());
        if self.trial.is_monitored {
            command.arg(paths::at("tests/stand_in/ministack_without_alarms.py")).env("PYTHONDONTWRITEBYTECODE", "1");
        } else {
            command.arg(paths::at("target/venv/bin/ministack"));
        }
        command
            .current_dir(&self.folder)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", (self.plan.port + 2).to_string())
            .env("SERVICES", if self.trial.is_monitored { format!("{AWS_SERVICES},{ALARM_SERVICES}") } else { AWS_SERVICES.to_owned() })
            .envs(AWS_LISTENERS_OFF)
            .env("AUTH", if self.trial.is_guarded { "true" } else { "false" })
            .env("STATE_DIR", self.folder.join("ministack"))
            .env("PERSIST_STATE", if self.plan.data.is_some() { "1" } else { "0" });
        command
    }

    fn fault_proxy(&self) -> Command {
        let mut command = Command::new(pack::native_program("fault-proxy"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.plan.port + 4), "--upstream", &self.plan.aws_url()]);
        if let Some(nth) = self.plan.drop_nth {
            command.args(["--drop-nth", &nth.to_string()]);
        }
        command
    }

    fn backend_proxy(&self) -> Command {
        let mut command = Command::new(pack::native_program("fault-proxy"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.plan.port + 7), "--upstream", &self.plan.aws_url()]);
        command
    }

    /// What no log may quote: the worker's AWS secret and the admin's, those that it began with and those that it has now.
    pub(crate) fn worker_secrets(&self) -> Vec<String> {
        let now = fs::read_to_string(self.folder.join(rotate::SECRETS)).unwrap_or_default();
        let now = now.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let first = self.secrets().into_iter().map(|(name, value)| (name.to_owned(), value));
        let is_secret = |name: &str| ["_KEY", "_SECRET", "_SECRET_NEXT"].iter().any(|end| name.ends_with(end));
        first.chain(now).filter(|(name, _)| is_secret(name)).map(|(_, value)| value).collect()
    }

    /// What the worker is told in secret.
    fn secrets(&self) -> [(&'static str, String); 5] {
        let (id, secret) = match (&self.user, self.trial.keys) {
            (Some((id, secret)), Keys::LeastPrivilege) => (id.clone(), secret.clone()),
            (Some((id, _)), Keys::WrongSecret) => (id.clone(), "not-the-secret-of-this-user".to_owned()),
            (_, Keys::Root) | (None, _) => ("test".to_owned(), "test".to_owned()),
        };
        [
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("ADMIN_SECRET", self.admin_secret().unwrap_or_else(|_| ADMIN_SECRET.to_owned())),
            ("IDENTIFY_SECRET", "local-identify-secret".to_owned()),
        ]
    }

    /// A copy of `wrangler.toml`, and of what it names, for this run alone. wrangler restarts workerd when one of its files changes,
    /// and local queues live in workerd's memory: a build meanwhile must not look like a loss.
    fn own_configuration(&self) -> Result<PathBuf> {
        let text = fs::read_to_string(paths::at("wrangler.toml")).context("wrangler.toml cannot be read")?;
        let mut settings: toml::Table = toml::from_str(&text).context("wrangler.toml is damaged")?;
        let vars = settings.get_mut("vars").and_then(toml::Value::as_table_mut).context("wrangler.toml has no vars")?;
        for (name, value) in self.variables() {
            vars.insert(name.to_owned(), value.into());
        }
        let queues = settings.get_mut("queues").and_then(toml::Value::as_table_mut);
        if let Some(queues) = queues.filter(|_| self.trial.queue == Queue::Absent) {
            queues.remove("producers");
        }
        if let Some(side_door) = self.trial.side_door {
            side_door.enter(&mut settings)?;
        }
        if self.trial.store_fault.is_some() {
            settings.insert("main".to_owned(), "target/worker/faulty_store.js".into());
            let rules = settings.get_mut("rules").and_then(toml::Value::as_array_mut).context("wrangler.toml has no rules")?;
            // The worker's own script is a module of that one.
            let scripts: toml::Table = toml::from_str("type = \"ESModule\"\nglobs = [\"**/*.js\"]")?;
            rules.push(scripts.into());
        }
        let path = self.folder.join("wrangler.toml");
        for built in ["worker", "assets"] {
            let copy = self.folder.join("target").join(built);
            // A part that is revived finds the copy.
            if !copy.exists() {
                pack::copy_folder(&paths::at("target").join(built), &copy)?;
            }
        }
        if self.trial.store_fault.is_some() {
            fs::copy(paths::at("tests/store/worker.js"), self.folder.join("target/worker/faulty_store.js"))?;
        }
        fs::write(&path, toml::to_string(&settings)?)?;
        Ok(path)
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
            .env("PULSO_ADMIN_SECRET_FILE", self.folder.join(rotate::ADMIN_SECRET_FILE));
        if self.trial.is_monitored {
            command.args(MONITORED_BACKEND);
        }
        if self.trial.is_backend_guarded {
            command.env("AWS_ENDPOINT_URL_KINESIS", self.plan.backend_proxy_url());
        }
        command
    }

    fn worker(&self) -> Result<Command> {
        let secrets = self.folder.join(rotate::SECRETS);
        let lines: Vec<String> = self.secrets().iter().map(|(name, value)| format!("{name}={value}")).collect();
        fs::write(&secrets, lines.join("\n"))?;
        let mut command = paths::node();
        command
            .arg(paths::at("node_modules/wrangler/bin/wrangler.js"))
            .args(["dev", "--ip", "127.0.0.1", "--port", &self.plan.port.to_string()])
            .args(["--inspector-ip", "127.0.0.1", "--inspector-port", &(self.plan.port + 3).to_string()])
            .args(["--test-scheduled", "--show-interactive-dev-session=false", "--log-level", "info"])
            .arg("--env-file")
            .arg(secrets)
            .arg("--persist-to")
            .arg(self.folder.join("worker"))
            // Else wrangler keeps each request with its query.
            .env("X_LOCAL_OBSERVABILITY", "false")
            .env("WRANGLER_LOG_PATH", self.logs().join("wrangler"))
            .env("WRANGLER_REGISTRY_PATH", self.registry())
            .envs([("WRANGLER_SEND_METRICS", "false"), ("CI", "1"), ("NO_COLOR", "1")]);
        if let Some(queues) = &self.sqs {
            command.args(["--var", "RETRY_QUEUE:sqs", "--var", &format!("SQS_QUEUE_URL:{}", queues.url)]);
        }
        if let Some(fault) = self.trial.store_fault {
            command.args(["--var", &format!("STORE_FAULT:{}", fault.name())]);
        }
        if self.trial.is_guarded || self.trial.store_fault.is_some() {
            command.arg("--config").arg(self.own_configuration()?);
        } else {
            for (name, value) in self.variables() {
                command.args(["--var", &format!("{name}:{value}")]);
            }
        }
        Ok(command)
    }

    /// What the worker is told on this machine besides what `wrangler.toml` says.
    fn variables(&self) -> [(&'static str, String); 3] {
        let kinesis_url = if self.has_proxy() { self.plan.proxy_url() } else { self.plan.aws_url() };
        let cloudwatch_url = if self.trial.is_monitored { self.plan.aws_url() } else { "off".to_owned() };
        [("PULSO_ENV", "dev".to_owned()), ("KINESIS_ENDPOINT", kinesis_url), ("CLOUDWATCH_ENDPOINT", cloudwatch_url)]
    }
}
