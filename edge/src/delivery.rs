//! How records become safe: in the stream, else in the queue, else set aside, else whoever sent them keeps them.
//!
//! One state machine that only decides. The worker's fetch handler, its queue consumer, its cron and the simulator all run it:
//! they do what an [`Effect`] says, and report what came of it as the next [`Input`].

pub mod drain;
pub mod lanes;
pub mod queue;
pub mod stream;
pub mod world;

use wire::{Envelope, PortalId, RetryHeader, RetryMessage};

use crate::aws::kinesis::Outcome;
use crate::breaker::Permit;

/// The consumer sets records aside once Kinesis has been down for so long, unless `SPILL_AFTER_S` says otherwise: a queue holds 25 GB,
/// which is less than an hour at a peak.
pub const SPILL_AFTER_MS: u64 = 300_000;
/// Shortest delay in the queue, seconds.
const DELAY_MIN_S: u32 = 2;
/// Longest delay, seconds: a quarter of an hour after an outage everything is on its way.
const DELAY_MAX_S: u32 = 900;
/// Longest delay behind an open breaker, seconds: that of its probes. Nothing was tried, so nothing is spared by waiting longer.
const DELAY_BLOCKED_MAX_S: u32 = 30;
/// What was not tried, for the breaker is open.
const BLOCKED: &str = "breaker_open";
/// Shortest delay when it takes a person to mend it (credentials, rights, a missing stream): trying hot would only make noise.
const DELAY_CONFIGURATION_S: u32 = 300;

/// A record on its way to its portal's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Whose stream.
    pub portal: PortalId,
    /// Partition key.
    pub key: String,
    /// What stands in the stream.
    pub data: String,
    /// How often it was tried before.
    pub attempts: u32,
    /// When it failed first, Unix milliseconds, if it ever did.
    pub first_failed_at_ms: Option<u64>,
}

impl Parcel {
    /// A batch that was just collected.
    ///
    /// # Errors
    /// When it cannot be written as a record.
    pub fn first(envelope: &Envelope) -> Result<Self, wire::Error> {
        let key = envelope.edge.visitor.to_string();
        Ok(Self { portal: envelope.batch.portal.clone(), key, data: envelope.to_record()?, attempts: 0, first_failed_at_ms: None })
    }
}

/// Who holds the records meanwhile, and so where they may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The page, which waits for an answer.
    Page,
    /// The retry queue, which wants each message acknowledged or delivered again.
    Queue,
    /// The store of what was set aside in a long outage.
    Spill,
}

/// What the shell reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// What became of each record of the last [`Effect::Put`], in its order.
    Put {
        /// One per record; fewer or more means that nobody knows.
        outcomes: Vec<Outcome>,
        /// The service's clock differs from ours, and we have learnt by how much: signing again may help.
        has_learnt_skew: bool,
    },
    /// Whether the queue confirmed all messages.
    Enqueued {
        /// It did.
        is_safe: bool,
    },
    /// Whether the store confirmed the object.
    Spilled {
        /// It did.
        is_safe: bool,
    },
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sign anew, and put these records (by index) into the stream.
    Put(Vec<usize>),
    /// Put these texts into the retry queue.
    Enqueue {
        /// One per record that is not stored.
        messages: Vec<String>,
        /// How long they wait there.
        delay_s: u32,
    },
    /// Set these texts aside as one object.
    Spill(Vec<String>),
    /// Done: what became of each record, by index.
    Answer(Vec<Verdict>),
}

/// How it ended for one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Stream, queue or store has confirmed it: the holder may forget it.
    Safe,
    /// Nobody has it for sure: the holder keeps it, and tries again after the delay.
    Kept {
        /// Why, a code for the log.
        reason: String,
        /// Seconds.
        delay_s: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Safe,
    Open { reason: String },
}

/// Records of one portal on their way together, at most what one `PutRecords` takes.
#[derive(Debug)]
pub struct Delivery {
    holder: Holder,
    parcels: Vec<Parcel>,
    fates: Vec<Fate>,
    in_hand: Vec<usize>,
    has_signed_again: bool,
    started_at_ms: u64,
    jitter: u32,
}

impl Delivery {
    /// Begins. `permit` is what the stream's breaker says now; `jitter` a random number that spreads retries.
    #[must_use]
    pub fn start(holder: Holder, parcels: Vec<Parcel>, permit: Permit, jitter: u32, now_ms: u64) -> (Self, Effect) {
        Self::start_with(holder, parcels, permit, SPILL_AFTER_MS, jitter, now_ms)
    }

    /// The same, where an outage is a long one after `spill_after_ms`.
    #[must_use]
    pub fn start_with(
        holder: Holder,
        parcels: Vec<Parcel>,
        permit: Permit,
        spill_after_ms: u64,
        jitter: u32,
        now_ms: u64,
    ) -> (Self, Effect) {
        let fates = vec![Fate::Open { reason: BLOCKED.to_owned() }; parcels.len()];
        let in_hand = (0..parcels.len()).collect();
        let mut delivery = Self { holder, parcels, fates, in_hand, has_signed_again: false, started_at_ms: now_ms, jitter };
        let effect = match permit {
            Permit::Through => Effect::Put(delivery.in_hand.clone()),
            Permit::Blocked { open_for_ms } => delivery.without_kinesis(open_for_ms >= spill_after_ms, now_ms),
        };
        (delivery, effect)
    }

