//! What a trial needs in the AWS stand-in besides streams, all of it made by boto3 with the stand-in's own key.

use std::process::Command;

use anyhow::{Context, Result};

use super::{AWS_ENV, Keys, Queue, Stack};
use crate::{pack, paths, run};

/// The retry queue in SQS, and where its messages go that were delivered too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqsQueues {
    pub url: String,
    pub dead_url: String,
}

impl Stack {
    /// Makes what the trial wants, before the worker starts.
    pub(super) fn furnish(&mut self) -> Result<()> {
        if self.trial.queue == Queue::Sqs {
            let (url, dead_url) = self.make("sqs.py", &["make"])?;
            self.sqs = Some(SqsQueues { url, dead_url });
        }
        if self.trial.has_archive {
            self.make("archive.py", &["make"])?;
        }
        if self.trial.keys != Keys::Root {
            let queue = self.sqs.as_ref().map(|queues| queues.url.clone()).unwrap_or_default();
            self.user = Some(self.make("least_privilege.py", &["--queue", &queue])?);
        }
        Ok(())
    }

    /// `backend redrive --sqs` of one of the queues; its calls to Kinesis meet the fault proxy.
    pub(crate) fn redrive(&self, queue_url: &str) -> Command {
        let mut command = Command::new(pack::native_program("backend"));
        command
            .args(["redrive", "--sqs", "--queue-url", queue_url, "--log", "text"])
            .current_dir(paths::root())
            .envs(AWS_ENV)
            .env("AWS_ENDPOINT_URL_SQS", self.plan.aws_url())
            .env("AWS_ENDPOINT_URL_KINESIS", if self.has_proxy() { self.plan.proxy_url() } else { self.plan.aws_url() })
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs a script of `tests/oracle` that makes something and prints two words about it.
    fn make(&self, script: &str, options: &[&str]) -> Result<(String, String)> {
        let mut maker = Command::new(paths::python());
        maker.arg(paths::at("tests/oracle").join(script)).args(["--endpoint", &self.plan.aws_url()]).args(options).envs(AWS_ENV);
        let output = run::output(&mut maker);
        let output =
            output.with_context(|| format!("tests/oracle/{script} failed: see {}", self.logs().join("ministack.log").display()))?;
        let (one, two) = output.split_once(' ').with_context(|| format!("{script} printed no two words: {output}"))?;
        Ok((one.to_owned(), two.to_owned()))
    }
}
