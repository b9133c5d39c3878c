//! Ways for a trial to get at what only the worker has: its store by R2's S3 API, its queues by a producer beside it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Stack;
use crate::paths;

/// The worker's bucket, and a key for it that `wrangler dev` makes up.
pub(crate) const BUCKET: &str = "pulso-archive";
/// Id and secret of that key.
pub(crate) const BUCKET_KEY: (&str, &str) = ("local", "local-secret");

/// How long one run of the cron may take: a stream that does not answer costs its deadline.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the producer may take.
const PRODUCE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a trial of the worker's store and queues wants otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SideDoor {
    /// An outage is a long one after so many seconds.
    pub spill_after_s: u32,
    /// A message goes to the dead letter queue after so many deliveries more; as in production without it.
    pub max_retries: Option<u32>,
}

impl SideDoor {
    /// Changes the worker's configuration.
    pub(super) fn enter(self, settings: &mut toml::Table) -> Result<()> {
        let vars = settings.get_mut("vars").and_then(toml::Value::as_table_mut).context("wrangler.toml has no [vars]")?;
        vars.insert("SPILL_AFTER_S".to_owned(), self.spill_after_s.to_string().into());
        let (id, secret) = BUCKET_KEY;
        let opened: toml::Table =
            toml::from_str(&format!("experimental_s3_credentials = {{ accessKeyId = \"{id}\", secretAccessKey = \"{secret}\" }}"))?;
        let buckets = settings.get_mut("r2_buckets").and_then(toml::Value::as_array_mut).context("wrangler.toml has no r2_buckets")?;
        for bucket in buckets.iter_mut().filter_map(toml::Value::as_table_mut) {
            bucket.insert("local_dev".to_owned(), opened.clone().into());
        }
        let consumers = settings.get_mut("queues").and_then(|queues| queues.get_mut("consumers")).and_then(toml::Value::as_array_mut);
        for consumer in consumers.context("wrangler.toml has no queues.consumers")?.iter_mut().filter_map(toml::Value::as_table_mut) {
            // A trial need not wait until a batch is full: production gathers for 5 s.
            consumer.insert("max_batch_timeout".to_owned(), 1.into());
            // The dead letter queue has none of its own: what it gave up would be gone.
            if let (Some(retries), true) = (self.max_retries, consumer.contains_key("dead_letter_queue")) {
                consumer.insert("max_retries".to_owned(), i64::from(retries).into());
            }
        }
        Ok(())
    }
}

impl Stack {
    /// Where the worker's bucket speaks S3.
    pub(crate) fn bucket_url(&self) -> String {
        format!("{}/cdn-cgi/local/r2/s3", self.plan.worker_url())
    }

    /// Where dev sessions of this run, and of no other on the machine, find each other's queues.
    pub(super) fn registry(&self) -> PathBuf {
        self.folder.join("registry")
    }

    /// The producer beside the worker.
    pub(super) fn producer(&self) -> Result<Command> {
        let folder = self.folder.join("producer");
        fs::create_dir_all(&folder)?;
        fs::copy(paths::at("tests/producer/worker.js"), folder.join("worker.js"))?;
        let queues = ["pulso-retry-0", "pulso-retry-1", "pulso-retry-dead"];
        let producers: Vec<String> =
            queues.iter().map(|queue| format!("[[queues.producers]]\nbinding = \"{queue}\"\nqueue = \"{queue}\"\n")).collect();
        let config = folder.join("wrangler.toml");
        let head = "name = \"pulso-test-producer\"\nmain = \"worker.js\"\ncompatibility_date = \"2026-01-15\"\n";
        fs::write(&config, format!("{head}{}", producers.concat()))?;
        let mut command = paths::node();
        command
            .arg(paths::at("node_modules/wrangler/bin/wrangler.js"))
            .args(["dev", "--ip", "127.0.0.1", "--port", &(self.plan.port + 5).to_string()])
            .args(["--inspector-ip", "127.0.0.1", "--inspector-port", &(self.plan.port + 6).to_string()])
            .args(["--show-interactive-dev-session=false", "--config"])
            .arg(config)
            .arg("--persist-to")
            // Elsewhere: wrangler reloads when anything beside the script changes.
            .arg(self.folder.join("producer-state"))
            .env("WRANGLER_LOG_PATH", self.logs().join("wrangler"))
            .env("WRANGLER_REGISTRY_PATH", self.registry())
            .envs([("WRANGLER_SEND_METRICS", "false"), ("CI", "1"), ("NO_COLOR", "1")]);
        Ok(command)
    }

    /// Puts messages into one of the worker's queues, as one batch: `[{"body": …, "contentType": "text"}, …]`.
    pub(crate) fn produce(&self, queue: &str, messages: &[serde_json::Value]) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/", self.plan.port + 5);
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PRODUCE_TIMEOUT)).build().into();
        let mut answer = agent.post(&url).send_json(serde_json::json!([queue, messages])).context("the producer does not take it")?;
        let said: serde_json::Value = answer.body_mut().read_json()?;
        ensure!(said == serde_json::json!({ "sent": messages.len() }), "the producer says {said}, and should have sent {}", messages.len());
        Ok(())
    }

    /// Triggers the cron that drains what was set aside.
    pub(crate) fn trigger_drain(&self) -> Result<()> {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(DRAIN_TIMEOUT)).build().into();
        agent.get(self.drain_url()).call().context("the cron that drains failed")?;
        Ok(())
    }

    /// A GET triggers that cron.
    pub(crate) fn drain_url(&self) -> String {
        format!("{}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*", self.plan.worker_url())
    }

    /// Kills the worker and starts it again, with this difference. What waits in its queues is lost, what is in its store is not.
    pub(crate) fn replace_side_door(&mut self, side_door: SideDoor) -> Result<()> {
        self.kill("worker")?;
        self.trial.side_door = Some(side_door);
        self.revive("worker")
    }
}
