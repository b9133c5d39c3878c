//! One click of a log: who opened which article, when and with what.

/// An article, numbered from 0 in the order of first clicks: says nothing about the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ItemId(pub u32);

impl ItemId {
    /// A name in an answer that no click of the log has; fills its rank and never hits.
    pub(crate) const UNKNOWN: Self = Self(u32::MAX);
}

/// A session, numbered likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId(pub u32);

/// How many facts about the request a click carries.
pub(crate) const CONTEXT_LEN: usize = 6;

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Click {
    /// Unix time, milliseconds.
    pub at_ms: u64,
    pub session: SessionId,
    pub item: ItemId,
    pub visitor: u32,
    /// environment, device group, os, country, region, referrer type.
    pub context: [u16; CONTEXT_LEN],
}

/// Milliseconds of an hour.
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// A span of time as a number; up to 49 days, what is longer counts as that.
pub(crate) fn span(ms: u64) -> f64 {
    f64::from(u32::try_from(ms).unwrap_or(u32::MAX))
}

/// A count as a number; all counts here are below 4 billion.
pub(crate) fn number(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}
