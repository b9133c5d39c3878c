//! Asks workers by turns and measures what each request costs them.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::batch::{self, Batches};
use crate::ledger::Arrived;
use crate::load::{self, Connection, Wanted, send};
use crate::same;
use crate::stand_ins::{Manner, StandIns};
use crate::workerd::Workerd;

/// Requests before the first round, over [`WARM_UP_CONNECTIONS`]: engines compile what runs often once more, wasm last.
const WARM_UP: u64 = 5_000;
const WARM_UP_CONNECTIONS: u32 = 16;
/// Requests at the beginning of each slice that are not counted: the worker has slept while others were asked.
const WAKE_UP: u64 = 64;
/// Requests to one worker before it is the next one's turn: what else the machine does then hits all alike.
const SLICE: u64 = 500;
/// How often a worker is started for the time to its first answer.
const COLD_STARTS: u32 = 5;

/// What `measure` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The program.
    #[arg(long)]
    workerd: PathBuf,
    /// Has a folder for each worker, with its `config.capnp`.
    #[arg(long)]
    folder: PathBuf,
    /// Where the figures go, as JSON.
    #[arg(long)]
    out: PathBuf,
    #[arg(long)]
    rounds: u32,
    /// At once; may be given several times.
    #[arg(long, required = true)]
    connections: Vec<u32>,
    /// Of a round.
    #[arg(long)]
    requests: u64,
    /// That of Kinesis; the other stand-ins and the workers have those after it.
    #[arg(long)]
    port: u16,
    /// How long a `PutRecords` takes.
    #[arg(long)]
    delay_ms: u64,
    /// The workers: names of folders.
    #[arg(required = true)]
    workers: Vec<String>,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Measured {
    /// Posts that the worker and the one in JavaScript were compared on.
    compared: usize,
    workers: Vec<Worker>,
    rounds: Vec<Round>,
}

/// What is measured of a worker once.
#[derive(Debug, Serialize)]
struct Worker {
    name: String,
    cold_ms: Vec<f64>,
    /// After the last round.
    rss_kib: u64,
}

/// A round with one worker.
#[derive(Debug, Serialize)]
struct Round {
    worker: String,
    connections: u32,
    requests: u64,
    /// Of workerd, for one request.
    cpu_us: f64,
    per_s: f64,
    p50_us: u32,
    p99_us: u32,
    /// `PutRecords` calls that arrived.
    calls: u64,
}

/// What some requests in a row took.
#[derive(Debug, Default)]
struct Slice {
    cpu: Duration,
    wall: Duration,
    calls: u64,
    latencies_us: Vec<u32>,
}

impl Slice {
    fn add(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.wall += other.wall;
        self.calls += other.calls;
        self.latencies_us.extend(other.latencies_us);
    }

    fn into_round(mut self, worker: &str, connections: u32) -> Result<Round> {
        self.latencies_us.sort_unstable();
        let count = self.latencies_us.len();
        let requests = f64::from(u32::try_from(count)?);
        let percentile = |pct: usize| self.latencies_us.get(count * pct / 100).copied().unwrap_or(0);
        Ok(Round {
            worker: worker.to_owned(),
            connections,
            requests: u64::try_from(count)?,
            cpu_us: self.cpu.as_secs_f64() * 1e6 / requests,
            per_s: requests / self.wall.as_secs_f64(),
            p50_us: percentile(50),
            p99_us: percentile(99),
            calls: self.calls,
        })
    }
}

/// A worker that is asked.
struct Contestant {
    name: String,
    workerd: Workerd,
    wanted: Rc<Wanted>,
    status: u16,
    next: u64,
    connections: Vec<Connection>,
    cold_ms: Vec<f64>,
}

/// The verb.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let stand_ins = StandIns::start(options.port, Manner { delay: Duration::from_millis(options.delay_ms), ..Manner::default() }).await?;
    publish(&stand_ins, options)?;
    let mut contestants = Vec::new();
    for (name, port) in options.workers.iter().zip(options.port + 10..) {
        let contestant = Contestant::start(name, port, options).await.with_context(|| format!("{name} does not work"))?;
        if name == "recommendations" {
            stand_ins.publish("answer/g1", contestant.first_answer().await?);
        }
        contestants.push(contestant);
    }
    let compared = same::check(&contestants_by_name(&contestants), &stand_ins).await?;
    let mut rounds = Vec::new();
    for contestant in &mut contestants {
        contestant.connect(WARM_UP_CONNECTIONS).await?;
        contestant.slice(&stand_ins, WARM_UP).await?;
    }
    for round in 1..=options.rounds {
        for connections in &options.connections {
            rounds.extend(round_of(&mut contestants, &stand_ins, options.requests, *connections).await?);
            eprintln!("  {round}/{} {connections:>3} connections:{}", options.rounds, summary(&rounds, contestants.len()));
        }
    }
    let workers = contestants.into_iter().map(Contestant::finish).collect::<Result<_>>()?;
    Ok(std::fs::write(&options.out, serde_json::to_string_pretty(&Measured { compared, workers, rounds })?)?)
}

/// A round with each of them, slice by slice by turns.
async fn round_of(contestants: &mut [Contestant], stand_ins: &StandIns, requests: u64, connections: u32) -> Result<Vec<Round>> {
    let mut totals: Vec<Slice> = contestants.iter().map(|_| Slice::default()).collect();
    let mut left = requests;
    while left > 0 {
        let count = left.min(SLICE);
        for (contestant, total) in contestants.iter_mut().zip(&mut totals) {
            // workerd closes what was silent for five seconds, and the others' turns may take longer.
            contestant.connect(connections).await?;
            contestant.slice(stand_ins, WAKE_UP).await?;
            total.add(contestant.slice(stand_ins, count).await?);
        }
        left -= count;
    }
    contestants.iter().zip(totals).map(|(contestant, total)| total.into_round(&contestant.name, connections)).collect()
}

