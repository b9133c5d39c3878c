//! The body of a POST, written event by event: `wire::Batch` without its crate.

use crate::consent::Consent;
use crate::identity::Id;
use crate::json::{Charset, Writer, stamp};
use crate::web_url::{URL_BYTES_MAX, is_web_url};

/// A body of this size is flushed. Beacons and keepalive fetches of a page share 64 KiB; five such bodies fit.
pub(crate) const FLUSH_BYTES: usize = 12 * 1024;
/// Most events that the wire accepts in one batch.
pub(crate) const EVENTS_MAX: u32 = 100;
/// Earliest and latest Unix time that the wire believes; all of it has 13 digits.
pub(crate) const AT_MS_MIN: u64 = 1_000_000_000_000;
pub(crate) const AT_MS_MAX: u64 = 4_000_000_000_000;
/// Longest item that the wire accepts, in bytes.
pub(crate) const ITEM_BYTES_MAX: usize = 512;
/// Longest title or section that the wire accepts, in bytes.
const META_BYTES_MAX: usize = 1024;

/// `sent_at_ms` comes first, at a fixed place, because it is stamped when the body leaves, each time it leaves.
const HEAD: &[u8] = b"{\"v\":1,\"sent_at_ms\":0000000000000";
const SENT_AT_DIGITS: core::ops::Range<usize> = 20..33;

/// What kind of page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// A story.
    Article,
    /// The front of a section.
    Section,
    /// The portal's front page.
    Front,
    /// Anything else.
    Other,
}

/// What is known of a page when its pageview begins. Texts are UTF-8; an empty one is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The portal's id.
    pub portal: &'a [u8],
    /// The reader's id, in mode `full`.
    pub visitor: Option<&'a Id>,
    /// What the reader agreed to.
    pub consent: Consent,
    /// What kind of page it is.
    pub kind: PageKind,
    /// The page's absolute URL.
    pub url: &'a [u8],
    /// Its canonical path.
    pub item: &'a [u8],
    /// Where the reader came from.
    pub referrer: &'a [u8],
    /// Its title.
    pub title: &'a [u8],
    /// Its section.
    pub section: &'a [u8],
    /// Absolute URL of its picture.
    pub image: &'a [u8],
    /// When it was published, Unix milliseconds; 0 when unknown.
    pub published_at_ms: u64,
    /// `navigator.webdriver`.
    pub is_bot: bool,
}

/// A finished body.
#[derive(Debug)]
pub struct Sealed<'a> {
    /// What to post.
    pub body: &'a [u8],
    /// Events in it.
    pub events: u32,
    /// `seq` of the first of them; with the pageview it names the body.
    pub first_seq: u32,
}

/// The body being written. The head stays for the whole pageview; events come and go.
#[derive(Debug)]
pub(crate) struct BatchBuffer {
    writer: Writer,
    head_len: usize,
    /// 0 while no body is open.
    events: u32,
    first_seq: u32,
}

