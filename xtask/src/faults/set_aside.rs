//! The rows that look into the worker's store: a stack of their own, whose worker sets aside after five seconds.

use anyhow::Result;

use super::report::Report;
use super::trial::FaultTrial;
use super::{letters, long_outage, poison};
use crate::stack::{SideDoor, Trial};

/// All of them, in the order in which they are done.
pub(super) const ROWS: [&str; 8] = [
    poison::POISON,
    poison::GIVEN_UP,
    letters::DEAD,
    letters::BAD,
    poison::TWICE,
    long_outage::SPILL,
    long_outage::KILLED,
    long_outage::GIVEN_UP,
];

/// Does the rows that are wanted; nothing when none is.
pub(super) fn run(port: u16, kills: u32, is_wanted: impl Fn(&str) -> bool) -> Result<Option<Report>> {
    if !ROWS.into_iter().any(&is_wanted) {
        return Ok(None);
    }
    println!("a worker whose store can be looked into, on port {port}");
    let mut trial = start(port, long_outage::SIDE_DOOR)?;
    if ROWS.into_iter().take(3).any(&is_wanted) {
        let (poisons, spoiled) = poison::run(&mut trial, 40, 5)?;
        if is_wanted(letters::DEAD) {
            letters::dead(&mut trial, &poisons, spoiled)?;
        }
    }
    if is_wanted(letters::BAD) {
        letters::bad(&mut trial, 20)?;
    }
    if is_wanted(poison::TWICE) {
        poison::twice(&mut trial, 30)?;
    }
    if is_wanted(long_outage::SPILL) {
        long_outage::spill(&mut trial, 250, None)?;
    }
    if is_wanted(long_outage::KILLED) {
        long_outage::killed(&mut trial, 250, kills.min(5))?;
    }
    if is_wanted(long_outage::GIVEN_UP) {
        long_outage::given_up(&mut trial, 100)?;
    }
    trial.finish().map(Some)
}

/// The quick subset.
pub(super) fn quick(port: u16) -> Result<Report> {
    let mut trial = start(port, long_outage::QUICK_DOOR)?;
    poison::run(&mut trial, 10, 2)?;
    long_outage::spill(&mut trial, 80, Some(long_outage::QUICK_DOOR))?;
    trial.finish()
}

fn start(port: u16, side_door: SideDoor) -> Result<FaultTrial> {
    FaultTrial::start(port, Trial { side_door: Some(side_door), ..Trial::FAULTS })
}
