//! Bugs planted on purpose, one at a time: an oracle that has not been seen failing proves nothing.

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    EnqueueSkipped,
    RecordOfABatchDropped,
    FailedIndexOffByOne,
    AckBeforePut,
    KeptIsAcked,
    WrongCountIsSuccess,
    TimeoutIsSuccess,
    SpillNotWritten,
    SpillDeletedThoughSomeAreLeft,
    DeadLetterQueueDrops,
    Answer202Instead503,
    OutboxForgetsOn5xx,
    WholeBatchSentAgain,
    DedupSeesNothing,
}

impl Mutant {
    pub(crate) const ALL: [Self; 14] = [
        Self::EnqueueSkipped,
        Self::RecordOfABatchDropped,
        Self::FailedIndexOffByOne,
        Self::AckBeforePut,
        Self::KeptIsAcked,
        Self::WrongCountIsSuccess,
        Self::TimeoutIsSuccess,
        Self::SpillNotWritten,
        Self::SpillDeletedThoughSomeAreLeft,
        Self::DeadLetterQueueDrops,
        Self::Answer202Instead503,
        Self::OutboxForgetsOn5xx,
        Self::WholeBatchSentAgain,
        Self::DedupSeesNothing,
    ];

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::EnqueueSkipped => "nothing is enqueued, but reported safe",
            Self::RecordOfABatchDropped => "the consumer forgets the last record of a batch",
            Self::FailedIndexOffByOne => "the failed record's neighbour is sent again",
            Self::AckBeforePut => "messages are acknowledged before the put",
            Self::KeptIsAcked => "what is kept is acknowledged",
            Self::WrongCountIsSuccess => "an answer with a wrong count is a success",
            Self::TimeoutIsSuccess => "no answer is a success",
            Self::SpillNotWritten => "nothing is set aside, but reported safe",
            Self::SpillDeletedThoughSomeAreLeft => "a drained object is deleted though some records are left",
            Self::DeadLetterQueueDrops => "the dead-letter queue's consumer drops",
            Self::Answer202Instead503 => "503 is answered as 202",
            Self::OutboxForgetsOn5xx => "the outbox forgets on 5xx",
            Self::WholeBatchSentAgain => "stored records of a batch are sent again",
            Self::DedupSeesNothing => "the backend does not de-duplicate",
        }
    }
}
