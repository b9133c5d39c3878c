//! What this isolate remembers between requests: values only, never a future of another request.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use wire::PortalId;

use super::Env;
use crate::bad::Quota;
use crate::breaker::Breaker;
use crate::config::Config;
use crate::counters::Counters;
use crate::error::Result;
use crate::recommend::Published;
use crate::salt::Salt;
use wire::day::Day;

/// A published model is believed this long, milliseconds; after that KV is asked again.
const FRESH_MS: u64 = 3_000;

/// What was read of a portal, and when.
#[derive(Clone)]
struct Shelf {
    published: Rc<Published>,
    read_at_ms: u64,
}

/// A salt, and until when it is believed.
struct Remembered {
    day: Day,
    salt: Salt,
    until_ms: u64,
}

thread_local! {
    static CONFIG: OnceCell<Result<Rc<Config>>> = const { OnceCell::new() };
    static SALT: RefCell<Option<Remembered>> = const { RefCell::new(None) };
    static SHELVES: RefCell<HashMap<PortalId, Shelf>> = RefCell::new(HashMap::new());
    static BREAKERS: RefCell<HashMap<PortalId, Breaker>> = RefCell::new(HashMap::new());
    static CLOCK_OFFSET_MS: Cell<i64> = const { Cell::new(0) };
    static COUNTERS: Cell<Counters> = Cell::new(Counters::default());
    static QUOTA: Cell<Quota> = Cell::new(Quota::default());
}

/// The configuration, parsed when the isolate's first request comes.
pub(crate) fn config(env: &Env) -> Result<Rc<Config>> {
    CONFIG.with(|config| config.get_or_init(|| Config::parse(super::environment(env)).map(Rc::new)).clone())
}

/// The salt of a day, if it is known.
pub(crate) fn salt(day: Day, now_ms: u64) -> Option<Salt> {
    let is_good = |known: &&Remembered| known.day == day && now_ms < known.until_ms;
    SALT.with_borrow(|known| known.as_ref().filter(is_good).map(|known| known.salt.clone()))
}

/// Remembers the salt of a day until then, and forgets that of the day before.
pub(crate) fn keep_salt(day: Day, salt: &Salt, until_ms: u64) {
    SALT.set(Some(Remembered { day, salt: salt.clone(), until_ms }));
}

/// What is known of a portal, and whether it is fresh. Who finds it stale is the one who asks KV;
/// until then the others go on with the old copy, so that a busy isolate asks once.
pub(crate) fn published(portal: &PortalId, now_ms: u64) -> (Option<Rc<Published>>, bool) {
    SHELVES.with_borrow_mut(|shelves| match shelves.get_mut(portal) {
        Some(shelf) if now_ms < shelf.read_at_ms.saturating_add(FRESH_MS) => (Some(Rc::clone(&shelf.published)), true),
        Some(shelf) => {
            shelf.read_at_ms = now_ms;
            (Some(Rc::clone(&shelf.published)), false)
        }
        None => (None, false),
    })
}

/// Remembers what was read of a portal.
pub(crate) fn keep_published(portal: &PortalId, published: &Rc<Published>, now_ms: u64) {
    let shelf = Shelf { published: Rc::clone(published), read_at_ms: now_ms };
    SHELVES.with_borrow_mut(|shelves| shelves.insert(portal.clone(), shelf));
}

/// Lets the next request read a portal anew, keeping the old copy in case that fails.
pub(crate) fn doubt_published(portal: &PortalId) {
    SHELVES.with_borrow_mut(|shelves| {
        if let Some(shelf) = shelves.get_mut(portal) {
            shelf.read_at_ms = 0;
        }
    });
}

/// Whether one more refused body may be kept.
pub(crate) fn take_quota(now_ms: u64) -> bool {
    QUOTA.with(|quota| {
        let mut counted = quota.get();
        let is_free = counted.take(now_ms);
        quota.set(counted);
        is_free
    })
}

/// Asks or tells the breaker of a portal's stream.
pub(crate) fn with_breaker<T>(portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T {
    BREAKERS.with_borrow_mut(|breakers| act(breakers.entry(portal.clone()).or_default()))
}

/// What is added to our clock for signing.
pub(crate) fn clock_offset_ms() -> i64 {
    CLOCK_OFFSET_MS.get()
}

/// Sets our clock for signing.
pub(crate) fn keep_clock_offset(offset_ms: i64) {
    CLOCK_OFFSET_MS.set(offset_ms);
}

/// Counts, for `/metrics`.
pub(crate) fn count(act: impl FnOnce(&mut Counters)) {
    COUNTERS.with(|cell| {
        let mut counters = cell.get();
        act(&mut counters);
        cell.set(counters);
    });
}

/// What was counted.
pub(crate) fn counters() -> Counters {
    COUNTERS.get()
}
