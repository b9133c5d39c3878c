//! The rules of others, as their published sources have them, with what their servers make of the pings.

use crate::play::{Clock, Heard, Rule};

/// Snowplow's page pings: `enableActivityTracking({ minimumVisitLength: 10, heartbeatDelay: 10 })` of browser-tracker 4.6.
/// Every 10 s a ping, if there was a sign within the last 10 s; neither visibility nor focus matters.
/// Their models count 10 s for each ping.
#[derive(Debug, Default)]
pub(crate) struct Snowplow {
    last_sign_ms: u64,
    timer_ms: Option<u64>,
    pings: u64,
}

impl Snowplow {
    const HEARTBEAT_MS: u64 = 10_000;
}

impl Rule for Snowplow {
    fn hear(&mut self, heard: Heard, now: Clock) {
        match heard {
            Heard::Loaded { .. } => {
                self.last_sign_ms = now.unix_ms;
                self.timer_ms = Some(now.monotonic_ms + Self::HEARTBEAT_MS);
            }
            Heard::Sign { .. } => self.last_sign_ms = now.unix_ms,
            Heard::Timer => {
                self.pings += u64::from(self.last_sign_ms + Self::HEARTBEAT_MS > now.unix_ms);
                // `setInterval` does not drift.
                self.timer_ms = self.timer_ms.map(|set_ms| next_beat_ms(set_ms, Self::HEARTBEAT_MS, now));
            }
            Heard::Attention { .. } | Heard::Left => {}
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        self.timer_ms
    }

    fn reported_ms(&self) -> u64 {
        self.pings * Self::HEARTBEAT_MS
    }
}

/// Plausible's engagement event of tracker 0.4.6: visible and focused time, with no idea of idleness, by the wall clock.
/// It is sent when the page is hidden or blurred, if it has come to 3 s or the page was scrolled deeper since; else it waits
/// for the next time. Its server adds the events up.
#[derive(Debug, Default)]
pub(crate) struct Plausible {
    since_ms: Option<u64>,
    waiting_ms: u64,
    is_deeper: bool,
    reported_ms: u64,
}

impl Plausible {
    const LEAST_MS: u64 = 3_000;
}

impl Rule for Plausible {
    fn hear(&mut self, heard: Heard, now: Clock) {
        match heard {
            // A page that is opened behind others waits with its pageview until it is seen.
            Heard::Loaded { is_shown: false } | Heard::Timer => {}
            Heard::Loaded { is_shown: true } => {
                self.since_ms = Some(now.unix_ms);
                self.is_deeper = true;
            }
            Heard::Sign { is_deeper } => self.is_deeper |= is_deeper,
            Heard::Attention { is_shown: true, is_focused: true } => self.since_ms = self.since_ms.or(Some(now.unix_ms)),
            Heard::Attention { .. } | Heard::Left => {
                self.waiting_ms += self.since_ms.take().map_or(0, |since_ms| now.unix_ms - since_ms);
                if self.is_deeper || self.waiting_ms >= Self::LEAST_MS {
                    self.reported_ms += std::mem::take(&mut self.waiting_ms);
                    self.is_deeper = false;
                }
            }
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        None
    }

    fn reported_ms(&self) -> u64 {
        self.reported_ms
    }
}

/// Matomo's heartbeat of 15 s, as since version 4: a ping when the page is blurred, hidden or left, if it was focused for 15 s
/// and nothing was sent for 15 s. Its server takes the time from the pageview to the last ping.
#[derive(Debug, Default)]
pub(crate) struct Matomo {
    loaded_ms: u64,
    /// Unix milliseconds of the last focus, once there was one.
    focused: Option<u64>,
    sent_ms: u64,
}

impl Matomo {
    const HEARTBEAT_MS: u64 = 15_000;
}

impl Rule for Matomo {
    fn hear(&mut self, heard: Heard, now: Clock) {
        match heard {
            Heard::Loaded { .. } => (self.loaded_ms, self.sent_ms) = (now.unix_ms, now.unix_ms),
            Heard::Sign { .. } | Heard::Timer => {}
            Heard::Attention { is_shown: true, is_focused: true } => self.focused = Some(now.unix_ms),
            Heard::Attention { .. } | Heard::Left => {
                let was_viewed = self.focused.is_none_or(|focused_ms| now.unix_ms - focused_ms > Self::HEARTBEAT_MS);
                if was_viewed && self.sent_ms + Self::HEARTBEAT_MS <= now.unix_ms {
                    self.sent_ms = now.unix_ms;
                }
            }
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        None
    }

    fn reported_ms(&self) -> u64 {
        self.sent_ms - self.loaded_ms
    }
}

/// The 5 s rule itself, asked once a second; what it came to is sent when the page is hidden or left.
#[derive(Debug, Default)]
pub(crate) struct Poll {
    last_sign_ms: u64,
    is_attentive: bool,
    timer_ms: Option<u64>,
    seconds: u64,
    reported_ms: u64,
}

impl Poll {
    const STEP_MS: u64 = 1_000;
    const WINDOW_MS: u64 = 5_000;
}

impl Rule for Poll {
    fn hear(&mut self, heard: Heard, now: Clock) {
        match heard {
            Heard::Loaded { is_shown } => {
                self.last_sign_ms = now.monotonic_ms;
                self.is_attentive = is_shown;
                self.timer_ms = Some(now.monotonic_ms + Self::STEP_MS);
            }
            Heard::Sign { .. } => self.last_sign_ms = now.monotonic_ms,
            Heard::Timer => {
                let is_engaged = self.is_attentive && now.monotonic_ms <= self.last_sign_ms + Self::WINDOW_MS;
                self.seconds += u64::from(is_engaged);
                self.timer_ms = self.timer_ms.map(|set_ms| next_beat_ms(set_ms, Self::STEP_MS, now));
            }
            Heard::Attention { is_shown, is_focused } => {
                if is_shown && is_focused && !self.is_attentive {
                    self.last_sign_ms = now.monotonic_ms;
                }
                self.is_attentive = is_shown && is_focused;
                self.reported_ms = self.seconds * Self::STEP_MS;
            }
            Heard::Left => self.reported_ms = self.seconds * Self::STEP_MS,
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        self.timer_ms
    }

    fn reported_ms(&self) -> u64 {
        self.reported_ms
    }
}

/// `setInterval` keeps its beat when it is late, and leaves out beats that it missed.
fn next_beat_ms(set_ms: u64, step_ms: u64, now: Clock) -> u64 {
    let missed = now.monotonic_ms.saturating_sub(set_ms) / step_ms;
    set_ms + (missed + 1) * step_ms
}
