//! The admin secret and the AWS key are changed under load: nothing is lost and no publication refused. Then wrongly, which has to be seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::outbox::{Load, Manner};
use super::report::{Done, Report};
use super::rows::Bounds;
use super::trial::{FaultTrial, PATIENCE};
use crate::rotate::{self, Local, Place, Rotation};
use crate::stack::Trial;

/// Its name among the rows.
pub(super) const NAME: &str = "keys";
/// Batches while the secrets are changed, at so many a second.
const LOAD: Load = Load { batches: 600, at_once: 8, per_s: Some(40), manner: Manner::Plain };
/// Pause between two publications, each of which reads the secret's file as a backend does.
const PUBLISH_PAUSE: Duration = Duration::from_millis(100);
/// A worker on this machine starts anew to read its secrets, which a publication may meet.
const PUBLISH_TRIES: u32 = 50;
/// Shorter than in production: nothing here takes longer than a publication.
const GRACE: Duration = Duration::from_secs(1);

/// What publications were answered.
#[derive(Debug, Default)]
struct Published {
    /// By status, `none` when there was no answer.
    answers: BTreeMap<String, u64>,
    /// Publications that never succeeded.
    failed: u64,
}

/// The check.
pub(crate) fn check(port: u16) -> Result<()> {
    let report = run(port)?;
    println!("{report}");
    report.judge()
}

/// The row, with a stack of its own.
pub(super) fn run(port: u16) -> Result<Report> {
    let mut trial = FaultTrial::start(port, Trial { has_archive: false, ..Trial::FAULTS })?;
    let begun = Instant::now();
    let place = Local::at(trial.stack.folder().to_owned(), trial.stack.plan());
    let secret_file = place.secret_file();
    let keys = place.keys().context("the worker has no user whose key could be changed")?;
    let outbox = trial.outbox(LOAD.batches);
    let is_over = AtomicBool::new(false);
    let (rotated, published) = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publish(&place, &is_over));
        let sending = scope.spawn(|| outbox.send(&LOAD));
        // Some traffic before the first step.
        std::thread::sleep(Duration::from_secs(1));
        let rotated = Rotation { place: &place, secret_file: &secret_file, keys: Some(keys), grace: GRACE }.run();
        let sent = sending.join();
        is_over.store(true, Ordering::SeqCst);
        (rotated, sent.and(publishing.join()))
    });
    rotated?;
    let published = published.map_err(|_| anyhow::anyhow!("the load panicked"))?;
    outbox.resend(LOAD.at_once, PATIENCE)?;
    println!("publications: {:?}", published.answers);
    ensure!(published.answers.get("200").is_some_and(|good| *good > 10), "too few publications: {:?}", published.answers);
    ensure!(published.refusals() == 0 && published.failed == 0, "publications were refused: {published:?}");
    let expected = "all in the stream, no publication refused";
    let bounds = Bounds { is_safe_at_once: false, has_no_duplicates: false, faults_min: 0 };
    trial.enter(Done::new(NAME, "admin secret and AWS key changed under load", expected, bounds, 0), &[outbox], begun)?;
    plant(&place)?;
    trial.finish()
}

/// The mistake that this check exists for: the old secret ends before those who publish know the new one. It has to be seen.
fn plant(place: &Local) -> Result<()> {
    let is_over = AtomicBool::new(false);
    let published = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publish(place, &is_over));
        let told = place.tell(&[("ADMIN_SECRET", Some("nobody-was-told"))]);
        let deadline = Instant::now() + Duration::from_secs(20);
        while told.is_ok() && !is_refused(place) && Instant::now() < deadline {
            std::thread::sleep(PUBLISH_PAUSE);
        }
        std::thread::sleep(PUBLISH_PAUSE * 5);
        is_over.store(true, Ordering::SeqCst);
        told.map(|()| publishing.join())
    })?;
    let published = published.map_err(|_| anyhow::anyhow!("the publishing panicked"))?;
    ensure!(published.refusals() > 0, "the old secret ended too early on purpose, and nobody noticed: {published:?}");
    println!("planted: the secret ended too early, {} publications were refused", published.refusals());
    // What follows asks the worker for its figures.
    rotate::write_secret(&place.secret_file(), "nobody-was-told")
}

fn is_refused(place: &Local) -> bool {
    rotate::read_secret(&place.secret_file()).is_ok_and(|secret| matches!(put(place, &secret).as_str(), "401" | "429"))
}

/// Publishes rules again and again until it is over.
fn publish(place: &Local, is_over: &AtomicBool) -> Published {
    let mut published = Published::default();
    while !is_over.load(Ordering::SeqCst) {
        let mut is_done = false;
        for _ in 0..PUBLISH_TRIES {
            let secret = rotate::read_secret(&place.secret_file()).unwrap_or_default();
            let status = put(place, &secret);
            is_done = status == "200";
            let is_final = is_done || matches!(status.as_str(), "401" | "429");
            *published.answers.entry(status).or_default() += 1;
            if is_final {
                break;
            }
            std::thread::sleep(PUBLISH_PAUSE);
        }
        published.failed += u64::from(!is_done);
        std::thread::sleep(PUBLISH_PAUSE);
    }
    published
}

fn put(place: &Local, secret: &str) -> String {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).http_status_as_error(false).build().into();
    let request = agent.put(format!("{}/admin/portals/ge/rules", place.url())).header("Authorization", format!("Bearer {secret}"));
    // Not from where everything else comes: who sends a wrong secret several times is stopped.
    let request = request.header("X-Pulso-Test-Ip", "198.51.100.77");
    request
        .content_type("application/json")
        .send(r#"{"v":1,"max_age_ms":259200000}"#)
        .map_or_else(|_| "none".to_owned(), |answer| answer.status().as_u16().to_string())
}

impl Published {
    fn refusals(&self) -> u64 {
        ["401", "429"].iter().filter_map(|status| self.answers.get(*status)).sum()
    }
}
