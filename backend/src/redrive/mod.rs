//! `backend redrive`: what did not reach its stream is put there again.
//!
//! `parcel` says what a retry message carries, `queue` how the messages of SQS are treated, `letter` what the kept objects are,
//! `listing` what a bucket says that it has. `platform/redrive/` does it.

pub(crate) mod args;
pub(crate) mod letter;
pub(crate) mod listing;
pub(crate) mod parcel;
pub(crate) mod queue;
