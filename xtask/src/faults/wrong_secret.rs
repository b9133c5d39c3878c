//! A worker whose secret is wrong: Kinesis refuses everything, and nothing may be lost until somebody mends it.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use super::outbox::{Load, Manner};
use super::report::{Done, Report};
use super::rows::Bounds;
use super::trial::FaultTrial;
use crate::stack::{Keys, Trial};

/// Its name in the ledger.
pub(super) const NAME: &str = "14s";

/// The stack with that worker, its records in the queue.
pub(super) struct WrongSecret(FaultTrial);

impl WrongSecret {
    /// Posts under the wrong secret, then mends it.
    ///
    /// A local queue dies with the worker, so the worker cannot be given the right secret. Instead the proxy passes its calls on
    /// under the stand-in's own key, whose signature the stand-in does not check: to the worker it looks as if its key had been admitted.
    pub(super) fn start(port: u16) -> Result<Self> {
        println!("a worker with the wrong secret, on port {port}");
        let mut trial = FaultTrial::start(port, Trial { keys: Keys::WrongSecret, ..Trial::FAULTS })?;
        let begun = Instant::now();
        let load = Load { batches: 100, at_once: 8, per_s: None, manner: Manner::Plain };
        let outbox = trial.outbox(load.batches);
        outbox.send(&load);
        let tally = trial.proxy.tally()?;
        ensure!(tally.records_applied == 0, "the stand-in took {} records under a wrong secret", tally.records_applied);
        let refused = trial.metric("pulso_delivery_refused_total")?;
        ensure!(refused > 0, "pulso_delivery_refused_total does not rise");
        println!("pulso_delivery_refused_total {refused}");
        let expected = "all 202 by the queue, none tried hot; after it is mended all are in the stream; no log has the secret";
        let bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 1 };
        let done = Done::new(NAME, "the worker's secret is wrong (AUTH=true)", expected, bounds, tally.puts);
        trial.enter(done, &[outbox], begun)?;
        trial.proxy.plan(&json!({ "pass_as": "test" }))?;
        Ok(Self(trial))
    }

    /// Waits for the queue's long delays, counts and stops.
    pub(super) fn finish(self) -> Result<Report> {
        self.0.finish()
    }
}
