//! `backend redrive --dead-letters` against the worker's bucket, as an operator uses it: list, look, mend, send again, delete.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wire::{BadBody, DeadLetter};

use super::bucket::{self, Object};
use super::outbox::Outbox;
use super::poison::Poison;
use super::proxy::{always, status};
use super::report::Done;
use super::rows::Bounds;
use super::trial::FaultTrial;
use crate::stack::{AWS_ENV, BUCKET, BUCKET_KEY};
use crate::{pack, paths};

/// Dead letters.
pub(super) const DEAD: &str = "23r";
/// Refused bodies.
pub(super) const BAD: &str = "23b";

const BOUNDS: Bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 1 };
/// A refused body is kept after its answer.
const KEPT_PATIENCE: Duration = Duration::from_secs(5);

/// Mends what can be mended of the dead letters that are there, and sends it again.
pub(super) fn dead(trial: &mut FaultTrial, poisons: &[Poison], spoiled: Outbox) -> Result<()> {
    let begun = Instant::now();
    let before = bucket::objects(&trial.stack, "dead/")?;
    let applied = trial.proxy.tally()?.records_applied;
    is_listed(trial, &before)?;
    for arguments in [&["--dry-run"][..], &["--delete"]] {
        let (is_ok, text) = redrive(trial, arguments)?;
        ensure!(!is_ok, "redrive {arguments:?} says all is well, but poison cannot be sent:\n{text}");
        ensure!(bucket::objects(&trial.stack, "dead/")? == before, "redrive {arguments:?} changed R2 dead/ though nothing could be sent");
    }
    let mended = mend(trial, &before, poisons)?;
    let after_mending = bucket::objects(&trial.stack, "dead/")?;
    let (_, text) = redrive(trial, &["--dry-run"])?;
    ensure!(text.contains(&format!(" {} sent again whole ", mended.len())), "the dry run does not find the mended letters:\n{text}");
    trial.proxy.plan(&always(&status(500, Some("InternalFailure"))))?;
    redrive(trial, &["--delete"])?;
    trial.proxy.heal()?;
    ensure!(bucket::objects(&trial.stack, "dead/")? == after_mending, "R2 dead/ changed while Kinesis took nothing");
    ensure!(trial.proxy.tally()?.records_applied == applied, "records were stored by a dry run, or while Kinesis took nothing");

    let (first, _) = mended.split_first().context("no dead letter can be mended")?;
    let (is_ok, text) = redrive(trial, &["--key", first, "--delete"])?;
    ensure!(is_ok && !keys(trial)?.contains(first), "the one letter that was asked for was not sent and deleted:\n{text}");
    ensure!(keys(trial)?.len() == before.len() - 1, "another letter than the one that was asked for is gone");
    for _ in 0..2 {
        let (is_ok, text) = redrive(trial, &["--delete"])?;
        ensure!(!is_ok, "redrive says all is well, but poison is left:\n{text}");
        let left: Vec<Object> = before.iter().filter(|object| !mended.contains(&object.key)).cloned().collect();
        ensure!(bucket::objects(&trial.stack, "dead/")? == left, "R2 dead/ has not exactly the letters that nobody mended");
    }
    let sent = trial.proxy.tally()?.records_applied - applied;
    ensure!(sent == u64::try_from(mended.len())?, "{sent} records were stored of {} mended letters", mended.len());
    trial.dead_wanted -= sent;
    let expected = "nothing is deleted before it is in the stream; what was mended arrives once under its ids, the rest stays";
    let done = Done::new(DEAD, "backend redrive: list, look, dry run, mend, Kinesis down, send and delete", expected, BOUNDS, sent);
    trial.enter(done, &[spoiled.only(|index| poisons.get(index).is_some_and(|poison| poison.mended.is_some()))], begun)
}

