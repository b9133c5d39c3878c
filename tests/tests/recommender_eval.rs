//! `recommender-eval` from outside: a baseline behind the pipe comes to the very figures that it has in process; what is wrong is said.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_recommender-eval");

/// Sessions that wander over twenty articles by a rule with some noise; two hours of them.
fn log(name: &str) -> PathBuf {
    let mut text = "at_ms,visitor,session,article,environment,device_group,os,country,region,referrer_type\n".to_owned();
    let mut state = 1_u64;
    for click in 0..4_000_u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let session = click / 40 * 10 + click % 10;
        let article = (session * 3 + click / 10 % 4 + (state >> 33) % 3) % 20;
        let _ = writeln!(text, "{},{session},{session},a{article},4,3,2,1,21,1", 7_200_000 + click * 1_799);
    }
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn eval(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

#[test]
fn a_piped_baseline_has_the_figures_that_it_has_in_process() {
    let clicks = log("piped.csv");
    for (baseline, label) in [("sr", "SR, sequential rules"), ("decayed", "SR with time decay + popularity")] {
        let subject = format!("piped={PROGRAM} serve-baseline {baseline}");
        let window = ["--protocol", "1", "--from-hour", "1", "--to-hour", "2", "--baseline", baseline, "--subject", &subject];
        let output = eval(&[["--clicks", clicks.to_str().unwrap()].as_slice(), window.as_slice()].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        let figures = |label: &str| {
            let row = said.lines().find(|line| line.starts_with(&format!("| {label}"))).unwrap_or_else(|| panic!("no {label} in\n{said}"));
            row.split('|').skip(2).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(figures("piped"), figures(label), "{said}");
        // Neither nothing nor everything, else equality would say little.
        let hit_rate: f64 = figures(label)[0].parse().unwrap();
        assert!(hit_rate > 0.2 && hit_rate < 0.99, "{said}");
    }
}

#[test]
fn an_absent_log_is_an_error_that_says_what_to_do() {
    let output = eval(&["--clicks", "/nowhere/clicks.csv.gz"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no click log at /nowhere/clicks.csv.gz") && said.contains("--clicks FILE"), "{said}");
}

#[test]
fn a_subject_that_cannot_start_is_an_error() {
    let clicks = log("cannot-start.csv");
    let output = eval(&[
        "--clicks",
        clicks.to_str().unwrap(),
        "--protocol",
        "1",
        "--to-hour",
        "2",
        "--from-hour",
        "1",
        "--subject",
        "ours=/nowhere/backend",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ours: /nowhere/backend cannot be started"));
}
