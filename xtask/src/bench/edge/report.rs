//! What came of it: tables for the terminal and for `BENCHMARKS.md`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

use super::variants;
use crate::workerd;

/// What others are compared with.
const PEER: &str = "js";
/// Asked for lists, not posted to.
pub(super) const LIST_WORKERS: [&str; 2] = ["recommendations", "kv-js"];

/// What `edge-bench` measured.
#[derive(Debug, Deserialize)]
pub(super) struct Measured {
    compared: u64,
    workers: Vec<Worker>,
    pub(super) rounds: Vec<Round>,
}

#[derive(Debug, Deserialize)]
struct Worker {
    name: String,
    cold_ms: Vec<f64>,
    rss_kib: u32,
}

/// A round with one worker.
#[derive(Debug, Deserialize)]
pub(super) struct Round {
    worker: String,
    connections: u32,
    requests: u32,
    cpu_us: f64,
    per_s: f64,
    p50_us: u32,
    p99_us: u32,
    calls: u32,
}

/// Both tables and what they mean.
pub(super) fn table(measured: &Measured, load: [&str; 2]) -> Result<String> {
    let mut text = rounds(measured);
    text.push_str("\n| | gzip KB | cold start ms | RSS MiB |\n|---|--:|--:|--:|\n");
    for worker in &measured.workers {
        let cold = Spread::of(worker.cold_ms.iter().copied());
        let rss_mib = f64::from(worker.rss_kib) / 1024.0;
        writeln!(text, "| {} | {:.1} | {cold:.0} | {rss_mib:.0} |", described(&worker.name), gzip_kb(&worker.name)?)?;
    }
    let requests = measured.rounds.first().map_or(0, |round| round.requests);
    let times = rounds_of(measured);
    let [before, after] = load;
    write!(
        text,
        "\n{times} rounds of {requests} requests to each worker at each number of connections, by turns, after 5000 requests to warm up. {} \
         Load average {before} before, {after} after. {NOTES}",
        compared(measured.compared),
    )?;
    Ok(text)
}

const NOTES: &str = "Each worker has a workerd of its own, and keeps it for the whole run. CPU is user and system time of all threads of \
workerd, for one request: medians of the rounds, in brackets the least and the most. Ratios are medians of those of each round. Kinesis, KV, \
queues and readers are one process beside it on the same machine; what it takes is no part of the figures, but requests a second and \
times suffer from it. Kinesis reads each call and answers at once. Readers wait for their answer before they send the next post: ten events, some \
2.9 KB, with the headers of a browser and of Cloudflare; every other one has an id, for the rest a hash is made. After each round every \
acknowledged pageview has to have arrived, once and whole, or there is no report. Cold start is from starting the process to the first \
answer, and its memory that after the last round.";

fn compared(count: u64) -> String {
    if count == 0 {
        return "Ours and the worker in JavaScript were NOT compared: not both were asked.".to_owned();
    }
    format!(
        "Before it {count} posts, good ones and bad ones, were answered by ours and by the worker in JavaScript alike, with the same records."
    )
}

fn rounds_of(measured: &Measured) -> usize {
    let first = measured.rounds.first();
    let is_like_first = |round: &&Round| first.is_some_and(|first| round.worker == first.worker && round.connections == first.connections);
    measured.rounds.iter().filter(is_like_first).count()
}

/// One row for each worker and number of connections.
fn rounds(measured: &Measured) -> String {
    let mut text =
        "| connections | | CPU µs a request | to js | to ours, one call each | requests/s | p50 ms | p99 ms | posts per call |\n"
            .to_owned();
    text.push_str("|--:|---|--:|--:|--:|--:|--:|--:|--:|\n");
    let mut connections: Vec<u32> = measured.rounds.iter().map(|round| round.connections).collect();
    connections.sort_unstable();
    connections.dedup();
    for connections in connections {
        for worker in &measured.workers {
            let of = |name: &str| -> Vec<&Round> {
                measured.rounds.iter().filter(|round| round.worker == name && round.connections == connections).collect()
            };
            let own = of(&worker.name);
            let is_list = LIST_WORKERS.contains(&worker.name.as_str());
            let [peer, single] = if is_list { [of("kv-js"), Vec::new()] } else { [of(PEER), of("ours")] };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {connections} | {} | **{:.0}** | {} | {} | {:.0} | {:.2} | {:.2} | {} |",
                described(&worker.name),
                Spread::of(own.iter().map(|round| round.cpu_us)),
                if is_list {
                    ratio(&own, &peer).map_or_else(String::new, |text| format!("{text} to kv-js"))
                } else {
                    ratio(&own, &peer).unwrap_or_default()
                },
                ratio(&own, &single).unwrap_or_default(),
                Spread::of(own.iter().map(|round| round.per_s)).median,
                Spread::of(own.iter().map(|round| f64::from(round.p50_us) / 1e3)).median,
                Spread::of(own.iter().map(|round| f64::from(round.p99_us) / 1e3)).median,
                posts_per_call(&own),
            );
        }
    }
    text
}

