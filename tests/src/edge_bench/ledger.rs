//! Whether everything that a worker acknowledged arrived: read from the calls themselves, after the round.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use wire::Envelope;

use crate::batch::EVENTS;
use crate::stand_ins::Call;

/// What stood in the calls.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// The calls.
    pub calls: u64,
    /// How often each pageview's batch was stored.
    pub pageviews: HashMap<String, u32>,
    /// The records that were refused.
    pub refused: HashSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords {
    stream_name: String,
    records: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: String,
    partition_key: String,
}

/// The records of a call, as text.
pub(crate) fn records(call: &Call) -> Result<Vec<String>> {
    let put: PutRecords = serde_json::from_slice(&call.body).context("a call that is no PutRecords")?;
    ensure!(put.stream_name == "pulso-g1-events", "a call for stream {}", put.stream_name);
    ensure!(put.records.len() == call.stored.len(), "{} records were answered as {}", put.records.len(), call.stored.len());
    let record = |entry: Entry| {
        let record = String::from_utf8(STANDARD.decode(&entry.data)?)?;
        let envelope = Envelope::parse(record.as_bytes())?;
        ensure!(envelope.edge.visitor.to_string() == entry.partition_key, "the key of a record is not its visitor");
        ensure!(record.ends_with("}\n") && record.matches('\n').count() == 1, "a record that is no line");
        Ok(record)
    };
    put.records.into_iter().map(record).collect()
}

impl Arrived {
    /// Reads the calls; every record has to be a whole batch.
    pub(crate) fn of(calls: &[Call]) -> Result<Self> {
        let mut arrived = Self { calls: u64::try_from(calls.len())?, ..Self::default() };
        for call in calls {
            for (record, is_stored) in records(call)?.iter().zip(&call.stored) {
                let envelope = Envelope::parse(record.as_bytes())?;
                let seqs: HashSet<u32> = envelope.batch.events.iter().map(|event| event.seq).collect();
                ensure!(seqs.len() == EVENTS, "a record of {} events instead of {EVENTS}", seqs.len());
                let pageview = envelope.batch.pageview.to_string();
                if *is_stored {
                    *arrived.pageviews.entry(pageview).or_default() += 1;
                } else {
                    arrived.refused.insert(pageview);
                }
            }
        }
        Ok(arrived)
    }

    /// What was acknowledged is what was stored, once each.
    pub(crate) fn check(&self, acknowledged: &HashSet<String>) -> Result<()> {
        let lost = acknowledged.iter().filter(|pageview| !self.pageviews.contains_key(*pageview)).count();
        let invented = self.pageviews.keys().filter(|pageview| !acknowledged.contains(*pageview)).count();
        let twice = self.pageviews.values().filter(|count| **count > 1).count();
        ensure!(
            lost + invented + twice == 0,
            "of {} acknowledged batches {lost} are lost; {invented} were stored but not acknowledged, {twice} twice",
            acknowledged.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batches;

    fn call(nth: u64) -> (Call, String) {
        let (body, pageview) = Batches::new().body(nth);
        let text = include_str!("../../../wire/tests/golden/envelope.json").trim();
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut envelope = golden.clone();
        envelope["batch"] = serde_json::from_slice(&body).unwrap();
        let key = golden["edge"]["visitor"].as_str().unwrap();
        let data = STANDARD.encode(format!("{envelope}\n"));
        let body = format!(r#"{{"StreamName":"pulso-g1-events","Records":[{{"Data":"{data}","PartitionKey":"{key}"}}]}}"#);
        (Call { body: body.into(), stored: vec![true] }, pageview)
    }

    #[test]
    fn what_is_lost_doubled_or_invented_is_found() {
        let ((one, first), (two, second)) = (call(1), call(2));
        let both: HashSet<String> = [first.clone(), second].into();
        let only_first: HashSet<String> = [first].into();
        assert!(Arrived::of(&[one, two]).unwrap().check(&both).is_ok());
        assert!(Arrived::of(&[call(1).0]).unwrap().check(&both).is_err());
        assert!(Arrived::of(&[call(1).0, call(2).0]).unwrap().check(&only_first).is_err());
        let (again, id) = call(3);
        let twice = Call { body: again.body.clone(), stored: vec![true] };
        assert!(Arrived::of(&[again, twice]).unwrap().check(&[id].into()).is_err());
    }

    #[test]
    fn what_was_refused_is_not_stored() {
        let (mut call, pageview) = call(1);
        call.stored = vec![false];
        let arrived = Arrived::of(&[call]).unwrap();
        assert!(arrived.refused.contains(&pageview) && arrived.check(&[pageview].into()).is_err());
    }
}
