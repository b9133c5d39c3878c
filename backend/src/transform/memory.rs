//! What a shard's transform remembers, of pageviews for a day, of readers as long as late events may come. In memory is what was
//! touched last; what is older lies in the store and is recalled when it is touched. Whatever changed is written at a commit.

use std::collections::VecDeque;
use std::hash::Hash;

use hashbrown::HashMap;

/// How long a pageview is remembered after its last event. Retry queues give up sooner.
pub(crate) const KEEP_MS: u64 = 86_400_000;

/// Whether a record came so late that a copy of it may have been counted and forgotten. What was set aside in an outage can be
/// days old: it is in the archive, and counts for nothing here.
pub(crate) const fn is_beyond_memory(received_at_ms: u64, arrived_at_ms: u64) -> bool {
    arrived_at_ms.saturating_sub(received_at_ms) > KEEP_MS
}

/// What is remembered under a key.
pub(crate) trait Remembered: Clone {
    /// Latest touch, by the stream's time, Unix milliseconds.
    fn last_ms(&self) -> u64;
    /// Sets it.
    fn touch(&mut self, at_ms: u64);
}

/// Values by key, with what a write-back cache knows of them.
#[derive(Debug, Clone)]
pub(crate) struct Memory<K, V> {
    map: HashMap<K, Slot<V>>,
    /// Each key of the map once, with its time when it was put here: who is dropped next stands at the front.
    order: VecDeque<(K, u64)>,
    dirty: Vec<K>,
}

#[derive(Debug, Clone)]
struct Slot<V> {
    value: V,
    is_dirty: bool,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new(), dirty: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Remembered> Memory<K, V> {
    /// Whether it is in memory: otherwise the store may have it.
    pub(crate) fn has(&self, key: K) -> bool {
        self.map.contains_key(&key)
    }

    /// The value of a key, made when there is none, touched and to be written at the next commit.
    pub(crate) fn touched(&mut self, key: K, at_ms: u64, make: impl FnOnce() -> V) -> &mut V {
        let order = &mut self.order;
        let slot = self.map.entry(key).or_insert_with(|| {
            order.push_back((key, at_ms));
            Slot { value: make(), is_dirty: false }
        });
        if !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(key);
        }
        slot.value.touch(at_ms);
        &mut slot.value
    }

    /// The value, if it is in memory, without touching it.
    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.map.get(&key).map(|slot| &slot.value)
    }

    /// The same, to be changed, and written at the next commit.
    pub(crate) fn changed(&mut self, key: K) -> Option<&mut V> {
        let slot = self.map.get_mut(&key)?;
        if !slot.is_dirty {
            slot.is_dirty = true;
            self.dirty.push(key);
        }
        Some(&mut slot.value)
    }

    /// Takes what the store has of a key that is not in memory.
    pub(crate) fn recall(&mut self, key: K, value: V) {
        self.order.push_back((key, value.last_ms()));
        self.map.insert(key, Slot { value, is_dirty: false });
    }

    /// Everything that changed since the last time.
    pub(crate) fn drain_dirty(&mut self, mut write: impl FnMut(K, &V)) {
        for key in self.dirty.drain(..) {
            if let Some(slot) = self.map.get_mut(&key) {
                slot.is_dirty = false;
                write(key, &slot.value);
            }
        }
    }

    /// Drops from memory what was not touched since `before_ms`, and, of what is left, the longest untouched beyond `count_max`.
    /// Only what is written may go: call it after [`Self::drain_dirty`].
    pub(crate) fn trim(&mut self, before_ms: u64, count_max: usize) {
        while let Some(&(key, queued_ms)) = self.order.front() {
            if self.map.len() <= count_max && queued_ms >= before_ms {
                return;
            }
            self.order.pop_front();
            match self.map.get(&key) {
                // A second chance for what was touched meanwhile.
                Some(slot) if slot.is_dirty || slot.value.last_ms() > queued_ms => {
                    self.order.push_back((key, slot.value.last_ms().max(queued_ms + 1)));
                }
                Some(_) => {
                    self.map.remove(&key);
                }
                None => {}
            }
        }
    }

    /// How many are in memory.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Forgets what `is_gone`; the store has to forget it too.
    pub(crate) fn erase(&mut self, is_gone: impl Fn(&K, &V) -> bool) {
        self.map.retain(|key, slot| !is_gone(key, &slot.value));
    }
}
