//! Where the backend touches the world: Kinesis, SQS, S3, files, HTTP, the clock and signals.

mod admin;
mod aws;
mod clock;
mod desk;
mod files;
pub(crate) mod follow;
mod http;
mod kinesis;
mod publisher;
mod reader;
pub(crate) mod redrive;
mod s3;
pub(crate) mod serve;
mod signals;
mod sqs;
