//! The tracker's own core, driven as its shells drive it: a sign is only noted while a timer is set, and told with the next
//! deadline or signal. The one file that knows the core's interface.

use tracker::{Consent, Flush, Now, Page, PageKind, Signal, pageview_id};

use crate::play::{Clock, Heard, Rule};

/// Of the page that is visited; none of it matters.
const PAGE: Page<'_> = Page {
    portal: b"g1",
    visitor: None,
    consent: Consent::Cookieless,
    kind: PageKind::Article,
    url: b"https://g1.example/a",
    item: b"/a",
    referrer: b"",
    title: b"A",
    section: b"",
    image: b"",
    published_at_ms: 0,
    is_bot: false,
};

/// The core and what a shell keeps beside it.
pub(crate) struct Ours {
    visit: tracker::Visit,
    /// The last sign that the core was not told.
    noted: Option<Clock>,
    timer_ms: Option<u64>,
    reported_ms: u64,
}

impl Ours {
    pub(crate) fn new(idle_window_ms: u64) -> Self {
        Self { visit: tracker::Visit::new(idle_window_ms), noted: None, timer_ms: None, reported_ms: 0 }
    }

    fn tell(&mut self, signal: Signal<'_>, now: Clock) {
        if let Some(noted) = self.noted.take() {
            self.handle(Signal::Activity, noted);
        }
        self.handle(signal, now);
        self.arm(now);
    }

    fn handle(&mut self, signal: Signal<'_>, now: Clock) {
        let now = Now { monotonic_ms: now.monotonic_ms, unix_ms: now.unix_ms };
        if self.visit.handle(signal, now) != Flush::Hold {
            self.post(now);
        }
    }

    /// The collector takes every body.
    fn post(&mut self, now: Now) {
        if let Some(sealed) = self.visit.seal(0, now) {
            let engaged_ms = engaged_ms(sealed.body);
            self.reported_ms = self.reported_ms.max(engaged_ms);
        }
        self.visit.clear();
    }

    /// A timer that rings too early stays: setting it anew for each signal costs more.
    fn arm(&mut self, now: Clock) {
        // One millisecond more: the clock is cut to whole ones.
        let deadline_ms = self.visit.deadline_ms(now.monotonic_ms, None).map(|deadline_ms| deadline_ms + 1);
        self.timer_ms = match (self.timer_ms, deadline_ms) {
            (Some(set_ms), Some(deadline_ms)) => Some(set_ms.min(deadline_ms)),
            (_, deadline_ms) => deadline_ms,
        };
    }
}

impl Rule for Ours {
    fn hear(&mut self, heard: Heard, now: Clock) {
        let attention = |is_visible, has_focus| Signal::Attention { is_visible, has_focus };
        match heard {
            Heard::Loaded { is_shown } => {
                let clocks = Now { monotonic_ms: now.monotonic_ms, unix_ms: now.unix_ms };
                let _ = self.visit.begin(&PAGE, &pageview_id(now.unix_ms, [7; 10]), clocks);
                self.post(clocks);
                self.tell(attention(is_shown, is_shown), now);
            }
            Heard::Sign { .. } if self.timer_ms.is_some() => self.noted = Some(now),
            Heard::Sign { .. } => self.tell(Signal::Activity, now),
            Heard::Attention { is_shown, is_focused } => self.tell(attention(is_shown, is_focused), now),
            Heard::Timer => {
                self.timer_ms = None;
                self.tell(Signal::Deadline, now);
            }
            Heard::Left => self.tell(attention(false, false), now),
        }
    }

    fn timer_ms(&self) -> Option<u64> {
        self.timer_ms
    }

    fn reported_ms(&self) -> u64 {
        self.reported_ms
    }
}

/// The highest figure of a body; figures only grow.
fn engaged_ms(body: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(body);
    let last = text.rsplit_once("\"engaged_ms\":").map_or("", |(_, rest)| rest);
    let digits = last.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}
