//! How the stack of a trial differs from that of an ordinary run.

use super::SideDoor;

/// How a trial differs from an ordinary run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what a trial has besides, each by itself: no states of one thing")]
pub(crate) struct Trial {
    /// The fault proxy stands before Kinesis, without a plan, and the stand-in checks signatures and rights.
    pub is_guarded: bool,
    /// Whose keys the worker gets.
    pub keys: Keys,
    /// Where the worker's records wait that Kinesis did not take.
    pub queue: Queue,
    /// Firehose copies the event streams to S3: a consumer that is not ours.
    pub has_archive: bool,
    /// The worker's store and queues can be got at from outside.
    pub side_door: Option<SideDoor>,
    /// The worker's key-value store fails when it is told to, and begins so.
    pub store_fault: Option<StoreFault>,
    /// Edge and backend tell the stand-in's CloudWatch how they are, every few seconds, and it leaves the evaluation of alarms to others.
    pub is_monitored: bool,
    /// A fault proxy stands between the backend and Kinesis too.
    pub is_backend_guarded: bool,
}

/// What the worker's key-value store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFault {
    /// It works.
    None,
    /// Every call fails.
    Down,
    /// No call is answered.
    Silent,
}

impl StoreFault {
    /// Its name in `tests/store/worker.js`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Down => "down",
            Self::Silent => "silent",
        }
    }
}

/// Whose keys the worker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The stand-in's own, whose signature it does not check.
    Root,
    /// A user's who may put records into the event streams, send to the retry queue if it is in SQS, and nothing else.
    LeastPrivilege,
    /// The same user's, with a secret that is not his.
    WrongSecret,
}

/// The worker's retry queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Those of `wrangler.toml`, in workerd's memory.
    Cloudflare,
    /// One of SQS, which `backend redrive --sqs` empties.
    Sqs,
    /// None: every send fails.
    Absent,
}

impl Trial {
    /// An ordinary run.
    pub(super) const NONE: Self = Self {
        is_guarded: false,
        keys: Keys::Root,
        queue: Queue::Cloudflare,
        has_archive: false,
        side_door: None,
        store_fault: None,
        is_monitored: false,
        is_backend_guarded: false,
    };
    /// An ordinary run with alarms.
    pub(crate) const MONITORED: Self = Self { is_monitored: true, ..Self::NONE };
    /// Everything can be made to fail, and alarms tell.
    pub(crate) const ALARMS: Self = Self {
        is_guarded: true,
        side_door: Some(SideDoor { spill_after_s: 300, max_retries: None }),
        store_fault: Some(StoreFault::None),
        is_backend_guarded: true,
        ..Self::MONITORED
    };
    /// An ordinary run whose key-value store can be made to fail.
    pub(crate) const STORE: Self = Self { store_fault: Some(StoreFault::None), ..Self::NONE };
    /// A fault run: proxy, checked rights, and the archive as second consumer.
    pub(crate) const FAULTS: Self =
        Self { is_guarded: true, keys: Keys::LeastPrivilege, queue: Queue::Cloudflare, has_archive: true, ..Self::NONE };
}
