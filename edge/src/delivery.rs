//! How one record becomes safe: into the stream, else into the queue, else the page keeps it. A state machine that only decides.

use wire::{PortalId, RetryHeader, RetryMessage};

use crate::aws::kinesis::Outcome;

/// A record on its way to its portal's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose stream.
    pub portal: PortalId,
    /// Partition key.
    pub key: String,
    /// What stands in the stream.
    pub data: String,
}

/// What the shell reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// What became of the record in `PutRecords`.
    Put(Outcome),
    /// Whether the queue confirmed the message.
    Enqueued {
        /// It did.
        is_safe: bool,
    },
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put the record into the stream.
    Put(Record),
    /// Put this text into the retry queue.
    Enqueue(String),
    /// Answer the page.
    Answer(Verdict),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The stream or the queue has the record.
    Safe,
    /// Nobody has it for sure; the page keeps it. Says why, for the log.
    Unsafe(String),
}

/// One record's way.
#[derive(Debug)]
pub struct Delivery {
    record: Record,
    failed_as: String,
}

impl Delivery {
    /// Begins with an attempt to put the record.
    #[must_use]
    pub fn start(record: Record) -> (Self, Effect) {
        let effect = Effect::Put(record.clone());
        (Self { record, failed_as: String::new() }, effect)
    }

    /// What to do next. An unknown outcome counts as a failure: a record twice is found by its event ids, a lost one never.
    pub fn next(&mut self, input: Input, now_ms: u64) -> Effect {
        match input {
            Input::Put(Outcome::Stored) | Input::Enqueued { is_safe: true } => Effect::Answer(Verdict::Safe),
            Input::Put(Outcome::Failed { reason }) => self.enqueue(reason, now_ms),
            Input::Enqueued { is_safe: false } => {
                Effect::Answer(Verdict::Unsafe(format!("{}, and the queue took nothing", self.failed_as)))
            }
        }
    }

    fn enqueue(&mut self, reason: String, now_ms: u64) -> Effect {
        self.failed_as.clone_from(&reason);
        let header = RetryHeader {
            v: 1,
            portal: self.record.portal.clone(),
            key: self.record.key.clone(),
            attempts: 1,
            first_failed_at_ms: now_ms,
            reason,
        };
        match (RetryMessage { header, record: self.record.data.clone() }).to_text() {
            Ok(text) => Effect::Enqueue(text),
            Err(error) => Effect::Answer(Verdict::Unsafe(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (Delivery, Effect) {
        Delivery::start(Record { portal: PortalId::parse("g1").unwrap(), key: "k".to_owned(), data: "{}\n".to_owned() })
    }

    fn failed() -> Input {
        Input::Put(Outcome::Failed { reason: "timeout".to_owned() })
    }

    #[test]
    fn a_stored_record_is_safe() {
        let (mut delivery, effect) = start();
        assert!(matches!(effect, Effect::Put(record) if record.data == "{}\n"));
        assert_eq!(delivery.next(Input::Put(Outcome::Stored), 1), Effect::Answer(Verdict::Safe));
    }

    #[test]
    fn a_failed_record_is_safe_once_the_queue_has_it() {
        let (mut delivery, _) = start();
        let Effect::Enqueue(text) = delivery.next(failed(), 7) else { panic!("not enqueued") };
        let message = RetryMessage::parse(&text).unwrap();
        assert_eq!((message.header.attempts, message.header.first_failed_at_ms), (1, 7));
        assert_eq!((message.header.reason.as_str(), message.record.as_str()), ("timeout", "{}\n"));
        assert_eq!(delivery.next(Input::Enqueued { is_safe: true }, 8), Effect::Answer(Verdict::Safe));
    }

    #[test]
    fn when_the_queue_fails_too_the_page_keeps_it() {
        let (mut delivery, _) = start();
        delivery.next(failed(), 7);
        let effect = delivery.next(Input::Enqueued { is_safe: false }, 8);
        assert_eq!(effect, Effect::Answer(Verdict::Unsafe("timeout, and the queue took nothing".to_owned())));
    }
}
