//! Where the backend touches the world: Kinesis, SQS, S3, files, HTTP, the clock and signals.

mod admin;
mod admin_secret;
mod aws;
mod board;
mod clock;
mod crew;
mod dead_letters;
mod desk;
pub(crate) mod evaluate;
mod files;
pub(crate) mod follow;
mod http;
pub(crate) mod import;
mod interactions;
mod kinesis;
mod leases;
mod process;
mod publisher;
mod reader;
pub(crate) mod redrive;
mod s3;
pub(crate) mod scale;
pub(crate) mod serve;
mod shard;
mod signals;
mod sqs;
mod store;
pub(crate) mod subject;
mod telemetry;
pub(crate) mod transform;
mod work;

/// A line for whoever called the command.
pub(crate) fn print_line(text: &str) {
    use std::io::Write as _;
    // A closed pipe is how `| head` says that it has enough.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
