//! What the fault proxy is told, and what it tells. Its words are those of `tests/src/proxy/plan.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// The control route of one proxy.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    agent: ureq::Agent,
    url: String,
}

/// What it did since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Tally {
    /// PutRecords calls that came.
    pub puts: u64,
    /// Records that the stand-in said it stored.
    pub records_applied: u64,
    /// Calls by what was done to them.
    pub injected: BTreeMap<String, u64>,
}

impl Proxy {
    /// At this address.
    pub(crate) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
        Self { agent, url: format!("{url}/__faults") }
    }

    /// From now on it does this.
    pub(crate) fn plan(&self, plan: &Value) -> Result<()> {
        self.agent.put(&self.url).send_json(plan).context("the fault proxy does not take the plan")?;
        Ok(())
    }

    /// From now on it passes everything.
    pub(crate) fn heal(&self) -> Result<()> {
        self.plan(&json!({}))
    }

    /// What it did.
    pub(crate) fn tally(&self) -> Result<Tally> {
        self.agent.get(&self.url).call()?.body_mut().read_json().context("the fault proxy tells no tally")
    }
}

impl Tally {
    /// Calls that got a fault.
    pub(crate) fn faults(&self) -> u64 {
        self.injected.values().sum()
    }
}

/// Every n-th call gets one of these in turn: with successes in between the worker's breaker stays closed.
pub(super) fn every(n: u64, faults: &Value) -> Value {
    json!({ "rules": [{ "when": { "every_nth": n }, "faults": faults }] })
}

/// So many of a hundred calls get it.
pub(super) fn rate(pct: u64, fault: &Value) -> Value {
    json!({ "rules": [{ "when": { "rate_pct": pct }, "faults": [fault] }] })
}

/// All calls get it.
pub(super) fn always(fault: &Value) -> Value {
    json!({ "rules": [{ "when": "always", "faults": [fault] }] })
}

/// A refusal with an AWS code, or a load balancer's page.
pub(super) fn status(status: u16, code: Option<&str>) -> Value {
    json!({ "kind": "status", "status": status, "code": code })
}
