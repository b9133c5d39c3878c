//! The table of goals and what was measured.

use std::fmt::Write as _;

use super::{Learning, Measured, Serving};

/// A row: what, its goal in words, and whether a figure meets it.
struct Row {
    what: &'static str,
    goal: &'static str,
    measured: String,
    is_met: Option<bool>,
}

/// What every figure is.
const NOTE: &str = "Medians of the rounds; in brackets the least and the most of the rounds. Learning and building are CPU time of the one thread \
that does it; text is read and parsed before, 10,000 clicks at a time, and a blob is built behind each 10,000. The counters count and \
remember sessions, the learner teaches the ranker besides. \"1,000 a second\" is the same log with its time squeezed: at its own pace, some two clicks a \
second, the lists that are made every five seconds are made for each dozen clicks. Peak memory is that of its whole process, log buffers and blobs with it. Every \
tenth click of the last day asks the blob of the log's end: `rank` looks the pages up and orders all candidates, `choose` is the edge's \
whole answer with ten cards (every article has one). Each request is timed by itself, on the clock of the wall, in five passes over all after a first one that is not timed, and its time is the \
median of its five: on a busy machine one call in a hundred is halted; in wasm by `process.hrtime` around one exported call, with the call. The wasm is built as the worker is (simd128, unwinding, \
wasm-opt -O3), and its answers have to be those of the native code, article by article, or there is no report.";

pub(super) fn table(measured: &Measured, load: [&str; 2]) -> String {
    let mut text = "| | goal | measured | met |\n|---|--:|--:|:-:|\n".to_owned();
    let rows = learning(measured).into_iter().chain(serving(&measured.native, &measured.wasm));
    for Row { what, goal, measured, is_met } in rows {
        let met = is_met.map_or("", |is_met| if is_met { "yes" } else { "**no**" });
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {what} | {goal} | {measured} | {met} |");
    }
    let first = measured.learner.first().map(|(learning, _)| *learning);
    let (clicks, blobs) = first.map_or((0, 0), |learning| (learning.clicks, learning.blobs));
    let requests = measured.native.first().map_or(0, |native| native.requests);
    let rounds = measured.learner.len();
    let [before, after] = load;
    let _ = write!(
        text,
        "\n{clicks} clicks, {blobs} blobs, {requests} requests; {rounds} rounds. Load average {before} before, {after} after. {NOTE}"
    );
    text
}

fn learning(measured: &Measured) -> Vec<Row> {
    let counters = Figure::of(&measured.counters, per_second);
    let slow = Figure::of(&measured.slow_counters, per_second);
    let learner = |figure: fn(&Learning) -> f64| Figure::of(&measured.learner, |(learning, _)| figure(learning));
    let taught = learner(per_second);
    let memory = Figure::of(&measured.learner, |(_, usage)| usage.peak_rss_mib * 1.048_576);
    let articles = learner(|learning| count(learning.articles)).median;
    let [median, most] =
        [learner(|learning| count(learning.build_ns_median) / 1e6), learner(|learning| count(learning.build_ns_max) / 1e6)];
    let bytes = learner(|learning| count(learning.blob_bytes_median) / 1e6).median;
    let bytes_max = learner(|learning| count(learning.blob_bytes_max) / 1e6).median;
    let row = |what, goal, measured, is_met| Row { what, goal, measured, is_met };
    vec![
        row(
            "counters alone, clicks per second and core, 1,000 a second",
            "0.5 M, aim 1 M",
            counters.shown(1e6, 2, " M"),
            Some(counters.median >= 0.5e6),
        ),
        row("the same at the log's own pace", "", slow.shown(1e6, 2, " M"), None),
        row("counters and ranker, clicks per second and core", "20 k", taught.shown(1e3, 1, " k"), Some(taught.median >= 20e3)),
        row("peak memory after the whole log", "200 MB, aim 100 MB", memory.shown(1.0, 0, " MB"), Some(memory.median <= 200.0)),
        row("articles remembered then", "", format!("{articles:.0}"), None),
        row("building a blob, median", "", median.shown(1.0, 1, " ms"), None),
        row("building a blob, longest", "100 ms", most.shown(1.0, 1, " ms"), Some(most.median <= 100.0)),
        row("bytes of a blob, median and largest", "1.5 MB", format!("{bytes:.2} and {bytes_max:.2} MB"), Some(bytes_max <= 1.5)),
    ]
}

