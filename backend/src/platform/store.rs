//! What a shard's transform remembers, on disk: pageviews, readers, totals and the position they stand for, changed together or not
//! at all. A crash finds the last commit, and reads on from its position.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wire::{PageviewId, VisitorId};

use crate::error::{Error, Result};
use crate::leases::Position;
use crate::transform::{Erased, KEEP_MS, KEEP_VISITOR_MS, Pageview, Remembered, Totals, Transform, Visitor};

const PAGEVIEWS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("pageviews");
const VISITORS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("visitors");
/// Tombstones that this file has obeyed: after a restart they are no news, and what came after them stays.
const ERASED: TableDefinition<'_, u128, u64> = TableDefinition::new("erased");
/// One row under the key 0: where everything stands.
const STATE: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("state");
/// The store's own cache, bytes: what is hot is in the transform's memory.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Old rows are looked for so often, by the stream's time, milliseconds.
const PURGE_EVERY_MS: u64 = 3_600_000;

/// One shard's file.
#[derive(Debug)]
pub(crate) struct ShardStore {
    path: PathBuf,
    database: Database,
    purged_at_ms: u64,
}

/// What is kept of a reader: his record, and his pageviews.
pub(crate) type Held = (Option<Visitor>, Vec<(PageviewId, Pageview)>);

#[derive(Serialize, Deserialize)]
struct State {
    /// Another number is another layout.
    v: u32,
    position: Option<Position>,
    /// As JSON: fields are added over time.
    totals: String,
}

const VERSION: u32 = 1;

impl ShardStore {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let unusable = |why: String| Error::StoreUnusable { path: path.to_owned(), why };
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(|error| unusable(error.to_string()))?;
        let store = Self { path: path.to_owned(), database, purged_at_ms: 0 };
        store.make_tables().map_err(|error| unusable(error.to_string()))?;
        Ok(store)
    }

    fn make_tables(&self) -> std::result::Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        write.open_table(PAGEVIEWS)?;
        write.open_table(VISITORS)?;
        write.open_table(ERASED)?;
        write.open_table(STATE)?;
        write.commit()?;
        Ok(())
    }

    /// Position and totals of the last commit.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn state(&self) -> Result<(Option<Position>, Totals)> {
        let read = || -> std::result::Result<Option<Vec<u8>>, redb::Error> {
            let table = self.database.begin_read()?.open_table(STATE)?;
            Ok(table.get(0)?.map(|row| row.value().to_vec()))
        };
        let Some(bytes) = read().map_err(|error| self.unusable(&error))? else { return Ok((None, Totals::default())) };
        let state: State = postcard::from_bytes(&bytes).map_err(|error| self.unusable(&error))?;
        if state.v != VERSION {
            return Err(self.unusable(&format!("its version is {}, this backend reads {VERSION}", state.v)));
        }
        let totals = serde_json::from_str(&state.totals).map_err(|error| self.unusable(&error))?;
        Ok((state.position, totals))
    }

    /// Recalls what these records touch and memory does not have.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn recall(&self, transform: &mut Transform, touched: impl Iterator<Item = (PageviewId, VisitorId)>) -> Result<()> {
        let work = || -> std::result::Result<(), redb::Error> {
            let read = self.database.begin_read()?;
            let (pageviews, visitors) = (read.open_table(PAGEVIEWS)?, read.open_table(VISITORS)?);
            for (pageview, visitor) in touched {
                if !transform.pageviews.has(pageview)
                    && let Some(value) = value::<Pageview>(&pageviews, pageview.bits(), transform.latest_ms(), KEEP_MS)?
                {
                    transform.pageviews.recall(pageview, value);
                }
                if !transform.visitors.has(visitor)
                    && let Some(value) = value::<Visitor>(&visitors, visitor.bits(), transform.latest_ms(), KEEP_VISITOR_MS)?
                {
                    transform.visitors.recall(visitor, value);
                }
            }
            Ok(())
        };
        work().map_err(|error| self.unusable(&error))
    }

    /// Writes what changed, with the position it stands for.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`]; the last commit still stands.
    pub(crate) fn commit(&mut self, transform: &mut Transform, position: &Position) -> Result<()> {
        let totals = serde_json::to_string(&transform.totals).map_err(|error| self.unusable(&error))?;
        let state = State { v: VERSION, position: Some(position.clone()), totals };
        self.write(transform, &state).map_err(|error| self.unusable(&error))
    }

    fn write(&mut self, transform: &mut Transform, state: &State) -> std::result::Result<(), redb::Error> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        {
            let mut pageviews = write.open_table(PAGEVIEWS)?;
            let mut visitors = write.open_table(VISITORS)?;
            let mut failed = None;
            transform.pageviews.drain_dirty(|key, value| keep_first(&mut failed, insert(&mut pageviews, key.bits(), value)));
            transform.visitors.drain_dirty(|key, value| keep_first(&mut failed, insert(&mut visitors, key.bits(), value)));
            if let Some(error) = failed {
                return Err(error);
            }
            let now_ms = transform.latest_ms();
            if now_ms.saturating_sub(self.purged_at_ms) >= PURGE_EVERY_MS {
                self.purged_at_ms = now_ms;
                pageviews.retain(|_, bytes| last_ms(bytes).saturating_add(KEEP_MS) >= now_ms)?;
                visitors.retain(|_, bytes| last_ms(bytes).saturating_add(KEEP_VISITOR_MS) >= now_ms)?;
            }
            write.open_table(STATE)?.insert(0, encoded(state)?.as_slice())?;
        }
        write.commit()?;
        Ok(())
    }

    /// Deletes what is kept of a reader, and notes until when.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn erase(&self, visitor: VisitorId, until_ms: u64) -> Result<()> {
        let work = || -> std::result::Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            write.open_table(VISITORS)?.remove(visitor.bits())?;
            write.open_table(PAGEVIEWS)?.retain(|_, bytes| !is_of(bytes, visitor))?;
            write.open_table(ERASED)?.insert(visitor.bits(), until_ms)?;
            write.commit()?;
            Ok(())
        };
        work().map_err(|error| self.unusable(&error))
    }

    /// The tombstones that this file has obeyed.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn erased(&self) -> Result<Erased> {
        let work = || -> std::result::Result<Erased, redb::Error> {
            let mut erased = Erased::default();
            for row in self.database.begin_read()?.open_table(ERASED)?.iter()? {
                let (visitor, until_ms) = row?;
                erased.erase(VisitorId::from_bits(visitor.value()), until_ms.value());
            }
            Ok(erased)
        };
        work().map_err(|error| self.unusable(&error))
    }

    /// What is kept of a reader: his record, and his pageviews.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn held(&self, visitor: VisitorId) -> Result<Held> {
        let work = || -> std::result::Result<_, redb::Error> {
            let read = self.database.begin_read()?;
            let known = read.open_table(VISITORS)?.get(visitor.bits())?.and_then(|row| postcard::from_bytes(row.value()).ok());
            let mut pageviews = Vec::new();
            for row in read.open_table(PAGEVIEWS)?.iter()? {
                let (key, bytes) = row?;
                if is_of(bytes.value(), visitor)
                    && let Ok(pageview) = postcard::from_bytes(bytes.value())
                {
                    pageviews.push((PageviewId::from_bits(key.value()), pageview));
                }
            }
            Ok((known, pageviews))
        };
        work().map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, why: &impl std::fmt::Display) -> Error {
        Error::StoreUnusable { path: self.path.clone(), why: why.to_string() }
    }
}

