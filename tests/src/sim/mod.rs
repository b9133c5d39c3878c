//! The simulator: readers, worker, queues, store, streams and backend in virtual time, one thread, one seed.
//!
//! What decides in production decides here: `Outbox`, `collect`, all of `edge::delivery`, `Breaker`, `retry`, `clock_skew`, the
//! signer, `kinesis::outcomes` and `Dedup` are the very files that ship. Only what touches the world is played: `isolate`.

mod backend;
mod cases;
#[cfg(test)]
mod findings;
mod flight;
mod isolate;
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
mod store;
mod world;

pub(crate) use mutant::Mutant;
pub(crate) use proof::{mutants, replay, rows, seeds};
