//! The tracker's own core, driven as `pulso.js` drives it: a sign is only noted while a timer is set, and told with the next
//! deadline or signal. The one file that knows the core's interface.

use tracker::{Flush, Orders, Signal};

use crate::play::{Clock, Heard, Rule};

/// The core and what a shell keeps beside it.
pub(crate) struct Ours {
    visit: tracker::Visit,
    idle_window_ms: u32,
    is_attentive: (bool, bool),
    /// The last sign that the core was not told.
    active_at_ms: Option<u32>,
    timer_ms: Option<u64>,
    /// Of the events that wait for the next post.
    written_ms: u64,
    reported_ms: u64,
    /// Events that wait for the next post.
    waiting: u32,
    /// Events of each post so far.
    posts: Vec<u32>,
}

impl Ours {
    pub(crate) const fn new(idle_window_ms: u32) -> Self {
        let is_attentive = (true, true);
        Self {
            visit: tracker::Visit::new(),
            idle_window_ms,
            is_attentive,
            active_at_ms: None,
            timer_ms: None,
            written_ms: 0,
            reported_ms: 0,
            waiting: 0,
            posts: Vec::new(),
        }
    }

    /// Events of each post of the visit.
    pub(crate) fn posts(&self) -> &[u32] {
        &self.posts
    }

    fn attend(&mut self, now: Clock) {
        if let Some(active_at_ms) = self.active_at_ms.take() {
            let orders = self.visit.handle(Signal::Activity, active_at_ms);
            self.obey(orders);
        }
        let (is_visible, has_focus) = self.is_attentive;
        self.tell(Signal::Attention { is_visible, has_focus }, now);
    }

    fn tell(&mut self, signal: Signal, now: Clock) {
        let orders = self.visit.handle(signal, whole(now));
        self.obey(orders);
        // One millisecond more: the clock is cut to whole ones.
        let wake_in_ms = self.visit.wake_in_ms(whole(now), None);
        self.timer_ms = wake_in_ms.map(|wake_in_ms| now.monotonic_ms + u64::from(wake_in_ms) + 1);
    }

    /// The collector takes every body.
    fn obey(&mut self, orders: Orders) {
        self.waiting += u32::from(orders.is_event_taken) + u32::from(orders.engagement.is_some());
        if let Some(engagement) = orders.engagement {
            self.written_ms = u64::from(engagement.engaged_ms);
        }
        if orders.flush != Flush::Hold {
            let _ = self.visit.seal();
            self.reported_ms = self.written_ms;
            self.posts.push(std::mem::take(&mut self.waiting));
        }
    }
}

impl Rule for Ours {
    fn hear(&mut self, heard: Heard, now: Clock) {
        match heard {
            Heard::Loaded { is_shown } => {
                self.is_attentive = (is_shown, is_shown);
                self.tell(Signal::Begin { idle_window_ms: self.idle_window_ms, is_counted: true }, now);
                self.attend(now);
            }
            Heard::Sign { .. } => {
                self.active_at_ms = Some(whole(now));
                if self.timer_ms.is_none() {
                    self.attend(now);
                }
            }
            Heard::Attention { is_shown, is_focused } => {
                self.is_attentive = (is_shown, is_focused);
                self.attend(now);
            }
            Heard::Timer => self.attend(now),
            Heard::Left => {
                self.is_attentive = (false, false);
                self.attend(now);
            }
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        self.timer_ms
    }

    fn reported_ms(&self) -> u64 {
        self.reported_ms
    }
}

/// As `performance.now()` comes into the wasm.
fn whole(now: Clock) -> u32 {
    u32::try_from(now.monotonic_ms).unwrap_or(u32::MAX)
}
