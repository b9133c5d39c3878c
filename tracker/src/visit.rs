//! One pageview after another: signals in, orders out, and the answer to "when shall I be woken?".

use crate::attention::Attention;
use crate::scroll::ScrollDepth;
use crate::signal::Signal;

/// Engaged time at which a pageview is flushed first; then 30 s, 60 s, and doubling from there:
/// a newsroom sees the start of a reading soon, and an hour of it costs ten requests.
const FIRST_FLUSH_ENGAGED_MS: u32 = 10_000;
/// A body of this size is flushed. Beacons and keepalive fetches of a page share 64 KiB; five such bodies fit.
const FLUSH_BYTES: u32 = 12 * 1024;
/// Longest event. With the rest of a body it stays far below the 64 KiB that the wire accepts, whatever the alphabet.
const EVENT_BYTES_MAX: u32 = 8 * 1024;
/// A body of so many events is flushed; the wire accepts 100, and one signal makes two at most.
const FLUSH_EVENTS: u32 = 98;
/// Largest `seq` that the wire accepts.
const SEQ_MAX: u32 = 9_999;

/// What to do with the events so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Flush {
    /// Keep them.
    #[default]
    Hold = 0,
    /// Seal and post them; the page is alive.
    Post = 4,
    /// Seal them and send them as a beacon: the page may never run again.
    Beacon = 8,
}

/// What the shell is to do, in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Orders {
    /// Write the event that was announced: the pageview itself, or that of [`Signal::Event`].
    pub is_event_taken: bool,
    /// Write an engagement event.
    pub engagement: Option<Engagement>,
    /// Then do this with all of them.
    pub flush: Flush,
    /// `seq` of the first that is written; 0, 1, 2 … within a pageview.
    pub first_seq: u32,
}

/// How far the reader's attention has come. Both figures are cumulative within the pageview and never fall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Engagement {
    /// Engaged time so far, milliseconds.
    pub engaged_ms: u32,
    /// Deepest point seen so far, percent of the height, 0 to 100.
    pub scroll_pct: u32,
}

/// The measures of the pageview that is being shown. Its times are those of `performance.now()`, in milliseconds:
/// durations are measured with that clock, because nobody sets it,
/// and they go round with it after 49 days.
#[derive(Debug)]
pub struct Visit {
    attention: Attention,
    scroll: ScrollDepth,
    next_flush_engaged_ms: u32,
    reported: Engagement,
    events: u32,
    open_events: u32,
    open_bytes: u32,
    dropped: u32,
    is_open: bool,
}

impl Visit {
    /// Before the first pageview.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attention: Attention::new(),
            scroll: ScrollDepth::new(),
            next_flush_engaged_ms: 0,
            reported: Engagement { engaged_ms: 0, scroll_pct: 0 },
            events: 0,
            open_events: 0,
            open_bytes: 0,
            dropped: 0,
            is_open: false,
        }
    }

    /// Something happened. The time is the signal's own; a little late or out of order does no harm.
    pub fn handle(&mut self, signal: Signal, now_ms: u32) -> Orders {
        let (mut is_due, mut is_last_chance, mut is_event_taken) = (false, false, false);
        match signal {
            Signal::Begin { idle_window_ms, is_counted } => {
                self.begin(idle_window_ms, now_ms);
                is_event_taken = is_counted && self.take(0);
                is_due = true;
            }
            // Only noted: whoever waits for the next deadline or the next other signal loses nothing.
            Signal::Activity => {
                self.attention.settle(now_ms);
                self.attention.activity(now_ms);
                return Orders::default();
            }
            Signal::Scroll { bottom_px, height_px } => {
                self.scroll.see(bottom_px, height_px);
                return Orders::default();
            }
            Signal::Attention { is_visible, has_focus } => {
                self.attention.settle(now_ms);
                self.attention.attend(is_visible && has_focus, now_ms);
                is_last_chance = !is_visible;
            }
            Signal::Event { bytes } => {
                self.attention.settle(now_ms);
                is_event_taken = self.take(bytes);
            }
            Signal::Leave => {
                self.attention.settle(now_ms);
                is_due = true;
            }
        }
        let first_seq = self.events - u32::from(is_event_taken);
        let engaged_ms = self.attention.engaged_ms();
        if engaged_ms >= self.next_flush_engaged_ms {
            self.next_flush_engaged_ms *= if self.next_flush_engaged_ms == FIRST_FLUSH_ENGAGED_MS { 3 } else { 2 };
            is_due = true;
        }
        let engagement = if is_due || is_last_chance { self.engagement(engaged_ms) } else { None };
        let flush = if self.open_events == 0 {
            Flush::Hold
        } else if is_last_chance {
            Flush::Beacon
        } else if is_due || self.open_events >= FLUSH_EVENTS || self.open_bytes >= FLUSH_BYTES {
            Flush::Post
        } else {
            Flush::Hold
        };
        if signal == Signal::Leave {
            self.is_open = false;
        }
        Orders { is_event_taken, engagement, flush, first_seq }
    }

    fn begin(&mut self, idle_window_ms: u32, now_ms: u32) {
        self.attention.restart(idle_window_ms, now_ms);
        self.scroll = ScrollDepth::new();
        self.next_flush_engaged_ms = FIRST_FLUSH_ENGAGED_MS;
        self.reported = Engagement::default();
        self.events = 0;
        self.is_open = true;
    }

    /// In how many milliseconds to be told [`Signal::Attention`] again; `None` while the reader is away, so that an idle page has
    /// no timer. `retry_in_ms`: when the outbox wants to try again.
    #[must_use]
    pub fn wake_in_ms(&self, now_ms: u32, retry_in_ms: Option<u32>) -> Option<u32> {
        let idle_in_ms = self.attention.idle_in_ms(now_ms)?;
        let flush_in_ms = self.next_flush_engaged_ms.saturating_sub(self.attention.engaged_ms());
        Some(idle_in_ms.min(flush_in_ms).min(retry_in_ms.unwrap_or(u32::MAX)))
    }

    /// The events so far were sealed. Answers how many had to be forgotten since this was asked last.
    pub fn seal(&mut self) -> u32 {
        self.open_events = 0;
        self.open_bytes = 0;
        core::mem::take(&mut self.dropped)
    }

    /// How far the attention has come, if that is news.
    fn engagement(&mut self, engaged_ms: u32) -> Option<Engagement> {
        let scroll_pct = self.scroll.now_pct().max(self.reported.scroll_pct);
        let measures = Engagement { engaged_ms, scroll_pct };
        (measures != self.reported && self.take(0)).then(|| {
            self.reported = measures;
            measures
        })
    }

    /// Whether there is room for one more event; else it is counted as dropped.
    fn take(&mut self, bytes: u32) -> bool {
        if !self.is_open {
            return false;
        }
        let has_room = self.events <= SEQ_MAX && bytes <= EVENT_BYTES_MAX;
        if has_room {
            self.events += 1;
            self.open_events += 1;
            self.open_bytes += bytes;
        } else {
            self.dropped += 1;
        }
        has_room
    }
}

impl Default for Visit {
    fn default() -> Self {
        Self::new()
    }
}
