//! How many shards a provisioned stream should have: target tracking on what CloudWatch saw of its load.
//!
//! Up at once, on the peak of the last minutes; down slowly, only when the peak of a quarter of an hour and more would fit. All of it within
//! what [UpdateShardCount](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html) does by default:
//! at most double, at least half, ten times in any 24 hours.

pub(crate) mod args;
pub(crate) mod changes;

use std::fmt;

use clap::ValueEnum;

use self::changes::Changes;

/// Minutes that are looked at. CloudWatch has a minute's sum one to three minutes later, and some may be missing.
pub(crate) const WINDOW_MIN: u64 = 20;
/// Minutes, counted from the newest that is known, whose peak calls for more.
const UP_MIN: u64 = 5;
/// The newest known minute may be this old, or nobody knows what happens now.
const STALE_MS: u64 = 10 * MINUTE_MS;
/// Known minutes without which nothing goes down: a minute that is missing is unknown, not idle.
const DOWN_KNOWN_MIN: usize = 15;
/// Changes in 24 hours that are kept for going up: a peak must not meet a stream that can no longer grow.
const KEPT_FOR_UP: usize = 3;
/// AWS advises steps of 25 %, others take longer; smaller ones would also use up the ten changes.
const STEP_PCT: u32 = 25;
/// A minute.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// What is held against a shard's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metric {
    /// Records a second.
    Records,
    /// Bytes a second.
    Bytes,
}

impl Metric {
    /// As `AWS/Kinesis` calls it; only what was taken counts, so that a stream that refuses looks full, never more than full.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Records => "IncomingRecords",
            Self::Bytes => "IncomingBytes",
        }
    }

    /// What a shard takes in a minute: <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html>,
    /// 1,000 records and 1 MiB a second.
    const fn shard_minute(self) -> u64 {
        match self {
            Self::Records => 60 * 1_000,
            Self::Bytes => 60 * 1_048_576,
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Records => "records/s",
            Self::Bytes => "bytes/s",
        }
    }
}

/// What the operator wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) metric: Metric,
    /// How full shards should be at the peak.
    pub(crate) target_pct: u32,
    pub(crate) shards_min: u32,
    pub(crate) shards_max: u32,
    /// After any change, so long nothing goes down.
    pub(crate) cool_down_s: u64,
}

/// What came in within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) at_ms: u64,
    pub(crate) sum: u64,
}

/// A stream as it is.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) now_ms: u64,
    pub(crate) open_shards: u32,
    /// False while a change is under way.
    pub(crate) is_active: bool,
    /// Complete minutes of the last [`WINDOW_MIN`], in any order.
    pub(crate) minutes: Vec<Minute>,
    pub(crate) changes: Changes,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Keep(Reason),
    Change { to: u32 },
}

/// Why nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The stream is being changed, made or deleted.
    NotActive,
    /// CloudWatch knows nothing of the last minutes.
    NoData,
    /// As many as are needed, or not enough fewer to be worth a change.
    Fits,
    /// The load wants more than the operator allows.
    AtMax { wanted: u32 },
    /// All changes of the day are spent; the load wants so many.
    Spent { wanted: u32 },
    /// The remaining changes of the day are for going up.
    KeptForUp,
    /// Fewer would do, but too few minutes are known.
    FewMinutes { known: usize },
    /// Fewer would do, but the last change was a moment ago.
    CoolDown { left_s: u64 },
}

impl Policy {
    /// What to do about a stream.
    pub(crate) fn decide(&self, seen: &Seen) -> Decision {
        let open = seen.open_shards;
        if !seen.is_active || open == 0 {
            return Decision::Keep(Reason::NotActive);
        }
        let Some(peak) = seen.peak(UP_MIN) else { return Decision::Keep(Reason::NoData) };
        let wanted = self.shards_for(peak);
        if wanted.max(self.shards_min) > open { self.go_up(wanted, seen) } else { self.go_down(seen) }
    }

