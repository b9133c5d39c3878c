//! What the bill is made from: played visits, the last benchmarks, the golden messages, the templates.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wire::metric::METRICS;

use crate::{pack, paths, run};

/// Of a pageview, and of a record.
#[derive(Debug)]
pub(super) struct Traffic {
    pub visits: u64,
    pub posts: f64,
    pub events: f64,
    pub body_bytes: f64,
    pub record_kib: f64,
    pub on_demand_kib: f64,
    pub put_units: f64,
    pub firehose_kib: f64,
}

/// As `engaged-model --traffic` says it.
#[derive(Deserialize)]
struct Sums {
    visits: u32,
    posts: u32,
    events: u32,
    body_bytes: f64,
    record_bytes: f64,
    on_demand_kib: f64,
    put_units: f64,
    firehose_kib: f64,
}

/// Plays made visits to the tracker's core and the edge's.
pub(super) fn traffic(visits: u64) -> Result<Traffic> {
    let mut build = Command::new("cargo");
    run::logged("build engaged-model", build.args(["build", "--profile", "quick", "-p", "pulso-tests", "--bin", "engaged-model"]), 0)?;
    let mut model = Command::new(pack::native_program("engaged-model"));
    let said = run::output(model.args(["--traffic", "--visits", &visits.to_string()])).context("engaged-model failed")?;
    let sums: Sums = serde_json::from_str(&said).context("engaged-model says something else")?;
    ensure!(sums.posts > 0, "the visits sent nothing");
    let of_posts = |sum: f64| sum / f64::from(sums.posts);
    Ok(Traffic {
        visits,
        posts: f64::from(sums.posts) / f64::from(sums.visits),
        events: f64::from(sums.events) / f64::from(sums.visits),
        body_bytes: of_posts(sums.body_bytes),
        record_kib: of_posts(sums.record_bytes) / 1_024.0,
        on_demand_kib: of_posts(sums.on_demand_kib),
        put_units: of_posts(sums.put_units),
        firehose_kib: of_posts(sums.firehose_kib),
    })
}

/// CPU of a request, and when that was measured.
#[derive(Debug)]
pub(super) struct Cpu {
    pub post_ms: f64,
    pub get_ms: f64,
    pub run: String,
}

/// From BENCHMARKS.md: 16 connections, as a busy isolate has them. All threads of workerd are in it, which is more than Cloudflare bills.
pub(super) fn cpu() -> Result<Cpu> {
    let text = benchmarks("edge")?;
    let of = |row: &str| -> Result<f64> {
        let line = text.lines().find(|line| line.starts_with("| 16 ") && line.contains(row));
        let us = line.and_then(|line| line.split('|').nth(3)).map(|cell| cell.trim().trim_start_matches("**"));
        let us = us.and_then(|cell| cell.split(' ').next()).and_then(|number| number.parse::<f64>().ok());
        us.map(|us| us / 1_000.0).with_context(|| format!("BENCHMARKS.md has no CPU of `{row}`: cargo xtask bench edge --write"))
    };
    let run = text.lines().find(|line| line.starts_with("Run on ")).unwrap_or_default();
    let run = run.split('.').next().unwrap_or_default().trim_start_matches("Run on ").to_owned();
    Ok(Cpu { post_ms: of("one call each")?, get_ms: of("`GET /recommendations`")?, run })
}

/// What a pageview becomes.
#[derive(Debug)]
pub(super) struct Interactions {
    pub per_pageview: f64,
    pub kib: f64,
}

/// From BENCHMARKS.md, and the golden message.
pub(super) fn interactions() -> Result<Interactions> {
    let text = benchmarks("backend")?;
    let before = |word: &str| -> Option<f64> {
        let (head, _) = text.split_once(word)?;
        head.trim_end().rsplit(' ').next()?.parse().ok()
    };
    let pageviews = before("pageviews, made of").context("BENCHMARKS.md tells no pageviews: cargo xtask bench backend --write")?;
    let made = before("interactions (").context("BENCHMARKS.md tells no interactions")?;
    let golden = fs::metadata(paths::at("wire/tests/golden/interaction.json"))?.len();
    Ok(Interactions { per_pageview: made / pageviews, kib: f64::from(u32::try_from(golden)?) / 1_024.0 })
}

/// How many there are: of a portal, and of all.
#[derive(Debug)]
pub(super) struct Counts {
    pub metrics: (f64, f64),
    pub alarms: (f64, f64),
    pub composites: f64,
}

/// From the list of metrics, and the templates.
pub(super) fn counts() -> Result<Counts> {
    let metrics = |has_portal| -> Result<f64> {
        let stages: usize = METRICS.iter().filter(|metric| metric.has_portal == has_portal).map(|metric| metric.stages.len()).sum();
        Ok(f64::from(u32::try_from(stages)?))
    };
    let found = |file: &str, kind: &str| -> Result<f64> {
        let text = fs::read_to_string(paths::at("backend/infra").join(file)).with_context(|| format!("{file} cannot be read"))?;
        let kind = format!("Type: AWS::CloudWatch::{kind}");
        Ok(f64::from(u32::try_from(text.lines().filter(|line| line.trim() == kind).count())?))
    };
    Ok(Counts {
        metrics: (metrics(true)?, metrics(false)?),
        alarms: (found("alarms-portal.yaml", "Alarm")? + found("alarms-portal-late.yaml", "Alarm")?, found("alarms.yaml", "Alarm")?),
        composites: found("alarms-portal.yaml", "CompositeAlarm")?,
    })
}

fn benchmarks(section: &str) -> Result<String> {
    let text = fs::read_to_string(paths::at("BENCHMARKS.md")).context("BENCHMARKS.md cannot be read")?;
    let part = text.split_once(&format!("<!-- {section} -->")).and_then(|(_, rest)| rest.split_once(&format!("<!-- /{section} -->")));
    Ok(part.with_context(|| format!("BENCHMARKS.md has no section {section}"))?.0.to_owned())
}
