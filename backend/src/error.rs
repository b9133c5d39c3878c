//! Why the backend cannot start or go on; troubles that pass (a stream away, an edge away) are not errors.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A situation that ends the process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the portals file {path}: {source}", path = path.display())]
    PortalsUnreadable { path: PathBuf, source: io::Error },
    #[error("the portals file {path} is wrong: {why}", path = path.display())]
    PortalsInvalid { path: PathBuf, why: String },
    #[error("the portals file has no portal {portal:?}")]
    UnknownPortal { portal: String },
    #[error("no AWS region is set: set AWS_REGION, for example to sa-east-1")]
    NoRegion,
    #[error("cannot use the data folder {path}: {source}", path = path.display())]
    DataFolder { path: PathBuf, source: io::Error },
    #[error("another backend already uses the data folder {path}: stop it, or give this one another --data", path = path.display())]
    DataInUse { path: PathBuf },
    #[error(
        "the snapshot {path} cannot be used: {why}. Move it away (mv {path} {path}.broken) to begin again at the oldest record \
         that the stream still has",
        path = path.display()
    )]
    SnapshotUnusable { path: PathBuf, why: String },
    #[error("cannot write the snapshot {path}: {source}", path = path.display())]
    SnapshotUnwritable { path: PathBuf, source: io::Error },
    #[error(
        "the store {path} cannot be used: {why}. Move it away (mv {path} {path}.broken): the shard is then read again from half an hour \
         before its checkpoint",
        path = path.display()
    )]
    StoreUnusable { path: PathBuf, why: String },
    #[error("cannot use {path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{url} does not say: {why}")]
    Backend { url: String, why: String },
    #[error("cannot use the table of leases: {why}")]
    Leases { why: String },
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot make an HTTP client: {what}")]
    HttpClient { what: String },
    #[error("{name} is not set")]
    MissingOption { name: &'static str },
    #[error("{endpoint} and {bucket:?} make no address of a bucket")]
    BadBucket { endpoint: String, bucket: String },
    #[error("nothing is imported: {why}")]
    Import { why: String },
    #[error("cannot use the bucket: {why}")]
    Bucket { why: String },
    #[error("cannot use the queue: {why}")]
    Queue { why: String },
    #[error("--min {min} is more than --max {max}")]
    BadRange { min: u32, max: u32 },
    #[error("the stream {stream} is on demand: AWS scales it by itself, there is nothing to do")]
    OnDemand { stream: String },
    #[error("cannot scale {stream}: {why}")]
    Scale { stream: String, why: String },
    #[error("{count} {what} were left behind")]
    LeftBehind { count: u64, what: &'static str },
    #[error("cannot use standard input or output: {source}")]
    Pipe { source: io::Error },
    #[error("cannot evaluate: {why}")]
    Evaluate { why: String },
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
}

/// The innermost cause: what happened, where the outer ones only say to whom.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The crate's result.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// 2 when the operator has to change a file or a flag, 1 otherwise.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::PortalsUnreadable { .. }
            | Self::PortalsInvalid { .. }
            | Self::UnknownPortal { .. }
            | Self::MissingOption { .. }
            | Self::BadBucket { .. }
            | Self::BadRange { .. }
            | Self::OnDemand { .. }
            | Self::NoRegion => 2,
            Self::DataFolder { .. }
            | Self::DataInUse { .. }
            | Self::SnapshotUnusable { .. }
            | Self::SnapshotUnwritable { .. }
            | Self::StoreUnusable { .. }
            | Self::Leases { .. }
            | Self::File { .. }
            | Self::Backend { .. }
            | Self::Listen { .. }
            | Self::HttpClient { .. }
            | Self::Bucket { .. }
            | Self::Import { .. }
            | Self::Queue { .. }
            | Self::Scale { .. }
            | Self::LeftBehind { .. }
            | Self::Pipe { .. }
            | Self::Evaluate { .. }
            | Self::Runtime { .. } => 1,
        }
    }
}