/// What the backend would have published, as far as the bench was given it.
fn publish(stand_ins: &StandIns, options: &Options) -> Result<()> {
    stand_ins.publish("answer/g1", include_str!("../../../wire/tests/golden/recommendations.json"));
    for file in ["model", "cards"] {
        let path = options.folder.join(file);
        if path.is_file() {
            let mut bytes = std::fs::read(&path)?;
            if file == "model" {
                renew(&mut bytes);
            }
            stand_ins.publish(&format!("{file}/g1"), bytes);
        }
    }
    Ok(())
}

/// Lets a model say that it was made now: the log ended long ago, and a model that is older than a day is not used.
fn renew(model: &mut [u8]) {
    if let Some(moment) = model.get_mut(24..32) {
        moment.copy_from_slice(&batch::now_ms().to_le_bytes());
    }
    // The checksum is of everything behind it (`wire::model`).
    let checksum = model.get(16..).map_or(0, crc32fast::hash);
    if let Some(place) = model.get_mut(12..16) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn contestants_by_name(contestants: &[Contestant]) -> Vec<(&str, u16)> {
    contestants.iter().map(|contestant| (contestant.name.as_str(), contestant.workerd.port())).collect()
}

fn summary(rounds: &[Round], count: usize) -> String {
    let last = rounds.iter().skip(rounds.len().saturating_sub(count));
    last.map(|round| format!("  {} {:.0} µs", round.worker, round.cpu_us)).collect::<Vec<_>>().concat()
}

impl Contestant {
    async fn start(name: &str, port: u16, options: &Options) -> Result<Self> {
        let is_asked_for_lists = matches!(name, "recommendations" | "kv-js");
        let wanted = if is_asked_for_lists { Wanted::Paths(paths(options)?) } else { Wanted::Batches(Batches::new()) };
        let status = match name {
            _ if is_asked_for_lists => 200,
            "null-js" | "null-rust" => 204,
            _ => 202,
        };
        let (wanted, folder) = (Rc::new(wanted), options.folder.join(name));
        let mut cold_ms = Vec::new();
        for nth in 0..COLD_STARTS {
            let begun = Instant::now();
            let _workerd = Workerd::start(&options.workerd, &folder, port)?;
            let answers = send(vec![Connection::open(port).await?], &wanted, u64::from(nth), 1).await?.0;
            cold_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
            ensure!(answers.statuses.contains_key(&status), "{:?} instead of {status}", answers.statuses);
        }
        let workerd = Workerd::start(&options.workerd, &folder, port)?;
        Ok(Self { name: name.to_owned(), workerd, wanted, status, next: u64::from(COLD_STARTS), connections: Vec::new(), cold_ms })
    }

    async fn first_answer(&self) -> Result<axum::body::Bytes> {
        let Wanted::Paths(paths) = &*self.wanted else { return Ok(axum::body::Bytes::new()) };
        let path = paths.first().context("no path")?;
        let post = load::Post { method: hyper::Method::GET, path, headers: &[], body: Vec::new() };
        let (status, body) = Connection::open(self.workerd.port()).await?.ask(post).await?;
        ensure!(status == 200, "{status} for {path}");
        let answer: wire::Recommendations = serde_json::from_slice(&body)?;
        ensure!(answer.model_version != "none" && answer.items.len() == 10, "the model is not used: {answer:?}");
        Ok(body)
    }

    /// Asks over so many connections from now on.
    async fn connect(&mut self, connections: u32) -> Result<()> {
        self.connections.clear();
        for _ in 0..connections {
            self.connections.push(Connection::open(self.workerd.port()).await?);
        }
        Ok(())
    }

    /// So many requests, all of which have to be answered as they should, and every acknowledged one has to have arrived.
    async fn slice(&mut self, stand_ins: &StandIns, count: u64) -> Result<Slice> {
        stand_ins.take();
        let (cpu_before, begun) = (self.workerd.cpu()?, Instant::now());
        let connections = std::mem::take(&mut self.connections);
        let (answers, connections) = send(connections, &self.wanted, self.next, count).await.with_context(|| self.name.clone())?;
        let (wall, cpu) = (begun.elapsed(), self.workerd.cpu()?.saturating_sub(cpu_before));
        self.connections = connections;
        self.next += count;
        let all_expected = answers.statuses.get(&self.status) == Some(&count);
        ensure!(all_expected, "{}: {:?} instead of {count} times {}", self.name, answers.statuses, self.status);
        let (calls, queued) = stand_ins.take();
        ensure!(queued.is_empty(), "{}: {} batches in the queue", self.name, queued.len());
        let arrived = Arrived::of(&calls)?;
        arrived.check(&answers.acknowledged).with_context(|| self.name.clone())?;
        Ok(Slice { cpu, wall, calls: arrived.calls, latencies_us: answers.latencies_us })
    }

    fn finish(self) -> Result<Worker> {
        Ok(Worker { rss_kib: self.workerd.rss_kib()?, name: self.name, cold_ms: self.cold_ms })
    }
}

/// The lists that are asked for, one a line.
fn paths(options: &Options) -> Result<Vec<String>> {
    let file = options.folder.join("paths.txt");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_model_is_of_now_and_still_whole() {
        let mut model = include_bytes!("../../../wire/tests/golden/model.bin").to_vec();
        let before_ms = batch::now_ms();
        renew(&mut model);
        let model = edge::recommend::Model::open(model).unwrap();
        assert!(model.generated_at_ms() >= before_ms);
    }
}