/// The median of the rounds' ratios.
fn ratio(own: &[&Round], peer: &[&Round]) -> Option<String> {
    let ratios: Vec<f64> = own.iter().zip(peer).map(|(own, peer)| own.cpu_us / peer.cpu_us).collect();
    (!ratios.is_empty()).then(|| format!("{:.2}", Spread::of(ratios.into_iter())))
}

fn posts_per_call(rounds: &[&Round]) -> String {
    let calls: u32 = rounds.iter().map(|round| round.calls).sum();
    let requests: u32 = rounds.iter().map(|round| round.requests).sum();
    if calls == 0 { String::new() } else { format!("{:.1}", f64::from(requests) / f64::from(calls)) }
}

fn described(name: &str) -> &str {
    match name {
        "null-js" => "null-js: reads the body, 204",
        "null-rust" => "null-rust: the same in Rust",
        "js" => "js: JavaScript with aws4fetch",
        "ours" => "**ours**, one call each",
        "ours-group" => "**ours, group commit**",
        "recommendations" => "**ours**, `GET /recommendations`",
        "kv-js" => "kv-js: JavaScript, one read of KV",
        other => other,
    }
}

/// All modules of a worker, as Cloudflare counts them.
fn gzip_kb(name: &str) -> Result<f64> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let folder = variants::folder().join(name);
    for entry in fs::read_dir(&folder).with_context(|| format!("{} is missing", folder.display()))?.flatten() {
        let path = entry.path();
        let is_module = path.extension().is_some_and(|extension| extension == "js" || extension == "wasm");
        if is_module && !path.ends_with(workerd::LIMITER) {
            let mut bytes = Vec::new();
            File::open(&path)?.read_to_end(&mut bytes)?;
            gzip.write_all(&bytes)?;
        }
    }
    Ok(f64::from(u32::try_from(gzip.finish()?.len())?) / 1e3)
}

/// A median with the least and the most.
#[derive(Debug, Clone, Copy)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied();
        let middle = values.len() / 2;
        let upper = at(middle);
        // Of an even number of values it is between two.
        let median = if values.len().is_multiple_of(2) {
            at(middle.wrapping_sub(1)).zip(upper).map(|(one, other)| f64::midpoint(one, other))
        } else {
            upper
        };
        let nothing = f64::NAN;
        Self {
            least: values.first().copied().unwrap_or(nothing),
            median: median.unwrap_or(nothing),
            most: values.last().copied().unwrap_or(nothing),
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = formatter.precision().unwrap_or(1);
        let Self { least, median, most } = self;
        write!(formatter, "{median:.digits$} ({least:.digits$} - {most:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(worker: &str, cpu_us: f64) -> Round {
        Round { worker: worker.to_owned(), connections: 16, requests: 10, cpu_us, per_s: 1.0, p50_us: 1, p99_us: 2, calls: 5 }
    }

    #[test]
    fn a_ratio_is_that_of_each_round() {
        let (own, peer) = (
            [round("ours", 50.0), round("ours", 300.0), round("ours", 60.0)],
            [round("js", 100.0), round("js", 400.0), round("js", 100.0)],
        );
        let ratio = ratio(&own.iter().collect::<Vec<_>>(), &peer.iter().collect::<Vec<_>>());
        assert_eq!(ratio.as_deref(), Some("0.60 (0.50 - 0.75)"));
        assert_eq!(posts_per_call(&own.iter().collect::<Vec<_>>()), "2.0");
    }

    #[test]
    fn a_median_of_an_even_number_lies_between() {
        assert_eq!(format!("{:.1}", Spread::of([4.0, 1.0, 2.0, 9.0].into_iter())), "3.0 (1.0 - 9.0)");
    }
}
