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
use crate::delivery::lanes::Lanes;
use crate::error::Result;
use crate::limit::{Key, Kind, Limits};
use crate::recommend::{Found, Scratch, Shelved, Shelves};
use crate::salt::{self, Salt};
use crate::tally::Tallies;
use crate::timeline::Timeline;
use wire::day::Day;

/// A salt, and until when it is believed.
struct Remembered {
    day: Day,
    salt: Salt,
    until_ms: u64,
}

thread_local! {
    static CONFIG: OnceCell<Result<Rc<Config>>> = const { OnceCell::new() };
    static SALT: RefCell<Option<Remembered>> = const { RefCell::new(None) };
    static SHELVES: RefCell<Shelves<Shelved>> = RefCell::default();
    static READING: RefCell<HashMap<PortalId, u64>> = RefCell::default();
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    static BREAKERS: RefCell<HashMap<PortalId, Breaker>> = RefCell::new(HashMap::new());
    static LANES: RefCell<Lanes> = RefCell::new(Lanes::starting_at(super::random::u32()));
    static CLOCK_OFFSET_MS: Cell<i64> = const { Cell::new(0) };
    static COUNTERS: Cell<Counters> = Cell::new(Counters::default());
    static TALLIES: RefCell<Tallies> = RefCell::default();
    static TIMELINE: RefCell<Timeline> = RefCell::default();
    static LIMITS: RefCell<Limits> = RefCell::default();
    static SEED: String = salt::to_hex(&super::random::bytes::<{ salt::SALT_BYTES }>());
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

/// What is known of a portal.
pub(crate) fn shelf(portal: &PortalId, now_ms: u64) -> Found<Shelved> {
    SHELVES.with_borrow_mut(|shelves| shelves.find(portal, now_ms))
}

/// The same, however old.
pub(crate) fn shelved(portal: &PortalId) -> Option<Rc<Shelved>> {
    SHELVES.with_borrow(|shelves| shelves.peek(portal))
}

/// Remembers what was read of a portal.
pub(crate) fn keep_shelf(portal: &PortalId, shelved: &Rc<Shelved>, now_ms: u64, fresh_ms: u64) {
    SHELVES.with_borrow_mut(|shelves| shelves.keep(portal, Rc::clone(shelved), shelved.bytes(), now_ms, fresh_ms));
    READING.with_borrow_mut(|reading| reading.remove(portal));
}

/// Lets the next request read a portal anew, keeping the old copy in case that fails.
pub(crate) fn doubt_published(portal: &PortalId) {
    SHELVES.with_borrow_mut(|shelves| shelves.doubt(portal));
}

/// Whether nobody else reads this portal for the first time. Who was told so and never came back counts until then.
pub(crate) fn begin_reading(portal: &PortalId, until_ms: u64, now_ms: u64) -> bool {
    READING.with_borrow_mut(|reading| {
        let is_free = reading.get(portal).is_none_or(|until_ms| *until_ms <= now_ms);
        if is_free {
            reading.insert(portal.clone(), until_ms);
        }
        is_free
    })
}

/// Lends the ranker's memory, which requests take turns with.
pub(crate) fn with_scratch<T>(act: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(act)
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

/// Asks or tells what was counted of a sender.
pub(crate) fn with_limits<T>(kind: Kind, who: &str, act: impl FnOnce(&mut Limits, Key) -> T) -> T {
    let key = SEED.with(|seed| Key::new(kind, seed, who));
    LIMITS.with_borrow_mut(|limits| act(limits, key))
}

/// Asks or tells the breaker of a portal's stream.
pub(crate) fn with_breaker<T>(portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T {
    BREAKERS.with_borrow_mut(|breakers| act(breakers.entry(portal.clone()).or_default()))
}

/// Lends the flights of this isolate.
pub(crate) fn with_lanes<T>(act: impl FnOnce(&mut Lanes) -> T) -> T {
    LANES.with_borrow_mut(act)
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

/// Lends what is told of the portals.
pub(crate) fn with_tallies<T>(act: impl FnOnce(&mut Tallies) -> T) -> T {
    TALLIES.with_borrow_mut(act)
}

/// Lends what the log said.
pub(crate) fn with_timeline<T>(act: impl FnOnce(&mut Timeline) -> T) -> T {
    TIMELINE.with_borrow_mut(act)
}
