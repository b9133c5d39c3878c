//! What a shard's transform remembers, on disk: pageviews, readers, totals and the position they stand for, changed together or not
//! at all. A crash finds the last commit, and reads on from its position.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wire::{PageviewId, VisitorId};

use crate::error::{Error, Result};
use crate::leases::Position;
use crate::transform::{KEEP_MS, KEEP_VISITOR_MS, Pageview, Remembered, Totals, Transform, Visitor};

const PAGEVIEWS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("pageviews");
const VISITORS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("visitors");
/// One row under the key 0: where everything stands.
const STATE: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("state");
/// The store's own cache, bytes: what is hot is in the transform's memory.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Rows that each commit looks at, whether they are old: a sweep never holds up a shard, and a day's rows are seen within the hour.
const SWEEP_ROWS: usize = 10_000;

/// One shard's file.
#[derive(Debug)]
pub(crate) struct ShardStore {
    path: PathBuf,
    database: Database,
    /// Where the sweeps go on.
    swept: [u128; 2],
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
    /// Tombstones up to this time were obeyed, Unix milliseconds.
    obeyed_ms: u64,
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
        let store = Self { path: path.to_owned(), database, swept: [0; 2] };
        store.make_tables().map_err(|error| unusable(error.to_string()))?;
        Ok(store)
    }

    fn make_tables(&self) -> std::result::Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        write.open_table(PAGEVIEWS)?;
        write.open_table(VISITORS)?;
        write.open_table(STATE)?;
        write.commit()?;
        Ok(())
    }

    /// Position and totals of the last commit, and until when tombstones were obeyed by then.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn state(&self) -> Result<(Option<Position>, Totals, u64)> {
        let read = || -> std::result::Result<Option<Vec<u8>>, redb::Error> {
            let table = self.database.begin_read()?.open_table(STATE)?;
            Ok(table.get(0)?.map(|row| row.value().to_vec()))
        };
        let Some(bytes) = read().map_err(|error| self.unusable(&error))? else { return Ok((None, Totals::default(), 0)) };
        let state: State = postcard::from_bytes(&bytes).map_err(|error| self.unusable(&error))?;
        if state.v != VERSION {
            return Err(self.unusable(&format!("its version is {}, this backend reads {VERSION}", state.v)));
        }
        let totals = serde_json::from_str(&state.totals).map_err(|error| self.unusable(&error))?;
        Ok((state.position, totals, state.obeyed_ms))
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
    pub(crate) fn commit(&mut self, transform: &mut Transform, position: &Position, obeyed_ms: u64) -> Result<()> {
        let totals = serde_json::to_string(&transform.totals).map_err(|error| self.unusable(&error))?;
        let state = State { v: VERSION, position: Some(position.clone()), totals, obeyed_ms };
        self.write(transform, &state).map_err(|error| self.unusable(&error))
    }

    fn write(&mut self, transform: &mut Transform, state: &State) -> std::result::Result<(), redb::Error> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        // After a crash the file is good at once: a long repair would cost the lease.
        write.set_quick_repair(true);
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
            let [pageviews_swept, visitors_swept] = &mut self.swept;
            sweep(&mut pageviews, pageviews_swept, now_ms.saturating_sub(KEEP_MS))?;
            sweep(&mut visitors, visitors_swept, now_ms.saturating_sub(KEEP_VISITOR_MS))?;
            write.open_table(STATE)?.insert(0, encoded(state)?.as_slice())?;
        }
        write.commit()?;
        Ok(())
    }

    /// Deletes what is kept of readers, in one look through everything.
    ///
    /// # Errors
    /// [`Error::StoreUnusable`].
    pub(crate) fn erase(&self, visitors: &BTreeSet<VisitorId>) -> Result<()> {
        let work = || -> std::result::Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            {
                let mut known = write.open_table(VISITORS)?;
                for visitor in visitors {
                    known.remove(visitor.bits())?;
                }
                write.open_table(PAGEVIEWS)?.retain(|_, bytes| owner(bytes).is_none_or(|owner| !visitors.contains(&owner)))?;
            }
            write.commit()?;
            Ok(())
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
                if owner(bytes.value()) == Some(visitor)
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

/// Looks at the next rows, and removes those that were not touched since `before_ms`.
fn sweep(table: &mut redb::Table<'_, u128, &'static [u8]>, swept: &mut u128, before_ms: u64) -> std::result::Result<(), redb::Error> {
    let (mut old, mut next) = (Vec::new(), 0);
    for (count, row) in table.range(*swept..)?.enumerate() {
        let (key, bytes) = row?;
        if count == SWEEP_ROWS {
            next = key.value();
            break;
        }
        if last_ms(bytes.value()) < before_ms {
            old.push(key.value());
        }
    }
    for key in old {
        table.remove(key)?;
    }
    *swept = next;
    Ok(())
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
fn owner(bytes: &[u8]) -> Option<VisitorId> {
    postcard::take_from_bytes::<(u64, u128)>(bytes).ok().map(|((_, owner), _)| VisitorId::from_bits(owner))
}

#[cfg(test)]
mod tests {
    use wire::{EnvelopeView, Portals};

    use super::*;

    const GOLDEN: &str = include_str!("../../../wire/tests/golden/envelope.json");
    const ARRIVED: u64 = 1_795_337_005_400;

    fn transform() -> Transform {
        let portals: Portals = toml::from_str(include_str!("../../../portals.toml")).unwrap();
        Transform::new(portals.get("g1").unwrap().clone(), false)
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("pulso-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn position(number: &str) -> Position {
        Position { sequence_number: number.to_owned(), arrived_at_ms: ARRIVED, is_drained: false }
    }

    fn apply(store: &ShardStore, transform: &mut Transform, arrived_at_ms: u64) -> usize {
        let view = EnvelopeView::parse(GOLDEN.as_bytes()).unwrap();
        store.recall(transform, std::iter::once((view.batch.pageview, view.edge.visitor))).unwrap();
        let mut out = Vec::new();
        transform.apply(&view, arrived_at_ms, &mut out);
        out.len()
    }

    #[test]
    fn what_was_committed_is_there_after_a_crash_and_what_was_not_is_made_again() {
        let folder = folder("crash");
        let path = folder.join("s.redb");
        let (mut store, mut before) = (ShardStore::open(&path).unwrap(), transform());
        assert_eq!(store.state().unwrap(), (None, Totals::default(), 0));
        let made = apply(&store, &mut before, ARRIVED);
        assert!(made > 0);
        // Not committed.
        drop(store);
        store = ShardStore::open(&path).unwrap();
        let mut again = transform();
        assert_eq!(apply(&store, &mut again, ARRIVED), made);
        store.commit(&mut again, &position("7"), 9).unwrap();
        drop(store);
        store = ShardStore::open(&path).unwrap();
        assert_eq!(store.state().unwrap(), (Some(position("7")), again.totals.clone(), 9));
        assert_eq!(apply(&store, &mut transform(), ARRIVED), 0, "a copy after the commit makes nothing");
        let _ = std::fs::remove_dir_all(folder);
    }

    #[test]
    fn what_is_old_is_swept_and_who_is_erased_is_gone() {
        let folder = folder("sweep");
        let (mut store, mut transform) = (ShardStore::open(&folder.join("s.redb")).unwrap(), transform());
        apply(&store, &mut transform, ARRIVED);
        store.commit(&mut transform, &position("1"), 0).unwrap();
        let visitor = EnvelopeView::parse(GOLDEN.as_bytes()).unwrap().edge.visitor;
        let held = |store: &ShardStore| store.held(visitor).map(|(known, pageviews)| (known.is_some(), pageviews.len())).unwrap();
        assert_eq!(held(&store), (true, 1));
        store.erase(&BTreeSet::from([visitor])).unwrap();
        assert_eq!(held(&store), (false, 0));
        transform.forget(visitor);
        apply(&store, &mut transform, ARRIVED);
        store.commit(&mut transform, &position("2"), 0).unwrap();
        assert_eq!(held(&store), (true, 1));
        transform.pageviews.touched(PageviewId::from_bits(5), ARRIVED, || Pageview::new(1, 2, 0));
        transform.pass_time(ARRIVED + KEEP_MS + 1);
        store.commit(&mut transform, &position("3"), 0).unwrap();
        assert_eq!(held(&store), (false, 0));
        let _ = std::fs::remove_dir_all(folder);
    }
}