/// Bodies that the worker refused, of a page whose origin was admitted later.
pub(super) fn bad(trial: &mut FaultTrial, batches: usize) -> Result<()> {
    let begun = Instant::now();
    let outbox = trial.outbox(batches);
    let bodies: Vec<String> = outbox.bring_in().iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    for body in bodies.iter().map(String::as_str).chain(["{\"v\":1,"]) {
        refused(trial, body)?;
    }
    let kept = wait_for_bad(trial, batches + 1)?;
    let (is_ok, text) = redrive(trial, &["--prefix", "bad/", "--reason", "malformed_json", "--delete"])?;
    let (still, again) = (bucket::objects(&trial.stack, "bad/")?, wait_for_bad(trial, batches + 2)?);
    ensure!(!is_ok && kept.iter().all(|object| still.contains(object)), "a body that is refused again was deleted:\n{text}");
    ensure!(
        again.len() == batches + 2,
        "{} refused bodies, not {}: the one that was refused again is kept again",
        again.len(),
        batches + 2
    );
    for object in &kept {
        let bad: BadBody = serde_json::from_str(&object.text).with_context(|| format!("{} is no refused body", object.key))?;
        if let Some(portal) = &bad.portal {
            let origin = Some(format!("http://{portal}.localhost:{}", trial.stack.plan().port));
            bucket::replace(&trial.stack, &object.key, &serde_json::to_string(&BadBody { origin, ..bad })?)?;
        }
    }
    let (is_ok, text) = redrive(trial, &["--prefix", "bad/", "--reason", "origin_not_allowed", "--delete"])?;
    ensure!(is_ok, "refused bodies whose origin is admitted now were refused again:\n{text}");
    let left = bucket::objects(&trial.stack, "bad/")?.len();
    ensure!(left == 2, "{left} refused bodies are left, not the 2 that are no JSON");
    let expected = "posted to the worker again, which decides; deleted only after its 202";
    let done = Done::new(BAD, "backend redrive: refused bodies, sent again", expected, BOUNDS, u64::try_from(batches)?);
    trial.enter(done, &[outbox], begun)
}

/// What the lists say is what is there.
fn is_listed(trial: &FaultTrial, letters: &[Object]) -> Result<()> {
    let (is_ok, text) = redrive(trial, &["--list"])?;
    let is_there = |object: &Object| text.lines().any(|line| line.starts_with(&object.key));
    ensure!(is_ok && text.lines().count() == letters.len() && letters.iter().all(is_there), "--list has not all of R2 dead/:\n{text}");
    let mut wanted = 0;
    for object in letters {
        if object.letter()?.reason != "unknown_portal" {
            continue;
        }
        wanted += 1;
        if wanted == 1 {
            let (is_ok, text) = redrive(trial, &["--inspect", &object.key])?;
            ensure!(is_ok && text.contains("reason unknown_portal") && text.contains("\"pageview\""), "--inspect shows no letter:\n{text}");
        }
    }
    let (_, text) = redrive(trial, &["--list", "--reason", "unknown_portal"])?;
    ensure!(wanted > 0 && text.lines().count() == wanted, "--reason unknown_portal does not list {wanted} letters:\n{text}");
    Ok(())
}

/// Writes over each dead letter that can be mended; their keys.
fn mend(trial: &FaultTrial, letters: &[Object], poisons: &[Poison]) -> Result<Vec<String>> {
    let mut mended = Vec::new();
    for object in letters {
        let letter = object.letter()?;
        let poison = poisons.iter().find(|poison| poison.mended.is_some() && letter.body == poison.body);
        if let Some(body) = poison.and_then(|poison| poison.mended.clone()) {
            bucket::replace(&trial.stack, &object.key, &serde_json::to_string(&DeadLetter { body, ..letter })?)?;
            mended.push(object.key.clone());
        }
    }
    Ok(mended)
}

fn keys(trial: &FaultTrial) -> Result<Vec<String>> {
    Ok(bucket::objects(&trial.stack, "dead/")?.into_iter().map(|object| object.key).collect())
}

/// Posts what has to be refused.
fn refused(trial: &FaultTrial, body: &str) -> Result<()> {
    let url = format!("{}/pageview", trial.stack.plan().worker_url());
    let answer = ureq::post(&url).header("Origin", "https://elsewhere.example").content_type("text/plain").send(body);
    match answer {
        Err(ureq::Error::StatusCode(400 | 403)) => Ok(()),
        other => bail!("a body that has to be refused got {other:?}"),
    }
}

/// `bad/`, once so many are there.
fn wait_for_bad(trial: &FaultTrial, count: usize) -> Result<Vec<Object>> {
    let deadline = Instant::now() + KEPT_PATIENCE;
    loop {
        let found = bucket::objects(&trial.stack, "bad/")?;
        if found.len() >= count {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "only {} of {count} refused bodies are in R2 bad/", found.len());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Runs the real program; whether it says that all is well, and what it prints.
fn redrive(trial: &FaultTrial, arguments: &[&str]) -> Result<(bool, String)> {
    let plan = trial.stack.plan();
    let mut command = Command::new(pack::native_program("backend"));
    command
        .args(["redrive", "--dead-letters", "--bucket", BUCKET, "--edge-url", &plan.worker_url()])
        .args(arguments)
        .current_dir(paths::root())
        .envs(AWS_ENV)
        // Past the proxy, which counts what is stored.
        .env("AWS_ENDPOINT_URL", plan.proxy_url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PULSO_R2_ENDPOINT", trial.stack.bucket_url())
        .env("PULSO_R2_ACCESS_KEY_ID", BUCKET_KEY.0)
        .env("PULSO_R2_SECRET_ACCESS_KEY", BUCKET_KEY.1);
    let output = command.output().context("backend redrive cannot be started")?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
