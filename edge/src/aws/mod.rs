//! Calls to AWS as values: built, signed and read without a network or a clock.

pub mod cloudwatch;
pub mod kinesis;
pub mod logs;
pub mod sign;
pub mod sqs;
