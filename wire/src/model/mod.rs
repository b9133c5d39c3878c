//! The model blob: what a portal's backend publishes for the edge, how it is written, and how it is read: in place, by looking
//! numbers up. What the numbers mean is part of the message; so the arithmetic that turns them into a ranking stands here too,
//! and learner and edge share it.

mod features;
mod knowledge;
mod layout;
mod parts;
mod quantum;
mod rank;
mod ranker;
mod read;
mod wide;

pub use features::{
    Asked, CANDIDATES_MAX, Candidate, FLOOR, ITEM_FEATURES, NEIGHBOURS_READ, READ_WEIGHTS, REQUEST_FEATURES, Row, Scratch, ln,
};
pub use knowledge::{CONTEXTS, ContextKind, EMBEDDING, FACTS, Fact, Knowledge, Neighbour, READ_MAX, WORDS, Words};
pub use layout::{MODEL_BYTES_MAX, MODEL_ITEMS_MAX};
pub use parts::{Parts, PartsItem};
pub use rank::{Context, FRESH_MS, Ranked, Ranker, Request, hour_of, words_of};
pub use ranker::{HIDDEN, INPUTS, Weights, sum};
pub use read::{List, Model};
pub use wide::{Work, vectorised};

#[cfg(test)]
mod tests;
