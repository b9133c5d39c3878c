//! Records into a portal's stream.

use wire::PortalId;

use crate::aws::kinesis::{self, Outcome};
use crate::config::Config;
use crate::delivery::Record;
use crate::error::Error;
use crate::platform::{clock, transport};

/// What became of each record; all are of this portal, at most [`kinesis::RECORDS_MAX`].
pub(super) async fn put(config: &Config, portal: &PortalId, records: &[&Record]) -> Vec<Outcome> {
    let all_failed = |reason: &str| vec![Outcome::failed(reason); records.len()];
    let Some(portal) = config.portals.get(portal.as_str()) else { return all_failed("unknown_portal") };
    let pairs = records.iter().map(|record| (record.key.as_str(), record.data.as_str()));
    let call = match kinesis::put_records(&config.kinesis, &portal.events_stream(), pairs, clock::now_ms()) {
        Ok(call) => call,
        Err(Error::Unavailable { cause }) => return all_failed(&cause),
        Err(error) => return all_failed(error.code()),
    };
    match transport::send(call).await {
        Ok((status, body)) => kinesis::outcomes(records.len(), status, &body),
        Err(reason) => all_failed(&reason),
    }
}
