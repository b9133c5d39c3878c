//! How long the edge takes to open a model and to answer, on this machine: `serving BLOB REQUESTS ANSWERS`. `cargo xtask bench recommender`
//! runs it beside the same code in wasm. Prints one line of JSON; the answers go to a file.

mod served;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use edge::recommend::Model;
use served::Served;

/// How often a model is opened.
const OPENINGS: usize = 21;
/// How often each request is answered. Its time is the median, because a busy machine halts one call in a hundred.
const PASSES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [blob, requests, answers] = arguments.as_slice() else { return Err("serving BLOB REQUESTS ANSWERS".into()) };
    let (blob, requests) = (std::fs::read(blob)?, std::fs::read_to_string(requests)?);
    let mut open_ns = Vec::new();
    for _ in 0..OPENINGS {
        let copy = blob.clone();
        let (model, ns) = timed(|| Model::open(copy));
        open_ns.push(ns);
        drop(model?);
    }
    let mut served = Served::new(Model::open(blob)?, &requests)?;
    // Before anything is measured: caches are warm then, as they are at a busy edge.
    std::fs::write(answers, served.answers())?;
    let requests = served.len();
    let rank = quantiles(each(requests, |at| timed(|| served.rank(at)).1));
    let choose = quantiles(each(requests, |at| timed(|| served.choose(at)).1));
    println!(
        "{}",
        serde_json::json!({ "requests": requests, "open_ns": quantiles(open_ns).0, "rank_ns": [rank.0, rank.1], "choose_ns": [choose.0, choose.1] })
    );
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, u128) {
    let begun = Instant::now();
    let done = black_box(work());
    (done, begun.elapsed().as_nanos())
}

/// The time of each request.
fn each(requests: usize, mut ask: impl FnMut(usize) -> u128) -> Vec<u128> {
    let passes: Vec<Vec<u128>> = (0..PASSES).map(|_| (0..requests).map(&mut ask).collect()).collect();
    (0..requests).map(|at| quantiles(passes.iter().filter_map(|pass| pass.get(at)).copied().collect()).0).collect()
}

/// Half are faster than the first, 99 in 100 than the second.
fn quantiles(mut times_ns: Vec<u128>) -> (u128, u128) {
    times_ns.sort_unstable();
    let at = |percent: usize| times_ns.get(times_ns.len() * percent / 100).copied().unwrap_or(0);
    (at(50), at(99))
}
