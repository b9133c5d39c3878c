//! The table of leases and tombstones: a file when one process does everything, DynamoDB when several share the work.

mod dynamo;
mod local;

use std::collections::BTreeMap;
use std::path::Path;

use wire::VisitorId;

use crate::error::Result;
use crate::leases::{Job, Lease, Table};

/// Until when each reader is erased, Unix milliseconds.
pub(crate) type Tombstones = BTreeMap<VisitorId, u64>;

/// What a call gives; an error is a sentence, and passes.
pub(crate) type Answer<T> = std::result::Result<T, String>;

/// The table.
#[derive(Debug)]
pub(crate) enum LeaseTable {
    /// In the data folder, which one process holds.
    Local(local::LocalTable),
    /// Shared.
    Dynamo(dynamo::DynamoTable),
}

impl LeaseTable {
    /// The table of this name in DynamoDB, made when missing; without a name that of the data folder.
    ///
    /// # Errors
    /// [`crate::error::Error::NoRegion`], [`crate::error::Error::Leases`].
    pub(crate) async fn open(name: Option<&str>, folder: &Path) -> Result<Self> {
        match name {
            Some(name) => dynamo::DynamoTable::open(name).await.map(Self::Dynamo),
            None => local::LocalTable::open(folder).map(Self::Local),
        }
    }

    /// Everything.
    pub(crate) async fn list(&self) -> Answer<(Table, Tombstones)> {
        match self {
            Self::Local(table) => Ok(table.list()),
            Self::Dynamo(table) => table.list().await,
        }
    }

    /// Adds a job that nobody holds, unless it is there.
    pub(crate) async fn add(&self, job: &Job) -> Answer<()> {
        let lease = Lease { owner: None, counter: 0, position: None };
        match self {
            Self::Local(table) => table.add(job, lease),
            Self::Dynamo(table) => table.add(job, &lease).await,
        }
    }

    /// Replaces a lease that still has this counter; says whether it had.
    pub(crate) async fn replace(&self, job: &Job, counter: u64, lease: &Lease) -> Answer<bool> {
        match self {
            Self::Local(table) => table.replace(job, counter, lease),
            Self::Dynamo(table) => table.replace(job, counter, lease).await,
        }
    }

    /// Removes a job that is no more, if its lease still has this counter.
    pub(crate) async fn remove(&self, job: &Job, counter: u64) -> Answer<()> {
        match self {
            Self::Local(table) => table.remove(job, counter),
            Self::Dynamo(table) => table.remove(job, counter).await,
        }
    }

    /// Writes a tombstone.
    pub(crate) async fn erase(&self, visitor: VisitorId, until_ms: u64) -> Answer<()> {
        match self {
            Self::Local(table) => table.erase(visitor, until_ms),
            Self::Dynamo(table) => table.erase(visitor, until_ms).await,
        }
    }
}
