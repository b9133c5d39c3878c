//! `backend redrive --sqs`: retry messages go into their streams, and leave the queue only after that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::sleep;
use wire::{Portals, Via};

use super::say;
use crate::error::{Error, Result};
use crate::platform::kinesis::Kinesis;
use crate::platform::signals::Signals;
use crate::platform::sqs::Queue;
use crate::redrive::parcel::{self, Outcome, Parcel, Tried};
use crate::redrive::queue::{Delivered, FAILURES_MAX, QueueTally, pause_s};

/// How long a call waits for a message, and a signal at most for the call. With `--once` an empty answer is the end.
const WAIT_S: i32 = 5;
const WAIT_ONCE_S: i32 = 2;
/// Messages that a dry run looks at: it holds them all, so that none is seen twice.
const LOOKED_AT_MAX: usize = 10_000;
/// Messages that are remembered to be stored; one more is stored twice, and readers find it by its event ids.
const UNDELETED_MAX: usize = 10_000;

struct Redrive {
    queue: Queue,
    kinesis: Kinesis,
    portals: Portals,
    tally: QueueTally,
    /// Ids of messages that are stored, and that SQS did not let go.
    undeleted: BTreeSet<String>,
}

/// Runs until a signal comes, or the end that `is_once` wants.
///
/// # Errors
/// What keeps it from starting; with `is_once`, [`Error::LeftBehind`].
pub(super) async fn run(url: &str, is_once: bool, is_dry: bool, portals: Portals) -> Result<()> {
    let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
    let (queue, kinesis) = (Queue::connect(url).await?, Kinesis::connect().await?);
    let mut redrive = Redrive { queue, kinesis, portals, tally: QueueTally::default(), undeleted: BTreeSet::new() };
    let outcome = if is_dry { redrive.look(&mut signals).await } else { redrive.drive(is_once, &mut signals).await };
    say(&format!("{}{}", if is_dry { "dry run: " } else { "" }, redrive.tally));
    outcome?;
    let left = redrive.tally.left + u64::try_from(redrive.tally.poison() + redrive.undeleted.len()).unwrap_or(u64::MAX);
    if (is_once || is_dry) && left > 0 { Err(Error::LeftBehind { count: left, what: "messages" }) } else { Ok(()) }
}

impl Redrive {
    async fn drive(&mut self, is_once: bool, signals: &mut Signals) -> Result<()> {
        let mut failures = 0_u32;
        loop {
            // Not interrupted by a signal: what SQS gives to somebody who is gone is hidden for two minutes.
            let has_failed = match self.queue.receive(if is_once { WAIT_ONCE_S } else { WAIT_S }).await {
                Ok(messages) if messages.is_empty() && is_once => return Ok(()),
                Ok(messages) if messages.is_empty() => false,
                // Ends by its own timeouts, and what it has stored it deletes.
                Ok(messages) => !self.take(&messages).await,
                Err(why) if is_once && failures + 1 >= FAILURES_MAX => return Err(Error::Queue { why }),
                Err(why) => {
                    tracing::warn!("cannot receive, trying again: {why}");
                    true
                }
            };
            failures = if has_failed { failures.saturating_add(1) } else { 0 };
            if is_once && failures >= FAILURES_MAX {
                tracing::warn!("the stream takes nothing: ending, so that the messages do not use up their deliveries");
                return Ok(());
            }
            tokio::select! {
                // A signal that came meanwhile goes before a pause of no length.
                biased;
                _ = signals.next() => return Ok(()),
                () = sleep(Duration::from_secs(pause_s(failures))) => {}
            }
        }
    }

