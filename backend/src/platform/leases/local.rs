//! The table as a file in the data folder. The folder is locked: nobody else is there to take anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use wire::VisitorId;

use super::{Answer, Tombstones};
use crate::error::{Error, Result};
use crate::leases::{Job, Lease, Table};
use crate::platform::files;

/// The table of one data folder.
#[derive(Debug)]
pub(crate) struct LocalTable {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Content {
    leases: BTreeMap<String, Lease>,
    erased: Tombstones,
}

impl LocalTable {
    /// Reads the file. Whoever held something is gone: the folder's lock is ours.
    ///
    /// # Errors
    /// [`Error::Leases`].
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("leases.json");
        let unusable = |why: String| Error::Leases { why: format!("{}: {why}", path.display()) };
        let mut content = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Content>(&bytes).map_err(|error| unusable(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(unusable(error.to_string())),
        };
        for lease in content.leases.values_mut() {
            lease.owner = None;
        }
        Ok(Self { content: Mutex::new(content), path })
    }

    pub(super) fn list(&self) -> (Table, Tombstones) {
        let content = self.content();
        let leases = content.leases.iter().filter_map(|(key, lease)| Some((Job::parse(key)?, lease.clone()))).collect();
        (leases, content.erased.clone())
    }

    pub(super) fn add(&self, job: &Job, lease: Lease) -> Answer<()> {
        let mut content = self.content();
        content.leases.entry(job.key()).or_insert(lease);
        self.write(&content)
    }

    pub(super) fn replace(&self, job: &Job, counter: u64, lease: &Lease) -> Answer<bool> {
        let mut content = self.content();
        if content.leases.get(&job.key()).is_none_or(|known| known.counter != counter) {
            return Ok(false);
        }
        let mut next = content.clone();
        next.leases.insert(job.key(), lease.clone());
        // Memory follows the file: a full disk must not leave a lease in our name that we do not know of.
        self.write(&next)?;
        *content = next;
        Ok(true)
    }

    pub(super) fn remove(&self, job: &Job, counter: u64) -> Answer<()> {
        let mut content = self.content();
        if content.leases.get(&job.key()).is_some_and(|known| known.counter == counter) {
            content.leases.remove(&job.key());
        }
        self.write(&content)
    }

    pub(super) fn erase(&self, visitor: VisitorId, until_ms: u64) -> Answer<()> {
        let mut content = self.content();
        content.erased.insert(visitor, until_ms);
        self.write(&content)
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, content: &Content) -> Answer<()> {
        let bytes = serde_json::to_vec(content).map_err(|error| error.to_string())?;
        files::replace(&self.path, &bytes).map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}
