//! What becomes of a message of the retry queue: again, later, or a dead letter.

use wire::{DeadLetter, Envelope, Portals, RetryMessage, Via};

use crate::aws::kinesis::Outcome;
use crate::delivery::Record;

/// A record is given up after so many attempts. With the delays below that is about a day after the first:
/// long enough for a person to mend an outage, shorter than the queue's own retention of four days.
pub const ATTEMPTS_MAX: u32 = 100;
/// Delay after the first failure in the queue, seconds; doubled with each.
const DELAY_FIRST_S: u32 = 2;
/// Longest delay, seconds: a quarter of an hour after the outage ends everything is on its way.
const DELAY_MAX_S: u32 = 900;

/// What the consumer does with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is in the stream.
    Ack,
    /// Send this text after the delay, then acknowledge the old message.
    Again {
        /// The message with its attempts counted.
        text: String,
        /// How long it waits.
        delay_s: u32,
    },
    /// Keep it for a person.
    GiveUp(DeadLetter),
}

/// A message that may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redelivery {
    message: RetryMessage,
    /// What goes into the stream.
    pub record: Record,
}

impl Redelivery {
    /// From the text of a queue message.
    ///
    /// # Errors
    /// A dead letter when it can never be stored: undecodable, or of a portal that no longer exists.
    pub fn read(text: &str, portals: &Portals, now_ms: u64) -> Result<Self, DeadLetter> {
        let undecodable = |attempts| dead_letter("undecodable", attempts, text, now_ms);
        let message = RetryMessage::parse(text).map_err(|_| undecodable(0))?;
        let attempts = message.header.attempts.saturating_add(1);
        let mut envelope = Envelope::parse(message.record.as_bytes()).map_err(|_| undecodable(message.header.attempts))?;
        if portals.get(message.header.portal.as_str()).is_none() {
            return Err(dead_letter("unknown_portal", message.header.attempts, text, now_ms));
        }
        envelope.edge.via = Via::Queue;
        envelope.edge.attempts = attempts;
        let data = envelope.to_record().map_err(|_| undecodable(message.header.attempts))?;
        let record = Record { portal: message.header.portal.clone(), key: message.header.key.clone(), data };
        Ok(Self { message, record })
    }

    /// What to do after the attempt.
    #[must_use]
    pub fn settle(mut self, outcome: Outcome, now_ms: u64) -> Decision {
        let reason = match outcome {
            Outcome::Stored => return Decision::Ack,
            Outcome::Failed { reason } => reason,
        };
        let attempts = self.message.header.attempts.saturating_add(1);
        self.message.header.attempts = attempts;
        self.message.header.reason.clone_from(&reason);
        match self.message.to_text() {
            Ok(text) if attempts < ATTEMPTS_MAX => Decision::Again { text, delay_s: delay_s(attempts) },
            Ok(text) => Decision::GiveUp(dead_letter(&reason, attempts, &text, now_ms)),
            Err(error) => Decision::GiveUp(dead_letter(error.code(), attempts, &self.message.record, now_ms)),
        }
    }
}

/// How long a message waits after so many attempts, the first of which was not in the queue.
fn delay_s(attempts: u32) -> u32 {
    let doublings = attempts.saturating_sub(2).min(16);
    DELAY_FIRST_S.saturating_mul(1 << doublings).min(DELAY_MAX_S)
}

/// A message that is kept for a person.
#[must_use]
pub fn dead_letter(reason: &str, attempts: u32, body: &str, now_ms: u64) -> DeadLetter {
    DeadLetter { v: 1, reason: reason.to_owned(), attempts, at_ms: now_ms, body: body.to_owned() }
}

/// The dead letter of a message that the platform itself gave up (our consumer died on it too often).
#[must_use]
pub fn given_up_by_platform(text: &str, now_ms: u64) -> DeadLetter {
    let attempts = RetryMessage::parse(text).map_or(0, |message| message.header.attempts);
    dead_letter("consumer_failed", attempts, text, now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    const TEXT: &str = include_str!("../../wire/tests/golden/retry_message.txt");

    fn portals() -> Portals {
        Config::parse(Environment::default()).unwrap().portals
    }

    fn failed() -> Outcome {
        Outcome::Failed { reason: "InternalFailure".to_owned() }
    }

    #[test]
    fn a_redelivered_record_says_so() {
        let redelivery = Redelivery::read(TEXT, &portals(), 1).unwrap();
        let envelope = Envelope::parse(redelivery.record.data.as_bytes()).unwrap();
        assert_eq!((envelope.edge.via, envelope.edge.attempts), (Via::Queue, 3));
        assert!(redelivery.record.data.ends_with('\n'));
        assert_eq!(redelivery.settle(Outcome::Stored, 1), Decision::Ack);
    }

    #[test]
    fn a_failure_counts_and_waits_longer() {
        let Decision::Again { text, delay_s } = Redelivery::read(TEXT, &portals(), 1).unwrap().settle(failed(), 1) else {
            panic!("not again")
        };
        let header = RetryMessage::parse(&text).unwrap().header;
        assert_eq!((header.attempts, header.reason.as_str(), delay_s), (3, "InternalFailure", 4));
    }

    #[test]
    fn delays_double_up_to_a_quarter_of_an_hour() {
        assert_eq!([1, 2, 3, 4, 10, 11, 12, u32::MAX].map(delay_s), [2, 2, 4, 8, 512, 900, 900, 900]);
        let total: u32 = (2..ATTEMPTS_MAX).map(delay_s).sum();
        assert!((72_000..100_000).contains(&total), "given up after {total} s");
    }

    #[test]
    fn the_last_attempt_makes_a_dead_letter() {
        let text = TEXT.replace(r#""attempts":2"#, r#""attempts":99"#);
        let Decision::GiveUp(letter) = Redelivery::read(&text, &portals(), 5).unwrap().settle(failed(), 5) else { panic!("not given up") };
        assert_eq!((letter.reason.as_str(), letter.attempts, letter.at_ms), ("InternalFailure", 100, 5));
        assert!(RetryMessage::parse(&letter.body).is_ok());
    }

    #[test]
    fn what_the_platform_gave_up_keeps_its_count() {
        assert_eq!(given_up_by_platform(TEXT, 5), dead_letter("consumer_failed", 2, TEXT, 5));
        assert_eq!(given_up_by_platform("junk", 5), dead_letter("consumer_failed", 0, "junk", 5));
    }

    #[test]
    fn what_can_never_be_stored_is_a_dead_letter_at_once() {
        let gone = TEXT.replacen(r#""portal":"g1""#, r#""portal":"gone""#, 1);
        let (header, _) = TEXT.split_once('\n').unwrap();
        for (text, reason) in [
            ("", "undecodable"),
            ("not a retry message", "undecodable"),
            (gone.as_str(), "unknown_portal"),
            (&format!("{header}\n{{}}"), "undecodable"),
        ] {
            let letter = Redelivery::read(text, &portals(), 1).unwrap_err();
            assert_eq!((letter.reason.as_str(), letter.body.as_str()), (reason, text));
        }
    }
}
