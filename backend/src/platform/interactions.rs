//! The second stream: interactions are put until Kinesis has confirmed each of them. Whoever waits for it reads no further meanwhile.

use std::time::Duration;

use tokio::time::sleep;
use wire::{Interaction, Portal};

use crate::platform::board::Board;
use crate::platform::clock::uptime;
use crate::platform::kinesis::Kinesis;
use crate::redrive::parcel::{self, Outcome, Parcel};
use crate::stages::{Stage, Volume};

/// Wait after a call in which something failed: doubled up to the longest.
const WAIT: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Puts them all. Ends only when they are stored; the caller stops it by dropping it, and they will be made again then.
pub(crate) async fn put(kinesis: &Kinesis, board: &Board, portal: &Portal, interactions: &[Interaction]) {
    let stream = portal.interactions_stream();
    let mut wait = WAIT;
    let mut open: Vec<Parcel> = interactions.iter().filter_map(parcel_of).collect();
    if open.is_empty() {
        return;
    }
    let unit = board.stages.begin(Stage::Put, Some(&portal.id), uptime());
    let bytes_in = open.iter().map(|parcel| parcel.data.len()).sum();
    unit.carry(Volume { records_in: open.len(), bytes_in, ..Volume::default() });
    while !open.is_empty() {
        let mut left = Vec::new();
        for indexes in parcel::calls(&open) {
            let call: Vec<_> = indexes.iter().filter_map(|index| open.get(*index)).collect();
            let outcomes = kinesis.put(&stream, &call).await;
            let failed: Vec<_> = outcomes.iter().zip(&call).filter(|(outcome, _)| **outcome != Outcome::Stored).collect();
            if let Some((Outcome::Failed { reason }, _)) = failed.first() {
                unit.failed(reason);
                tracing::debug!(stream, reason, count = failed.len(), "interactions not taken, trying again");
            }
            let bytes = call.iter().map(|parcel| parcel.data.len()).sum::<usize>();
            let lost = failed.iter().map(|(_, parcel)| parcel.data.len()).sum::<usize>();
            unit.carry(Volume { records_out: call.len() - failed.len(), bytes_out: bytes - lost, ..Volume::default() });
            left.extend(failed.into_iter().map(|(_, parcel)| (*parcel).clone()));
        }
        if !left.is_empty() {
            sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        open = left;
    }
    unit.done(uptime(), Volume::default());
}

fn parcel_of(interaction: &Interaction) -> Option<Parcel> {
    let mut data = serde_json::to_string(interaction).ok()?;
    data.push('\n');
    Some(Parcel { portal: interaction.portal.clone(), key: interaction.visitor.to_string(), data })
}
