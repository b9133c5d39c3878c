//! Runs the protocols, baselines and subjects side by side, and puts what came of them into tables.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::baselines::Baseline;
use crate::lockstep::{self, Answers, Subject};
use crate::log::{ClickLog, Window};
use crate::metrics::{Measures, Tally};
use crate::prequential::{self, Contestant};
use crate::split::Horizon;
use crate::table::{Table, share};
use crate::{sampled, split};

/// Protocol 1: baselines in one thread, subjects beside them. Comes with what failed: the others' figures stand without it.
pub(crate) fn prequential(log: &ClickLog, window: Window, baselines: &[Baseline], subjects: &[Subject], jobs: u8) -> (String, Vec<String>) {
    let bars = MultiProgress::new();
    let mut contestants: Vec<Contestant> = baselines.iter().map(|one| Contestant::new(one.label(), one.make())).collect();
    let answers = std::thread::scope(|scope| {
        let ours = scope.spawn(|| play_subjects(log, window, subjects, jobs, &bars));
        if !contestants.is_empty() {
            prequential::run(log, window, &mut contestants, &bar(&bars, "baselines", log, window));
        }
        ours.join()
    });
    let mut results: Vec<(&str, Tally)> = Vec::new();
    for contestant in &contestants {
        eprintln!("  {:<40} {:>6.1} s", contestant.label, contestant.took.as_secs_f32());
        results.push((&contestant.label, contestant.tally.clone()));
    }
    let (mut failures, mut notes) = (Vec::new(), String::new());
    let answers = answers.unwrap_or_else(|_| {
        failures.push("the thread of the subjects broke off".to_owned());
        Vec::new()
    });
    for (subject, answers) in subjects.iter().zip(answers) {
        match answers {
            Ok(answers) => {
                notes.push_str(&note(&subject.label, &answers));
                results.push((&subject.label, answers.tally));
            }
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    (prequential_text(log, window, &results, &notes), failures)
}

fn prequential_text(log: &ClickLog, window: Window, results: &[(&str, Tally)], notes: &str) -> String {
    let clicked = prequential::clicked(log, window);
    let mut table = Table::new(["", "HR@10", "MRR@10", "nDCG@10", "coverage@10", "cold HR@10"]);
    for (label, tally) in results {
        let measures = tally.measures();
        let figures = [measures.hit_rate, measures.mrr, measures.ndcg, tally.coverage(&clicked), measures.cold_hit_rate].map(share);
        table.row(std::iter::once((*label).to_owned()).chain(figures));
    }
    let scored = results.iter().map(|(_, tally)| tally.scored).max().unwrap_or(0);
    let cold = results.iter().map(|(_, tally)| tally.measures().cold_share).fold(0.0, f64::max);
    format!(
        "### Protocol 1: prequential, full ranking\n\nHours {} to {} of {}: n = {scored} answers scored; {} of {} clicks learnt in order, from hour {} on. Every click is \
         learnt, then ten articles are named, then scored against that session's next click, whenever it comes. Coverage: which share of the \
         {} articles clicked in these hours was named. Cold: targets first clicked less than an hour before, {} of all.\n\n{table}{notes}",
        window.from,
        window.to - 1,
        hours(log),
        log.clicks.iter().filter(|click| log.hour(click.at_ms) < window.to).count(),
        log.clicks.len(),
        log.clicks.first().map_or(0, |first| log.hour(first.at_ms)),
        clicked.len(),
        share(cold),
    )
}

/// What a subject does that it should not.
fn note(label: &str, answers: &Answers) -> String {
    let Answers { already_read, unknown, .. } = answers;
    if already_read + unknown == 0 {
        return String::new();
    }
    format!("\n{label}: {already_read} names of articles that the session had read, {unknown} that no click has.\n")
}

/// Protocol 2.
pub(crate) fn sampled(log: &ClickLog) -> String {
    /// HR@10 and MRR@10 of the 2019 paper, over 16 days; `None` where we have no figure.
    const PUBLISHED: [Option<(f64, f64)>; 4] = [Some((0.5900, 0.2889)), Some((0.5707, 0.2801)), Some((0.5689, 0.2626)), None];
    let bars = MultiProgress::new();
    let outcomes = sampled::run(log, &bar(&bars, "CHAMELEON", log, Window { from: 0, to: u64::MAX }));
    let four = |value: f64| format!("{value:.4}").trim_start_matches('0').to_owned();
    let mut table = Table::new(["", "HR@10", "published", "MRR@10", "published", "HR@10, pooled", "MRR@10, pooled"]);
    for (outcome, published) in outcomes.iter().zip(PUBLISHED) {
        let published = published.map_or_else(|| [String::new(), String::new()], |(hit_rate, mrr)| [four(hit_rate), four(mrr)]);
        let [hit_rate, mrr] = published;
        let (ours, pooled) = (outcome.by_hour, outcome.pooled);
        table.row([outcome.label.to_owned(), four(ours.0), hit_rate, four(ours.1), mrr, four(pooled.hit_rate), four(pooled.mrr)]);
    }
    let scored = outcomes.iter().map(|outcome| outcome.scored).max().unwrap_or(0);
    format!(
        "### Protocol 2: CHAMELEON, one among fifty\n\nEvery fifth of {} hours, n = {scored} targets. Published figures are means of hours over 16 \
         days of the same portal. This protocol only proves the harness: one target among fifty popular articles is another task.\n\n{table}",
        hours(log)
    )
}

/// Protocol 3.
pub(crate) fn split(log: &ClickLog, window: Window, baselines: &[Baseline]) -> String {
    const WHO: [Baseline; 3] = [Baseline::Sr, Baseline::Vmis, Baseline::Decayed];
    let bars = MultiProgress::new();
    let mut contestants: Vec<Contestant> =
        WHO.iter().filter(|one| baselines.contains(one)).map(|one| Contestant::new(one.label(), one.make())).collect();
    let horizons = split::run(log, window, &mut contestants, &bar(&bars, "static split", log, window));
    let names = split::HORIZONS.map(|hours| if hours == u64::MAX { "all hours".to_owned() } else { format!("first {hours} h") });
    let head: Vec<&str> = std::iter::once("HR@10 / MRR@10").chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new(head);
    let row = |label: &str, cell: &dyn Fn(&Horizon) -> String| {
        std::iter::once(label.to_owned()).chain(horizons.iter().map(cell)).collect::<Vec<_>>()
    };
    for (at, contestant) in contestants.iter().enumerate() {
        let both = |measures: Measures| format!("{} / {}", share(measures.hit_rate), share(measures.mrr));
        table.row(row(&contestant.label, &|horizon| horizon.tallies.get(at).map(|tally| both(tally.measures())).unwrap_or_default()));
    }
    table.row(row("targets that were clicked before", &|horizon| share(horizon.known_share())));
    table.row(row("n", &|horizon| horizon.tallies.first().map_or(0, |tally| tally.scored).to_string()));
    format!(
        "### Protocol 3: static split\n\nLearnt: hours {} to {}, and nothing after. Scored: sessions that begin in hours {} to {}, by how long \
         after the split.\n\n{table}",
        log.clicks.first().map_or(0, |first| log.hour(first.at_ms)),
        window.from.saturating_sub(1),
        window.from,
        window.to - 1,
    )
}

/// As many at a time as was asked for; the answers in the order of the subjects.
fn play_subjects(log: &ClickLog, window: Window, subjects: &[Subject], jobs: u8, bars: &MultiProgress) -> Vec<Result<Answers>> {
    let waiting = Mutex::new(subjects.iter().enumerate());
    let done: Mutex<Vec<(usize, Result<Answers>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((at, subject)) = next else { return };
                    let began = Instant::now();
                    let answers = lockstep::run(log, window, subject, &bar(bars, &subject.label, log, window));
                    eprintln!("  {:<40} {:>6.1} s", subject.label, began.elapsed().as_secs_f32());
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, answers));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answers)| answers).collect()
}

fn hours(log: &ClickLog) -> u64 {
    log.clicks.last().map_or(0, |last| log.hour(last.at_ms) + 1)
}

/// One line of progress, in clicks; nothing where nobody looks.
fn bar(bars: &MultiProgress, what: &str, log: &ClickLog, window: Window) -> ProgressBar {
    let clicks = log.clicks.iter().filter(|click| log.hour(click.at_ms) < window.to).count();
    let bar = bars.add(ProgressBar::new(u64::try_from(clicks).unwrap_or(0)));
    let shape = "  {prefix:<40} [{bar:24}] {pos}/{len} {elapsed} of {duration}";
    bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_prefix(what.to_owned())
}
