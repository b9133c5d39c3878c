//! Files: the portals, and one snapshot per portal in the data folder, written whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use wire::{PortalId, Portals};

use crate::error::{Error, Result};
use crate::leases::Job;
use crate::snapshot::Snapshot;

/// Reads and checks `portals.toml`.
///
/// # Errors
/// [`Error::PortalsUnreadable`] or [`Error::PortalsInvalid`].
pub(crate) fn read_portals(path: &Path) -> Result<Portals> {
    let text = fs::read_to_string(path).map_err(|source| Error::PortalsUnreadable { path: path.to_owned(), source })?;
    let portals: Portals = toml::from_str(&text)
        .map_err(|error| Error::PortalsInvalid { path: path.to_owned(), why: error.to_string().trim_end().to_owned() })?;
    portals.check().map_err(|why| Error::PortalsInvalid { path: path.to_owned(), why })?;
    Ok(portals)
}

/// The folder of the snapshots, held by this process alone.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Locked as long as it is open; the system lets go of it even when the process is killed.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder when it is missing, and takes it.
    ///
    /// # Errors
    /// [`Error::DataFolder`] or [`Error::DataInUse`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let unusable = |source| Error::DataFolder { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::DataInUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The portal's snapshot, or an empty one when there is none.
    ///
    /// # Errors
    /// [`Error::SnapshotUnusable`].
    pub(crate) fn load(&self, portal: &PortalId) -> Result<Snapshot> {
        let path = self.snapshot(portal);
        let unusable = |why| Error::SnapshotUnusable { path: path.clone(), why };
        match fs::read(&path) {
            Ok(bytes) => Snapshot::decode(&bytes, portal).map_err(unusable),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Snapshot::empty(portal.clone())),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// Writes the portal's snapshot: whoever reads the file sees the old one or this one.
    ///
    /// # Errors
    /// [`Error::SnapshotUnwritable`]; the old one still stands.
    pub(crate) fn save(&self, portal: &PortalId, bytes: &[u8]) -> Result<()> {
        let path = self.snapshot(portal);
        replace(&path, bytes).map_err(|source| Error::SnapshotUnwritable { path, source })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a shard's store is.
    ///
    /// # Errors
    /// [`Error::DataFolder`].
    pub(crate) fn store(&self, job: &Job) -> Result<PathBuf> {
        let folder = self.path.join("shards");
        fs::create_dir_all(&folder).map_err(|source| Error::DataFolder { path: folder.clone(), source })?;
        Ok(folder.join(format!("{}.redb", job.key())))
    }

    fn snapshot(&self, portal: &PortalId) -> PathBuf {
        self.path.join(format!("{portal}.json"))
    }
}

/// Writes a file: whoever reads it sees the old content or this.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    // Without this the rename can reach the disk before the content does.
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