    /// Treats the messages of one call; whether it went on: something left the queue, or all of it was poison.
    async fn take(&mut self, messages: &[Delivered]) -> bool {
        let (mut stored, fresh): (Vec<&Delivered>, Vec<_>) = messages.iter().partition(|message| self.undeleted.contains(&message.id));
        let (parcels, sources) = self.sort(&fresh);
        let outcomes = put(&self.kinesis, &parcels, &self.portals).await;
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for (message, outcome) in sources.into_iter().zip(&outcomes) {
            match outcome {
                Outcome::Stored => {
                    self.tally.stored += 1;
                    stored.push(message);
                }
                Outcome::Failed { reason } => {
                    self.tally.left += 1;
                    *reasons.entry(reason).or_default() += 1;
                }
            }
        }
        if !reasons.is_empty() {
            tracing::warn!(?reasons, "not stored, left in the queue");
        }
        let gone = self.delete(&stored).await;
        let left = messages.iter().filter(|message| !gone.contains(&message.id.as_str()));
        let delays: Vec<_> = left.map(|message| (message, message.delay_s())).collect();
        self.queue.postpone(&delays).await;
        !gone.is_empty() || (parcels.is_empty() && stored.is_empty())
    }

    /// Deletes what is stored; the ids of what is gone. The rest is only deleted, not stored again, when it comes again.
    async fn delete<'a>(&mut self, stored: &[&'a Delivered]) -> Vec<&'a str> {
        let mut gone = Vec::new();
        if stored.is_empty() {
            return gone;
        }
        for (message, is_gone) in stored.iter().zip(self.queue.delete(stored).await) {
            if is_gone {
                self.tally.deleted += 1;
                self.undeleted.remove(&message.id);
                gone.push(message.id.as_str());
            } else if self.undeleted.len() < UNDELETED_MAX && self.undeleted.insert(message.id.clone()) {
                tracing::warn!(message = message.id, "stored but not deleted, trying again when it comes again");
            }
        }
        gone
    }

    /// What can be put, each parcel with its message; the rest is noted as poison.
    fn sort<'a>(&mut self, messages: &[&'a Delivered]) -> (Vec<Parcel>, Vec<&'a Delivered>) {
        let mut sorted = Vec::new();
        for message in messages {
            self.tally.received += 1;
            match parcel::read(&message.text, Via::Sqs, Tried { at_least: 0, deliveries: message.receives }, &self.portals) {
                Ok(parcel) => sorted.push((parcel, message)),
                Err(why) => {
                    if self.tally.note_poison(&message.id) {
                        tracing::warn!(message = message.id, receives = message.receives, "left for the dead-letter queue: {why}");
                    }
                }
            }
        }
        sorted.into_iter().unzip()
    }

    /// Looks at every message once, and lets all of them become visible again.
    async fn look(&mut self, signals: &mut Signals) -> Result<()> {
        let mut seen: Vec<Delivered> = Vec::new();
        while seen.len() < LOOKED_AT_MAX {
            let received = tokio::select! {
                _ = signals.next() => break,
                received = self.queue.receive(WAIT_ONCE_S) => received,
            };
            let messages = received.map_err(|why| Error::Queue { why })?;
            if messages.is_empty() || messages.iter().any(|message| seen.iter().any(|other| other.id == message.id)) {
                seen.extend(messages);
                break;
            }
            let (parcels, sources) = self.sort(&messages.iter().collect::<Vec<_>>());
            for (parcel, message) in parcels.iter().zip(sources) {
                tracing::debug!(message = message.id, portal = %parcel.portal, bytes = parcel.data.len(), "would be sent");
            }
            seen.extend(messages);
        }
        for some in seen.chunks(crate::platform::sqs::MESSAGES_MAX) {
            let some: Vec<_> = some.iter().map(|message| (message, 0)).collect();
            self.queue.postpone(&some).await;
        }
        Ok(())
    }
}

/// Puts parcels into their portals' streams; what became of each.
pub(super) async fn put(kinesis: &Kinesis, parcels: &[Parcel], portals: &Portals) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::failed("unknown_portal"); parcels.len()];
    for call in parcel::calls(parcels) {
        let chosen: Vec<&Parcel> = call.iter().filter_map(|index| parcels.get(*index)).collect();
        let Some(portal) = chosen.first().and_then(|parcel| portals.get(parcel.portal.as_str())) else { continue };
        for (index, outcome) in call.iter().zip(kinesis.put(&portal.events_stream(), &chosen).await) {
            if let Some(slot) = outcomes.get_mut(*index) {
                *slot = outcome;
            }
        }
    }
    outcomes
}