    /// The records of an [`Effect::Put`].
    pub fn parcels<'a>(&'a self, indexes: &'a [usize]) -> impl Iterator<Item = &'a Parcel> {
        indexes.iter().filter_map(|index| self.parcels.get(*index))
    }

    /// A record, by index.
    #[must_use]
    pub fn parcel(&self, index: usize) -> Option<&Parcel> {
        self.parcels.get(index)
    }

    /// What to do next. An unknown outcome counts as a failure: a record twice is found by its event ids, a lost one never.
    pub fn next(&mut self, input: &Input, now_ms: u64) -> Effect {
        match input {
            Input::Put { outcomes, has_learnt_skew } => {
                self.note(outcomes);
                if self.open().is_empty() {
                    return self.answer();
                }
                if *has_learnt_skew && !self.has_signed_again {
                    self.has_signed_again = true;
                    self.in_hand = self.open();
                    return Effect::Put(self.in_hand.clone());
                }
                self.without_kinesis(false, now_ms)
            }
            Input::Enqueued { is_safe } | Input::Spilled { is_safe } => {
                if *is_safe {
                    self.fates.fill(Fate::Safe);
                }
                self.answer()
            }
        }
    }

    fn note(&mut self, outcomes: &[Outcome]) {
        let is_known = outcomes.len() == self.in_hand.len();
        for (position, index) in self.in_hand.iter().enumerate() {
            let Some(fate) = self.fates.get_mut(*index) else { continue };
            *fate = match outcomes.get(position) {
                Some(Outcome::Stored) if is_known => Fate::Safe,
                Some(Outcome::Failed { reason }) if is_known => Fate::Open { reason: reason.clone() },
                Some(_) | None => Fate::Open { reason: "wrong_count".to_owned() },
            };
        }
    }

    fn open(&self) -> Vec<usize> {
        let is_open = |(_, fate): &(usize, &Fate)| matches!(fate, Fate::Open { .. });
        self.fates.iter().enumerate().filter(is_open).map(|(index, _)| index).collect()
    }

    /// What is not stored goes where its holder does not have it yet.
    fn without_kinesis(&mut self, is_long_outage: bool, now_ms: u64) -> Effect {
        match self.holder {
            Holder::Page => self.messages(now_ms, |messages, delay_s| Effect::Enqueue { messages, delay_s }),
            Holder::Queue if is_long_outage => self.messages(now_ms, |messages, _| Effect::Spill(messages)),
            Holder::Queue | Holder::Spill => self.answer(),
        }
    }

    fn messages(&self, now_ms: u64, effect: impl FnOnce(Vec<String>, u32) -> Effect) -> Effect {
        let open = self.open();
        let texts: Result<Vec<_>, _> = open.iter().filter_map(|index| self.message(*index, now_ms)).collect();
        let delay_s = open.first().map_or(0, |index| self.delay_s(*index));
        // A header that cannot be written is no reason to say that its record is safe.
        texts.map_or_else(|_| self.answer(), |messages| effect(messages, delay_s))
    }

    fn message(&self, index: usize, now_ms: u64) -> Option<Result<String, wire::Error>> {
        let parcel = self.parcels.get(index)?;
        let header = RetryHeader {
            v: 1,
            portal: parcel.portal.clone(),
            key: parcel.key.clone(),
            attempts: parcel.attempts.saturating_add(1),
            first_failed_at_ms: parcel.first_failed_at_ms.unwrap_or_else(|| now_ms.max(self.started_at_ms)),
            reason: self.reason(index).to_owned(),
        };
        Some(RetryMessage { header, record: parcel.data.clone() }.to_text())
    }

    fn reason(&self, index: usize) -> &str {
        match self.fates.get(index) {
            Some(Fate::Open { reason }) => reason,
            Some(Fate::Safe) | None => "",
        }
    }

    /// As long as the record has waited already, which makes waits grow exponentially and none longer than the outage it is in;
    /// between half of it and all of it, so that what failed together does not come back together.
    fn delay_s(&self, index: usize) -> u32 {
        let failed_at_ms = self.parcels.get(index).and_then(|parcel| parcel.first_failed_at_ms);
        let waited_ms = failed_at_ms.map_or(0, |at_ms| self.started_at_ms.saturating_sub(at_ms));
        let (min_s, max_s) = match self.reason(index) {
            BLOCKED => (DELAY_MIN_S, DELAY_BLOCKED_MAX_S),
            reason if is_configuration(reason) => (DELAY_CONFIGURATION_S, DELAY_MAX_S),
            _ => (DELAY_MIN_S, DELAY_MAX_S),
        };
        let full_s = u32::try_from(waited_ms / 1_000).unwrap_or(max_s).clamp(min_s, max_s);
        full_s / 2 + self.jitter % (full_s / 2 + 1)
    }

    fn answer(&self) -> Effect {
        let verdict = |(index, fate): (usize, &Fate)| match fate {
            Fate::Safe => Verdict::Safe,
            Fate::Open { reason } => Verdict::Kept { reason: reason.clone(), delay_s: self.delay_s(index) },
        };
        Effect::Answer(self.fates.iter().enumerate().map(verdict).collect())
    }
}

/// Faults that only a person mends; they last.
#[must_use]
pub fn is_configuration(reason: &str) -> bool {
    matches!(
        reason,
        "AccessDeniedException"
            | "ExpiredTokenException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "ResourceNotFoundException"
            | "UnrecognizedClientException"
            | "no_credentials"
    ) || reason.starts_with("KMS")
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
