//! Where the backend touches the world: Kinesis, files, HTTP, the clock and signals.

mod admin;
mod clock;
mod desk;
mod files;
pub(crate) mod follow;
mod http;
mod kinesis;
mod publisher;
mod reader;
pub(crate) mod serve;
mod signals;