fn serving(native: &[Serving], wasm: &[Serving]) -> Vec<Row> {
    let pair = |of: &[Serving], times: fn(&Serving) -> [u64; 2]| {
        let [half, most] = [0, 1].map(|at| Figure::of(of, |serving| times(serving).get(at).map_or(f64::NAN, |ns| count(*ns) / 1e3)));
        (format!("{} and {}", half.shown(1.0, 1, ""), most.shown(1.0, 1, " µs")), most.median)
    };
    let row = |what, goal, (measured, most): (String, f64), most_us: Option<f64>| {
        let is_met = most_us.map(|most_us| most <= most_us);
        Row { what, goal, measured, is_met }
    };
    let open = |of: &[Serving]| (Figure::of(of, |serving| count(serving.open_ns) / 1e6).shown(1.0, 2, " ms"), 0.0);
    let first = (Figure::of(wasm, |serving| count(serving.first_ns) / 1e3).shown(1.0, 0, " µs"), 0.0);
    let memory = (Figure::of(wasm, |serving| count(serving.memory_bytes) / 1e6).shown(1.0, 1, " MB"), 0.0);
    vec![
        row("opening a blob with all checks, native", "", open(native), None),
        row("opening a blob with all checks, wasm", "", open(wasm), None),
        row("`rank`, native, p50 and p99", "p99 50 µs", pair(native, |serving| serving.rank_ns), Some(50.0)),
        row("`choose`, native, p50 and p99", "", pair(native, |serving| serving.choose_ns), None),
        row("`rank`, wasm, p50 and p99", "p99 200 µs", pair(wasm, |serving| serving.rank_ns), Some(200.0)),
        row("`choose`, wasm, p50 and p99", "", pair(wasm, |serving| serving.choose_ns), None),
        row("first `choose` of a fresh wasm instance", "", first, None),
        row("memory of the wasm instance with its requests", "", memory, None),
    ]
}

/// Clicks per CPU second.
pub(super) fn per_second(learning: &Learning) -> f64 {
    count(learning.clicks) / count(learning.cpu_ns) * 1e9
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures of a bench are below 2^52")]
fn count(count: u64) -> f64 {
    count as f64
}

/// A figure of all rounds.
struct Figure {
    median: f64,
    least: f64,
    most: f64,
}

impl Figure {
    fn of<T>(rounds: &[T], figure: impl Fn(&T) -> f64) -> Self {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let at = |at: usize| figures.get(at).copied().unwrap_or(f64::NAN);
        let median = f64::midpoint(at(figures.len().saturating_sub(1) / 2), at(figures.len() / 2));
        Self { median, least: at(0), most: at(figures.len().saturating_sub(1)) }
    }

    fn shown(&self, unit: f64, places: usize, name: &str) -> String {
        let [median, least, most] = [self.median, self.least, self.most].map(|figure| figure / unit);
        format!("**{median:.places$}**{name} ({least:.places$} - {most:.places$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::Usage;

    fn measured(cpu_ns: u64, wasm_ns: u64) -> Measured {
        let learning = Learning {
            clicks: 1_000_000,
            cpu_ns,
            articles: 7,
            blobs: 1,
            build_ns_median: 1,
            build_ns_max: 1,
            blob_bytes_median: 1,
            blob_bytes_max: 1,
        };
        let serving = Serving { requests: 9, open_ns: 1, rank_ns: [1, wasm_ns], choose_ns: [1, 1], first_ns: 1, memory_bytes: 1 };
        let usage = Usage { cpu_s: 1.0, wall_s: 1.0, peak_rss_mib: 100.0 };
        Measured {
            counters: vec![learning],
            slow_counters: vec![learning],
            learner: vec![(learning, usage)],
            native: vec![serving],
            wasm: vec![serving],
        }
    }

    #[test]
    fn a_goal_that_is_missed_is_said() {
        let good = table(&measured(1_000_000_000, 50_000), ["0", "0"]);
        assert!(!good.contains("**no**"), "{good}");
        assert_eq!(table(&measured(3_000_000_000, 50_000), ["0", "0"]).matches("**no**").count(), 1, "counters");
        assert_eq!(table(&measured(1_000_000_000, 60_000), ["0", "0"]).matches("**no**").count(), 1, "native");
        assert_eq!(table(&measured(1_000_000_000, 201_000), ["0", "0"]).matches("**no**").count(), 2, "native and wasm");
        assert_eq!(table(&measured(60_000_000_000, 50_000), ["0", "0"]).matches("**no**").count(), 2, "counters and learner");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let figure = Figure::of(&[3.0, 1.0, 9.0, 2.0], |figure| *figure);
        assert_eq!(figure.shown(1.0, 1, " s"), "**2.5** s (1.0 - 9.0)");
    }
}
