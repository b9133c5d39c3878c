//! The simulator: readers, worker, queues, store, streams and backend in virtual time, one thread, one seed.
//!
//! What decides in production decides here: `Outbox`, `collect`, `Delivery`, `Breaker`, `retry`, `clock_skew`, the signer,
//! `kinesis::outcomes` and `Dedup` are the very files that ship. Only what touches the world is played: `shell` and `consumer`
//! follow `edge/src/handle/` step by step.

mod backend;
mod cases;
mod consumer;
#[cfg(test)]
mod findings;
mod judge;
mod kernel;
mod kinesis;
mod ledger;
mod mutant;
mod page;
mod plan;
mod proof;
mod queues;
mod rng;
mod run;
mod scripts;
mod shell;
mod store;
mod world;

pub(crate) use mutant::Mutant;
pub(crate) use proof::{mutants, replay, rows, seeds};