impl BatchBuffer {
    pub(crate) const fn new() -> Self {
        Self { writer: Writer::new(), head_len: 0, events: 0, first_seq: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// Whether it is full, and to be sealed before the next event.
    pub(crate) const fn is_due(&self) -> bool {
        self.events >= EVENTS_MAX || (self.events > 0 && self.writer.len() >= FLUSH_BYTES)
    }

    /// Writes the head of a new pageview; events that were not sealed are lost.
    pub(crate) fn begin(&mut self, page: &Page<'_>, pageview: &Id) {
        self.events = 0;
        self.writer.truncate(0);
        self.writer.raw(HEAD);
        self.text(b",\"portal\":", page.portal, 32, Charset::Text);
        self.text(b",\"pageview\":", pageview, 32, Charset::Text);
        if let Some(visitor) = page.visitor {
            self.text(b",\"visitor\":", visitor, 32, Charset::Text);
        }
        self.text(b",\"consent\":", page.consent.name(), 16, Charset::Text);
        self.text(b",\"page\":", page.kind.name(), 16, Charset::Text);
        self.text(b",\"url\":", page.url, URL_BYTES_MAX, Charset::Url);
        let item = item_of(page.item);
        if is_item(item) {
            self.text(b",\"item\":", item, ITEM_BYTES_MAX, Charset::Url);
        }
        if is_web_url(page.referrer) {
            self.text(b",\"referrer\":", page.referrer, URL_BYTES_MAX, Charset::Url);
        }
        self.writer.raw(if page.is_bot { b",\"bot\":true" } else { b",\"bot\":false" });
        self.head_len = self.writer.len();
        self.meta(page);
    }

    /// Only in the first batch of a pageview: the next event of another one cuts back to the head.
    fn meta(&mut self, page: &Page<'_>) {
        self.writer.raw(b",\"meta\":{\"title\":");
        self.writer.text(page.title, META_BYTES_MAX, Charset::Text);
        if !page.section.is_empty() {
            self.text(b",\"section\":", page.section, META_BYTES_MAX, Charset::Text);
        }
        if (AT_MS_MIN..=AT_MS_MAX).contains(&page.published_at_ms) {
            self.writer.raw(b",\"published_at_ms\":");
            self.writer.number(page.published_at_ms);
        }
        if is_web_url(page.image) {
            self.text(b",\"image\":", page.image, URL_BYTES_MAX, Charset::Url);
        }
        self.writer.raw(b"}");
    }

    fn text(&mut self, key: &[u8], text: &[u8], bytes_max: usize, charset: Charset) {
        self.writer.raw(key);
        self.writer.text(text, bytes_max, charset);
    }

    /// Adds one event; `fields` writes what its kind has. `false` when there was no room for it.
    pub(crate) fn push(&mut self, seq: u32, kind: &[u8], unix_ms: u64, fields: impl FnOnce(&mut Writer)) -> bool {
        if self.is_due() {
            return false;
        }
        let len_before = self.writer.len();
        self.writer.raw(if self.events == 0 { b",\"events\":[{\"seq\":" } else { b",{\"seq\":" });
        self.writer.number(u64::from(seq));
        self.writer.raw(b",\"at_ms\":");
        self.writer.number(unix_ms.clamp(AT_MS_MIN, AT_MS_MAX));
        self.writer.raw(b",\"kind\":\"");
        self.writer.raw(kind);
        self.writer.raw(b"\"");
        fields(&mut self.writer);
        self.writer.raw(b"}");
        // Room for the tail is part of the event's room.
        if self.writer.is_overfull() || self.writer.len() + 32 > crate::json::BODY_BYTES_MAX {
            self.writer.truncate(len_before);
            return false;
        }
        if self.events == 0 {
            self.first_seq = seq;
        }
        self.events += 1;
        true
    }

    /// Finishes the body; `None` when it has no event. `dropped`: events that were forgotten since the last body.
    pub(crate) fn seal(&mut self, dropped: u32, unix_ms: u64) -> Option<Sealed<'_>> {
        if self.events == 0 {
            return None;
        }
        self.writer.raw(b"],\"dropped\":");
        self.writer.number(u64::from(dropped));
        self.writer.raw(b"}");
        Some(Sealed { events: self.events, first_seq: self.first_seq, body: stamped(self.writer.written(), unix_ms) })
    }

    /// Cuts back to the head; to be called when the sealed body was taken.
    pub(crate) fn clear(&mut self) {
        self.writer.truncate(self.head_len);
        self.events = 0;
    }
}

/// Stamps a body with the time at which it leaves, again each time it is sent again.
pub fn restamp(body: &mut [u8], unix_ms: u64) {
    if body.starts_with(b"{\"v\":1,\"sent_at_ms\":")
        && let Some(digits) = body.get_mut(SENT_AT_DIGITS)
    {
        stamp(digits, unix_ms.clamp(AT_MS_MIN, AT_MS_MAX));
    }
}

fn stamped(body: &mut [u8], unix_ms: u64) -> &[u8] {
    restamp(body, unix_ms);
    body
}

/// Query and fragment cut.
fn item_of(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// The wire's rule. One that breaks it is left out (the edge then takes the URL's path), because it would spoil the batch.
fn is_item(item: &[u8]) -> bool {
    let is_path = item.first() == Some(&b'/') && item.get(1) != Some(&b'/') && item.len() <= ITEM_BYTES_MAX;
    is_path && core::str::from_utf8(item).is_ok_and(|item| !item.chars().any(|c| c.is_control() || c.is_whitespace()))
}

impl PageKind {
    /// `article`, `section`, `front` or `other`.
    #[must_use]
    pub const fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"article" => Some(Self::Article),
            b"section" => Some(Self::Section),
            b"front" => Some(Self::Front),
            b"other" => Some(Self::Other),
            _ => None,
        }
    }

    const fn name(self) -> &'static [u8] {
        match self {
            Self::Article => b"article",
            Self::Section => b"section",
            Self::Front => b"front",
            Self::Other => b"other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_wire() {
        assert_eq!(usize::try_from(EVENTS_MAX).unwrap(), wire::EVENTS_MAX);
        assert_eq!((AT_MS_MIN, AT_MS_MAX), (wire::AT_MS_MIN, wire::AT_MS_MAX));
        assert_eq!(ITEM_BYTES_MAX, wire::ITEM_BYTES_MAX);
        const { assert!(crate::json::BODY_BYTES_MAX <= wire::BODY_BYTES_MAX) };
    }

    #[test]
    fn items_are_those_of_the_wire() {
        let long = format!("/{}", "a".repeat(512));
        for item in ["/", "/a.ghtml", "/são-paulo", "", "a", "//evil.example/a", "/a b", "/a\u{0}", "/a\u{a0}b", &long, &long[..512]] {
            assert_eq!(is_item(item.as_bytes()), wire::Item::parse(item).is_some(), "{item:?}");
        }
    }

    #[test]
    fn the_stamp_is_where_the_head_says() {
        assert_eq!(HEAD.get(SENT_AT_DIGITS), Some(&b"0000000000000"[..]));
        let mut body = *b"{\"v\":1,\"sent_at_ms\":0000000000000}";
        restamp(&mut body, 1_795_337_005_210);
        assert_eq!(&body, b"{\"v\":1,\"sent_at_ms\":1795337005210}");
        let mut foreign = *b"{\"sent_at_ms\":0}";
        restamp(&mut foreign, 1_795_337_005_210);
        assert_eq!(&foreign, b"{\"sent_at_ms\":0}");
    }
}