    fn go_up(&self, wanted: u32, seen: &Seen) -> Decision {
        let open = seen.open_shards;
        if open >= self.shards_max {
            return Decision::Keep(Reason::AtMax { wanted });
        }
        let wanted = wanted.max(self.shards_min);
        if seen.changes.within_a_day(seen.now_ms) >= changes::A_DAY_MAX {
            return Decision::Keep(Reason::Spent { wanted });
        }
        let step = open.saturating_add(open.saturating_mul(STEP_PCT).div_ceil(100));
        Decision::Change { to: wanted.max(step).min(open.saturating_mul(2)).min(self.shards_max) }
    }

    fn go_down(&self, seen: &Seen) -> Decision {
        let open = seen.open_shards;
        let wanted = self.shards_for(seen.peak(WINDOW_MIN).unwrap_or(u64::MAX)).clamp(self.shards_min, self.shards_max);
        // Above the operator's maximum a step may be as small as it is.
        let is_worth = open > self.shards_max || u64::from(wanted) * 100 <= u64::from(open) * u64::from(100 - STEP_PCT);
        if wanted >= open || !is_worth {
            return Decision::Keep(Reason::Fits);
        }
        if seen.minutes.len() < DOWN_KNOWN_MIN {
            return Decision::Keep(Reason::FewMinutes { known: seen.minutes.len() });
        }
        let left_s = seen.changes.last_s().map_or(0, |last_s| last_s.saturating_add(self.cool_down_s).saturating_sub(seen.now_ms / 1_000));
        if left_s > 0 {
            return Decision::Keep(Reason::CoolDown { left_s });
        }
        if seen.changes.within_a_day(seen.now_ms) + KEPT_FOR_UP >= changes::A_DAY_MAX {
            return Decision::Keep(Reason::KeptForUp);
        }
        Decision::Change { to: wanted.max(open.div_ceil(2)) }
    }

    /// How many shards take such a minute at the target; at least one.
    fn shards_for(&self, sum: u64) -> u32 {
        let full = u128::from(self.metric.shard_minute()) * u128::from(self.target_pct.max(1));
        u32::try_from((u128::from(sum) * 100).div_ceil(full)).unwrap_or(u32::MAX).max(1)
    }
}

impl Seen {
    /// The most of any minute of the last so many, counted from the newest that is known.
    fn peak(&self, last_min: u64) -> Option<u64> {
        let newest_ms = self.minutes.iter().map(|minute| minute.at_ms).max()?;
        let is_stale = newest_ms + STALE_MS < self.now_ms;
        let minutes = self.minutes.iter().filter(|minute| minute.at_ms + last_min * MINUTE_MS > newest_ms);
        if is_stale { None } else { minutes.map(|minute| minute.sum).max() }
    }

    /// The load and how full the shards are with it, for people.
    pub(crate) fn describe(&self, policy: &Policy) -> String {
        let Self { open_shards, changes, .. } = self;
        let peak = self.peak(UP_MIN).map_or_else(
            || "no load known".to_owned(),
            |sum| {
                let full = policy.metric.shard_minute() * u64::from(*open_shards).max(1);
                let unit = policy.metric.unit();
                format!("peak {} {unit}, {} % full (target {} %)", sum.div_ceil(60), sum.saturating_mul(100) / full, policy.target_pct)
            },
        );
        let spent = changes.within_a_day(self.now_ms);
        format!(
            "open shards {open_shards}, {peak}, {} minutes known, {spent} of {} changes in 24 h",
            self.minutes.len(),
            changes::A_DAY_MAX
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotActive => write!(formatter, "the stream is changing"),
            Self::NoData => write!(formatter, "CloudWatch has nothing of the last minutes"),
            Self::Fits => write!(formatter, "it fits"),
            Self::AtMax { wanted } => write!(formatter, "the load wants {wanted} but --max allows no more"),
            Self::Spent { wanted } => write!(formatter, "{wanted} are wanted but all changes of 24 h are spent"),
            Self::KeptForUp => write!(formatter, "fewer would do, but the last {KEPT_FOR_UP} changes of 24 h are for going up"),
            Self::FewMinutes { known } => write!(formatter, "fewer would do, but only {known} of {DOWN_KNOWN_MIN} minutes are known"),
            Self::CoolDown { left_s } => write!(formatter, "fewer would do, but the cool-down has {left_s} s left"),
        }
    }
}

#[cfg(test)]
mod tests;
