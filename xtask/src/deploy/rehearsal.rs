//! A deployment without an account: `tests/deploy/wrangler.py` plays wrangler, a local worker what was deployed.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use super::mistakes::Subject;
use super::shipped;
use crate::paths;
use crate::rotate;
use crate::stack::{AWS_ENV, Plan, Stack, Trial};

/// The check: what would be shipped, what `/health` says of mistakes, and what `deploy` and `rotate-keys` make of it.
pub(crate) fn check(port: u16) -> Result<()> {
    shipped::check()?;
    let plan = Plan { port, data: None, drop_nth: None };
    let stack = Stack::start_trial(plan, Trial { has_archive: false, ..Trial::FAULTS })?;
    let outcome = rehearse(&stack);
    stack.stop()?;
    outcome
}

fn rehearse(stack: &Stack) -> Result<()> {
    let subject = Subject::new(stack)?;
    subject.make_all()?;
    subject.lose_stream(stack)?;
    subject.be_production()?;
    let stage = Stage { stack, subject: &subject };

    let deploy = ["deploy", "--env", "staging", "--built", "--tries", "5", "--pause-s", "0.2"];
    let good = stage.xtask(&deploy)?;
    ensure!(good.status.code() == Some(0), "a deployment that is well failed:\n{}", said(&good));
    stage.must_have_called(&["deploy --env staging"])?;
    println!("  deployed and green: {}", last_line(&good));

    subject.spoil()?;
    let bad = stage.xtask(&deploy)?;
    ensure!(bad.status.code() == Some(1), "a deployment that is red ended with {:?}:\n{}", bad.status, said(&bad));
    ensure!(said(&bad).contains("STORE: binding is missing"), "deploy does not say what is red:\n{}", said(&bad));
    stage.must_have_called(&["deploy --env staging", "rollback --env staging --yes --message not well: red: STORE: binding is missing"])?;
    println!("  deployed and red: {}", last_line(&bad));
    subject.mend()?;

    let dry = stage.xtask(&["rotate-keys", "--env", "staging", "--dry-run"])?;
    ensure!(dry.status.success() && said(&dry).contains("nothing was"), "{}", said(&dry));
    stage.must_have_called(&[])?;
    let before = stack.admin_secret()?;
    let rotated = stage.xtask(&["rotate-keys", "--env", "staging", "--grace-s", "0"])?;
    ensure!(rotated.status.success(), "rotate-keys failed:\n{}", said(&rotated));
    let both = "secret bulk --env staging ADMIN_SECRET_NEXT AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY";
    stage.must_have_called(&[both, "secret bulk --env staging ADMIN_SECRET ADMIN_SECRET_NEXT-"])?;
    let after = stack.admin_secret()?;
    ensure!(before != after && !said(&rotated).contains(&after), "the secret is the old one, or was printed");
    println!("  rotated as in an environment: {}", last_line(&rotated));
    Ok(())
}

/// A stack and what was called in it.
struct Stage<'a> {
    stack: &'a Stack,
    subject: &'a Subject,
}

impl Stage<'_> {
    /// Another xtask, as an operator calls it.
    fn xtask(&self, arguments: &[&str]) -> Result<Output> {
        let folder = self.stack.folder();
        let mut xtask = Command::new(std::env::current_exe()?);
        xtask
            .args(arguments)
            .args(["--url", &self.subject.url, "--secret-file"])
            .arg(folder.join(rotate::ADMIN_SECRET_FILE))
            .current_dir(paths::root())
            .envs(AWS_ENV)
            .env("AWS_ENDPOINT_URL", self.stack.plan().aws_url())
            .env("PULSO_WRANGLER", paths::at("tests/deploy/wrangler.py"))
            .env("PULSO_REHEARSAL", folder)
            .env("PULSO_REHEARSAL_URL", &self.subject.url);
        xtask.output().context("xtask cannot be started")
    }

    /// What wrangler was called with since the last look, word for word but for how a sentence goes on.
    fn must_have_called(&self, wanted: &[&str]) -> Result<()> {
        let file = self.stack.folder().join("wrangler-calls");
        let text = fs::read_to_string(&file).unwrap_or_default();
        fs::write(&file, "")?;
        let calls: Vec<&str> = text.lines().collect();
        let is_same = calls.len() == wanted.len() && calls.iter().zip(wanted).all(|(call, wanted)| call.starts_with(wanted));
        ensure!(is_same, "wrangler was called with {calls:#?}, not with {wanted:#?}");
        Ok(())
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn last_line(output: &Output) -> String {
    said(output).lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
