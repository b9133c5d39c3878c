//! The time.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Unix milliseconds; 0 when the clock stands before 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Time that only goes forward, since somebody first asked for it.
pub(crate) fn uptime() -> Duration {
    FIRST_ASKED.elapsed()
}
