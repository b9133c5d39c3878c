//! Runs many seeds on all cores, the rows of the fault matrix, and the planted bugs; prints what came of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::cases::CASES;
use super::judge::Totals;
use super::mutant::Mutant;
use super::run::{self, Played};
use super::scripts;
use super::world::Step;

/// Events of one seed.
pub(crate) const EVENTS: usize = 200;
/// Seeds within which a planted bug has to be found.
pub(crate) const MUTANT_SEEDS: u64 = 2_000;
/// Steps shown of a failing seed.
const STEPS_MAX: usize = 40;
/// Seeds of each row in the quick suite.
const CASE_SEEDS: u64 = 20;

/// What many seeds came to.
#[derive(Default)]
struct Sum {
    totals: Totals,
    seeds: u64,
    longest_drain_ms: u64,
    failing: Vec<(u64, String)>,
}

/// The random runs; whether all of them held.
pub(crate) fn seeds(count: u64) -> bool {
    let started = Instant::now();
    let sum = Mutex::new(Sum::default());
    each(count, |seed| {
        let Some(played) = run::seed(seed, EVENTS, None, false) else { return };
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.totals.add(&played.totals);
        sum.seeds += 1;
        sum.longest_drain_ms = sum.longest_drain_ms.max(played.drained_after_ms);
        if let Some(first) = played.broken.first() {
            sum.failing.push((seed, first.clone()));
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.failing.sort();
    print_totals(&sum);
    println!("  seconds                 {:>10.1}", started.elapsed().as_secs_f32());
    for (seed, what) in sum.failing.iter().take(5) {
        println!("seed {seed} FAILS: {what}");
    }
    if let Some((seed, what)) = sum.failing.first() {
        print_failure(*seed, what);
    }
    sum.failing.is_empty() && sum.seeds == count
}

fn print_totals(sum: &Sum) {
    let Totals { counts, .. } = sum.totals;
    let rows = [
        ("seeds", sum.seeds),
        ("events", sum.totals.events),
        ("accepted (2xx)", sum.totals.accepted),
        ("rejected (made bad)", sum.totals.rejected),
        ("forgotten by outboxes", sum.totals.forgotten),
        ("streamed", sum.totals.streamed),
        ("duplicates removed", sum.totals.duplicates),
        ("dead (poison)", sum.totals.dead),
        ("calls of PutRecords", counts.puts),
        ("messages tried again", counts.retried),
        ("messages given up", counts.given_up),
        ("records spilled", counts.spilled),
        ("answers 503", counts.refused_503),
        ("left with others", counts.gathered),
        ("flights taken over", counts.taken_over),
        ("rescued from flights", counts.rescued),
        ("isolates killed", counts.kills),
        ("records read again", sum.totals.reread),
        ("longest drain, minutes", sum.longest_drain_ms / 60_000),
        ("a day late, archived", sum.totals.late),
        ("lost", sum.totals.lost),
        ("failing seeds", u64::try_from(sum.failing.len()).unwrap_or(u64::MAX)),
    ];
    for (name, count) in rows {
        println!("  {name:<23} {count:>10}");
    }
}

/// The steps that concern the event that broke, and how to see all of them.
fn print_failure(seed: u64, what: &str) {
    let Some(played) = run::seed(seed, EVENTS, None, true) else { return };
    let event = what.split_whitespace().find(|word| word.starts_with('p') && word.contains('#'));
    let steps: Vec<&Step> = played.steps.iter().filter(|step| concerns(&step.text, event)).collect();
    println!("\nseed {seed}, the last {STEPS_MAX} steps of {}:", event.unwrap_or("all"));
    for step in steps.iter().skip(steps.len().saturating_sub(STEPS_MAX)) {
        print_step(step);
    }
    println!("\nreplay: cargo xtask sim --seed {seed}");
}

/// Whether a step speaks of an event such as `p3#7,`, or of everything.
fn concerns(text: &str, event: Option<&str>) -> bool {
    let Some((page, seq)) = event.and_then(|event| event.split_once('#')) else { return true };
    let is_meant = |word: &str| match word.split_once('#') {
        Some((other, seqs)) => other == page && (seq.is_empty() || seqs.split(',').any(|other| other == seq.trim_end_matches(','))),
        None => false,
    };
    text.split_whitespace().any(is_meant) || text.contains("DIES") || text.contains("HEALS")
}

fn print_step(step: &Step) {
    let at_ms = step.at_ms;
    let (hours, minutes, seconds) = (at_ms / 3_600_000, at_ms / 60_000 % 60, at_ms / 1_000 % 60);
    println!("  {hours:02}:{minutes:02}:{seconds:02}.{:03}  {}", at_ms % 1_000, step.text);
}

/// One seed with its whole trace; whether it held.
pub(crate) fn replay(seed: u64) -> bool {
    let Some(played) = run::seed(seed, EVENTS, None, true) else { return false };
    played.steps.iter().for_each(print_step);
    println!("{:#?}", played.totals);
    played.broken.iter().for_each(|what| println!("BROKEN {what}"));
    played.broken.is_empty()
}

/// The rows of the fault matrix; whether all of them held.
pub(crate) fn rows(is_full: bool) -> bool {
    let mut is_fine = true;
    for case in CASES {
        let count = if is_full { case.seeds } else { case.seeds.min(CASE_SEEDS) };
        let broken = Mutex::new(Vec::new());
        each(count, |seed| {
            let found = case.play(seed).into_iter().map(|what| format!("seed {seed}: {what}"));
            broken.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        });
        is_fine &= print_row(case.row, case.what, count, &broken.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    is_fine &= print_row("3", "k of n records fail, all k and n up to 20: no stored record is sent twice", 210, &scripts::k_of_n());
    is_fine &= print_row("20", "of 100 messages the i-th fails: only it is tried again", 100, &scripts::one_of_a_hundred());
    is_fine &= print_row("18", "messages and sends at their limits", 42, &scripts::sizes());
    let skew_seeds = if is_full { 50 } else { 5 };
    is_fine &= print_row("11", "the edge's clock 4, 6, 15 min, 1 day off, both ways", 8 * skew_seeds, &scripts::skews(skew_seeds));
    is_fine &= print_row("30", "a batch cut at every byte: 400", 1, &scripts::truncations());
    is_fine & kills(if is_full { 200 } else { 5 })
}

fn kills(seeds: u64) -> bool {
    let found = Mutex::new((0, Vec::new()));
    each(seeds, |seed| {
        let (awaits, broken) = scripts::kill_everywhere(seed);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.0 += awaits;
        found.1.extend(broken);
    });
    let (awaits, broken) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    print_row("19", "the isolate dies at every await point of a small run", awaits, &broken)
}

fn print_row(row: &str, what: &str, count: u64, broken: &[String]) -> bool {
    println!("  row {row:>2}  {what:<82} {count:>6} runs  {}", if broken.is_empty() { "ok" } else { "FAILED" });
    broken.iter().take(3).for_each(|what| println!("          {what}"));
    broken.is_empty()
}

/// The planted bugs; whether every one was found.
pub(crate) fn mutants(all: &[Mutant]) -> bool {
    let mut found_count = 0;
    for mutant in all {
        let found = (0..MUTANT_SEEDS).find_map(|seed| Some((seed, caught(&run::seed(seed, EVENTS, Some(*mutant), false)?)?)));
        match found {
            Some((seed, invariant)) => {
                found_count += 1;
                println!("  {:<58} caught by {invariant:<5} at seed {seed}", mutant.what());
            }
            None => println!("  {:<58} SURVIVES {MUTANT_SEEDS} seeds", mutant.what()),
        }
    }
    println!("{found_count} of {} planted bugs caught", all.len());
    found_count == all.len()
}

fn caught(played: &Played) -> Option<String> {
    played.broken.iter().filter_map(|what| what.split(':').next()).min().map(str::to_owned)
}

/// Numbers from 0, on all cores; the bar is hidden where nobody watches.
fn each(count: u64, act: impl Fn(u64) + Sync) {
    let bar = ProgressBar::new(count);
    if let Ok(style) = ProgressStyle::with_template("  [{bar:40}] {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    act(number);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_seeds_lose_nothing() {
        assert!(seeds(50));
    }

    #[test]
    fn a_trace_shows_what_concerns_an_event() {
        let event = Some("p3#7,");
        for (text, is_shown) in [
            ("page posts p3#6,7,8,", true),
            ("page posts p3#6,17,", false),
            ("page posts p13#7,", false),
            ("send p1#0, p3#7, to queue 0 for 2 s, fault: None", true),
            ("isolate 0 DIES", true),
        ] {
            assert_eq!(concerns(text, event), is_shown, "{text}");
        }
        print_failure(3, "I1: p3#7, got a 2xx and is not in the stream");
    }

    #[test]
    fn every_row_holds() {
        for case in CASES {
            assert_eq!(case.play(1), Vec::<String>::new(), "row {}", case.row);
        }
        assert_eq!(scripts::k_of_n(), Vec::<String>::new());
        assert_eq!(scripts::one_of_a_hundred(), Vec::<String>::new());
        assert_eq!(scripts::sizes(), Vec::<String>::new());
        assert_eq!(scripts::skews(1), Vec::<String>::new());
        assert_eq!(scripts::truncations(), Vec::<String>::new());
        assert_eq!(scripts::kill_everywhere(1).1, Vec::<String>::new());
    }

    #[test]
    fn planted_bugs_are_found() {
        assert!(mutants(&[Mutant::EnqueueSkipped, Mutant::AckBeforePut, Mutant::DedupSeesNothing]));
    }

    #[test]
    fn a_seed_repeats_itself_step_by_step() {
        let steps = |seed| {
            let played = run::seed(seed, EVENTS, None, true).unwrap();
            played.steps.iter().map(|step| format!("{} {}", step.at_ms, step.text)).collect::<Vec<_>>()
        };
        for seed in [0, 13] {
            let first = steps(seed);
            assert!(first.len() > 100);
            assert_eq!(first, steps(seed));
        }
        assert_ne!(steps(0), steps(1));
    }
}
