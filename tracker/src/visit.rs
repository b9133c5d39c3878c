//! One pageview after another: signals in, bodies out, and the answer to "when shall I be woken?".

use crate::attention::Attention;
use crate::batch::{BatchBuffer, Page, Sealed};
use crate::click::Click;
use crate::identity::Id;
use crate::json::Charset;
use crate::scroll::ScrollDepth;
use crate::signal::{Now, Signal};
use crate::web_url::URL_BYTES_MAX;

/// Engaged time at which a pageview is flushed first; then 30 s, 60 s, and doubling from there:
/// a newsroom sees the start of a reading soon, and an hour of it costs ten requests.
const FIRST_FLUSH_ENGAGED_MS: u64 = 10_000;
/// Largest `seq` that the wire accepts.
const SEQ_MAX: u32 = 9_999;

/// What to do with the events so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Flush {
    /// Keep them.
    Hold,
    /// Seal and post them; the page is alive.
    Post,
    /// Seal them and send them as a beacon: the page may never run again.
    Beacon,
}

/// The measures of the pageview that is being shown.
#[derive(Debug)]
pub struct Visit {
    attention: Attention,
    scroll: ScrollDepth,
    batch: BatchBuffer,
    next_seq: u32,
    next_flush_engaged_ms: u64,
    /// Engaged time and depth of the last engagement event.
    reported: (u64, u8),
    has_begun: bool,
    dropped: u32,
}

impl Visit {
    /// Before the first pageview. `idle_window_ms`: how long a sign of the reader counts.
    #[must_use]
    pub const fn new(idle_window_ms: u64) -> Self {
        Self {
            attention: Attention::new(idle_window_ms),
            scroll: ScrollDepth::new(),
            batch: BatchBuffer::new(),
            next_seq: 0,
            next_flush_engaged_ms: FIRST_FLUSH_ENGAGED_MS,
            reported: (0, 0),
            has_begun: false,
            dropped: 0,
        }
    }

    /// A pageview begins. The one before, if any, was left and sealed.
    pub fn begin(&mut self, page: &Page<'_>, pageview: &Id, now: Now) -> Flush {
        self.attention.restart(now.monotonic_ms);
        self.scroll = ScrollDepth::new();
        self.next_seq = 0;
        self.next_flush_engaged_ms = FIRST_FLUSH_ENGAGED_MS;
        self.reported = (0, 0);
        self.has_begun = true;
        self.batch.begin(page, pageview);
        self.push(b"pageview", now.unix_ms, |_| {});
        Flush::Post
    }

    /// Something happened. The time is the signal's own; a little late or out of order does no harm.
    pub fn handle(&mut self, signal: Signal<'_>, now: Now) -> Flush {
        let is_last_chance = match signal {
            Signal::Activity => {
                self.attention.activity(now.monotonic_ms);
                None
            }
            Signal::Deadline => None,
            Signal::Attention { is_visible, has_focus } => {
                self.attention.attend(is_visible && has_focus, now.monotonic_ms);
                (!is_visible).then_some(Flush::Beacon)
            }
            Signal::Scroll { bottom_px, height_px } => {
                self.scroll.see(bottom_px, height_px);
                None
            }
            Signal::Click(click) => {
                self.attention.activity(now.monotonic_ms);
                self.click(&click, now.unix_ms);
                None
            }
            Signal::Leave => Some(Flush::Post),
        };
        self.attention.settle(now.monotonic_ms);
        self.flush(is_last_chance, now.unix_ms)
    }

    /// When to be woken with [`Signal::Deadline`], by the monotonic clock; `None` while the reader is away, so that an idle
    /// page has no timer. `retry_at_ms`: when the outbox wants to try again.
    #[must_use]
    pub fn deadline_ms(&self, now_ms: u64, retry_at_ms: Option<u64>) -> Option<u64> {
        let idle_at_ms = self.attention.idle_at_ms(now_ms)?;
        let flush_at_ms = now_ms + self.next_flush_engaged_ms.saturating_sub(self.attention.engaged_ms());
        Some(idle_at_ms.min(flush_at_ms).min(retry_at_ms.unwrap_or(u64::MAX)).max(now_ms))
    }

    /// The body to send; `None` when there is nothing to say. `dropped`: events that the outbox had to forget.
    pub fn seal(&mut self, dropped: u32, now: Now) -> Option<Sealed<'_>> {
        let dropped = dropped.saturating_add(core::mem::take(&mut self.dropped));
        self.batch.seal(dropped, now.unix_ms)
    }

    /// The sealed body was taken.
    pub fn clear(&mut self) {
        self.batch.clear();
    }

    fn flush(&mut self, last_chance: Option<Flush>, unix_ms: u64) -> Flush {
        let engaged_ms = self.attention.engaged_ms();
        let is_time = engaged_ms >= self.next_flush_engaged_ms;
        while engaged_ms >= self.next_flush_engaged_ms {
            self.next_flush_engaged_ms = next_flush_engaged_ms(self.next_flush_engaged_ms);
        }
        if is_time || last_chance.is_some() {
            self.engagement(unix_ms);
        }
        match last_chance {
            _ if self.batch.is_empty() => Flush::Hold,
            Some(flush) => flush,
            None if is_time || self.batch.is_due() => Flush::Post,
            None => Flush::Hold,
        }
    }

    fn engagement(&mut self, unix_ms: u64) {
        let measures = (self.attention.engaged_ms(), self.scroll.report_pct());
        if self.has_begun && measures != self.reported {
            self.push(b"engagement", unix_ms, |writer| {
                writer.raw(b",\"engaged_ms\":");
                writer.number(measures.0);
                writer.raw(b",\"scroll_pct\":");
                writer.number(u64::from(measures.1));
            });
            self.reported = measures;
        }
    }

    fn click(&mut self, click: &Click<'_>, unix_ms: u64) {
        let Some(link) = click.link() else { return };
        self.push(b"click", unix_ms, |writer| {
            writer.raw(b",\"href\":");
            writer.text(click.href, URL_BYTES_MAX, Charset::Url);
            writer.raw(b",\"link\":\"");
            writer.raw(link.name());
            writer.raw(b"\"");
            if let Some(rec_id) = click.rec_id() {
                writer.raw(b",\"rec_id\":");
                writer.text(rec_id, 16, Charset::Text);
                if let Some(position) = click.position {
                    writer.raw(b",\"position\":");
                    writer.number(u64::from(position));
                }
            }
        });
    }

    fn push(&mut self, kind: &[u8], unix_ms: u64, fields: impl FnOnce(&mut crate::json::Writer)) {
        if self.has_begun && self.next_seq <= SEQ_MAX && self.batch.push(self.next_seq, kind, unix_ms, fields) {
            self.next_seq += 1;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

const fn next_flush_engaged_ms(reached_ms: u64) -> u64 {
    match reached_ms {
        FIRST_FLUSH_ENGAGED_MS => 30_000,
        _ => reached_ms * 2,
    }
}