type Rows<'a> = redb::ReadOnlyTable<u128, &'static [u8]>;

fn value<V: DeserializeOwned + Remembered>(
    table: &Rows<'_>,
    key: u128,
    now_ms: u64,
    keep_ms: u64,
) -> std::result::Result<Option<V>, redb::Error> {
    let Some(row) = table.get(key)? else { return Ok(None) };
    let value: V = postcard::from_bytes(row.value()).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
    Ok(Some(value).filter(|value| value.last_ms().saturating_add(keep_ms) >= now_ms))
}

fn insert<V: Serialize>(table: &mut redb::Table<'_, u128, &'static [u8]>, key: u128, value: &V) -> std::result::Result<(), redb::Error> {
    table.insert(key, encoded(value)?.as_slice())?;
    Ok(())
}

fn encoded<V: Serialize>(value: &V) -> std::result::Result<Vec<u8>, redb::Error> {
    postcard::to_stdvec(value).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

fn keep_first<E>(first: &mut Option<E>, outcome: std::result::Result<(), E>) {
    if let Err(error) = outcome {
        first.get_or_insert(error);
    }
}

/// Both values begin with it.
fn last_ms(bytes: &[u8]) -> u64 {
    postcard::take_from_bytes(bytes).map_or(0, |(last_ms, _)| last_ms)
}

/// A pageview's second field.
fn is_of(bytes: &[u8], visitor: VisitorId) -> bool {
    postcard::take_from_bytes::<(u64, u128)>(bytes).is_ok_and(|((_, owner), _)| owner == visitor.bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tombstones_that_were_obeyed_are_known_after_a_restart() {
        let path = std::env::temp_dir().join(format!("pulso-store-{}.redb", std::process::id()));
        let visitor = VisitorId::from_bits(7);
        ShardStore::open(&path).unwrap().erase(visitor, 100).unwrap();
        let mut erased = ShardStore::open(&path).unwrap().erased().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(erased.covers(visitor, 100) && !erased.covers(visitor, 101));
        assert!(!erased.erase(visitor, 100), "no news: what came afterwards stays");
    }
}
