//! The fast way through a record that looks exactly as the edge writes it: fields in order, no blanks, no escapes.
//!
//! Anything unexpected is `None`, and the general way decides. So this file may be narrow, but never wrong:
//! what it reads, `Envelope::parse` reads the same (`tests/view/` holds them against each other).
//! It costs a third of the general way, because it compares whole stretches of text instead of asking which field comes next.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{BatchView, EdgeView, EnvelopeView, MetaView};
use crate::batch::Consent;
use crate::envelope::{Source, Via};
use crate::event::{LinkKind, Scalar};
use crate::event_view::{EventKindView, EventView};
use crate::id::{NetworkId, PageviewId, VisitorId};
use crate::item::Item;
use crate::page::PageKind;
use crate::portal::PortalId;
use crate::rec_id::RecId;
use crate::text::Unread;

/// Room for the events of an ordinary batch, so that the list seldom grows.
const EVENTS_USUAL: usize = 8;
/// Numbers with more digits may not fit into 64 bits.
const DIGITS_MAX: usize = 19;

/// The record, if it is in the form of the edge.
pub(super) fn parse(record: &str) -> Option<EnvelopeView<'_>> {
    let mut cursor = Cursor { rest: record };
    cursor.eat("{\"v\":1,\"batch\":{\"v\":")?;
    let batch = cursor.batch()?;
    cursor.eat(",\"edge\":{\"received_at_ms\":")?;
    let edge = cursor.edge()?;
    matches!(cursor.rest, "}" | "}\n").then_some(EnvelopeView { v: 1, batch, edge })
}

/// What has not been read yet.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn batch(&mut self) -> Option<BatchView<'a>> {
        Some(BatchView {
            _v: u8::try_from(self.number()?).ok()?,
            portal: self.after(",\"portal\":\"", Self::text).filter(|id| PortalId::is_id(id))?.into(),
            pageview: self.after(",\"pageview\":\"", |cursor| PageviewId::parse(cursor.text()?))?,
            visitor: self.optional(",\"visitor\":\"", |cursor| VisitorId::parse(cursor.text()?))?,
            consent: self.after(",\"consent\":\"", |cursor| consent(cursor.text()?))?,
            page: self.after(",\"page\":\"", |cursor| page(cursor.text()?))?,
            url: self.after(",\"url\":\"", Self::text)?.into(),
            item: self.optional(",\"item\":\"", Self::item)?,
            _referrer: self.optional(",\"referrer\":\"", Self::unread)?,
            meta: self.optional(",\"meta\":{", Self::meta)?,
            sent_at_ms: self.after(",\"sent_at_ms\":", Self::number)?,
            dropped: self.after(",\"dropped\":", |cursor| u32::try_from(cursor.number()?).ok())?,
            bot: self.after(",\"bot\":", Self::boolean)?,
            events: self.after(",\"events\":[", Self::events)?,
        })
    }

    fn edge(&mut self) -> Option<EdgeView<'a>> {
        let edge = EdgeView {
            received_at_ms: self.number()?,
            skew_ms: self.after(",\"skew_ms\":", Self::signed)?,
            visitor: self.after(",\"visitor\":\"", |cursor| VisitorId::parse(cursor.text()?))?,
            network: self.optional(",\"network\":\"", |cursor| NetworkId::parse(cursor.text()?))?,
            country: self.after(",\"country\":\"", Self::text)?.into(),
            region: self.after(",\"region\":\"", Self::text)?.into(),
            browser: self.after(",\"browser\":\"", Self::text)?.into(),
            os: self.after(",\"os\":\"", Self::text)?.into(),
            device: self.after(",\"device\":\"", Self::text)?.into(),
            source: self.after(",\"source\":\"", |cursor| source(cursor.text()?))?,
            trust: self.after(",\"trust\":", |cursor| u8::try_from(cursor.number()?).ok())?,
            bot: self.optional(",\"bot\":", Self::boolean)?.unwrap_or(false),
            via: self.after(",\"via\":\"", |cursor| via(cursor.text()?))?,
            attempts: self.after(",\"attempts\":", |cursor| u32::try_from(cursor.number()?).ok())?,
            _version: self.after(",\"version\":\"", Self::unread)?,
            // A record in thousands has one: it goes the general way.
            tally: None,
        };
        self.eat("}").map(|()| edge)
    }

    /// After its opening brace. Each field may be absent, and the first has no comma before it.
    fn meta(&mut self) -> Option<MetaView<'a>> {
        let mut meta = MetaView::default();
        if self.finds("\"title\":\"") {
            meta.title = Some(self.text()?.into());
        } else {
            // Every article has a title; what has none is too rare to be fast.
            return None;
        }
        meta.section = self.optional(",\"section\":\"", Self::text)?.map(Cow::Borrowed);
        meta.published_at_ms = self.optional(",\"published_at_ms\":", Self::number)?;
        meta.image = self.optional(",\"image\":\"", Self::text)?.map(Cow::Borrowed);
        self.eat("}").map(|()| meta)
    }

    /// After the opening bracket; to the brace that ends the batch.
    fn events(&mut self) -> Option<Vec<EventView<'a>>> {
        let mut events = Vec::with_capacity(EVENTS_USUAL);
        loop {
            events.push(self.event()?);
            if !self.finds(",") {
                return self.eat("]}").map(|()| events);
            }
        }
    }

    fn event(&mut self) -> Option<EventView<'a>> {
        let seq = self.after("{\"seq\":", |cursor| u32::try_from(cursor.number()?).ok())?;
        let at_ms = self.after(",\"at_ms\":", Self::number)?;
        self.eat(",\"kind\":\"")?;
        let kind = if self.finds("engagement\",\"engaged_ms\":") {
            let engaged_ms = self.number()?;
            EventKindView::Engagement {
                engaged_ms,
                scroll_pct: self.after(",\"scroll_pct\":", |cursor| u8::try_from(cursor.number()?).ok())?,
            }
        } else if self.finds("pageview\"") {
            EventKindView::Pageview
        } else if self.finds("click\",\"href\":\"") {
            self.click()?
        } else if self.finds("impression\",\"rec_id\":\"") {
            self.impression()?
        } else {
            self.after("custom\",\"name\":\"", Self::custom)?
        };
        self.eat("}").map(|()| EventView { seq, at_ms, kind })
    }

    fn click(&mut self) -> Option<EventKindView<'a>> {
        let href = self.text()?.into();
        let link = self.after(",\"link\":\"", |cursor| link(cursor.text()?))?;
        let rec_id = self.optional(",\"rec_id\":\"", |cursor| RecId::parse(cursor.text()?))?;
        let position = self.optional(",\"position\":", |cursor| u16::try_from(cursor.number()?).ok())?;
        Some(EventKindView::Click { href, link, rec_id, position })
    }

    fn impression(&mut self) -> Option<EventKindView<'a>> {
        let rec_id = RecId::parse(self.text()?)?;
        let placement = self.after(",\"placement\":\"", Self::text)?.into();
        self.eat(",\"items\":[\"")?;
        let mut items = vec![self.item()?];
        while self.finds(",\"") {
            items.push(self.item()?);
        }
        self.eat("]").map(|()| EventKindView::Impression { rec_id, placement, items })
    }

    /// Properties that are no texts go the general way.
    fn custom(&mut self) -> Option<EventKindView<'a>> {
        let name = self.text()?.into();
        let mut props = BTreeMap::new();
        if self.finds(",\"props\":{\"") {
            loop {
                let key = self.text()?.to_owned();
                props.insert(key, Scalar::Text(self.after(":\"", Self::text)?.to_owned()));
                if !self.finds(",\"") {
                    break;
                }
            }
            self.eat("}")?;
        }
        Some(EventKindView::Custom { name, props })
    }
}

/// The small pieces.
impl<'a> Cursor<'a> {
    fn finds(&mut self, literal: &str) -> bool {
        self.eat(literal).is_some()
    }

    fn eat(&mut self, literal: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    fn after<T>(&mut self, literal: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.eat(literal)?;
        read(self)
    }

    /// `Some(None)` when the field is not there, `None` when it cannot be read.
    #[expect(clippy::option_option, reason = "absent and unreadable differ")]
    fn optional<T>(&mut self, literal: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.finds(literal) { read(self).map(Some) } else { Some(None) }
    }

    /// After the opening quote; to the closing one.
    fn text(&mut self) -> Option<&'a str> {
        let end = plain_bytes(self.rest.as_bytes());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix('"')?;
        Some(text)
    }

    fn unread(&mut self) -> Option<Unread> {
        self.text().map(|_| Unread)
    }

    fn item(&mut self) -> Option<Cow<'a, str>> {
        Item::clean(self.text()?).map(Cow::Borrowed)
    }

    /// Digits without a leading zero, as JSON wants it. What follows them is the next field's business.
    fn number(&mut self) -> Option<u64> {
        let (mut value, mut count) = (0_u64, 0);
        for byte in self.rest.bytes().take_while(u8::is_ascii_digit).take(DIGITS_MAX) {
            value = value * 10 + u64::from(byte - b'0');
            count += 1;
        }
        if count == 0 || (count > 1 && self.rest.starts_with('0')) {
            return None;
        }
        self.rest = self.rest.get(count..)?;
        Some(value)
    }

    /// The general way reads -0 as a fraction.
    fn signed(&mut self) -> Option<i64> {
        let is_negative = self.finds("-");
        let value = i64::try_from(self.number()?).ok()?;
        if is_negative { (value != 0).then_some(-value) } else { Some(value) }
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.finds("false") { Some(false) } else { self.eat("true").map(|()| true) }
    }
}

/// How many bytes stand before the first quote, backslash or control character. Eight at a time:
/// a byte's highest bit is set in `found` when it is one of these, and false alarms come only behind a true one.
fn plain_bytes(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES << 7;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (control | is_zero(word ^ (ONES * 0x22)) | is_zero(word ^ (ONES * 0x5c))) & HIGH_BITS;
        if found != 0 {
            return index * 8 + usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
        }
    }
    let is_end = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    bytes.len() - rest.len() + rest.iter().position(is_end).unwrap_or(rest.len())
}

fn consent(name: &str) -> Option<Consent> {
    match name {
        "full" => Some(Consent::Full),
        "cookieless" => Some(Consent::Cookieless),
        _ => None,
    }
}

fn page(name: &str) -> Option<PageKind> {
    match name {
        "article" => Some(PageKind::Article),
        "section" => Some(PageKind::Section),
        "front" => Some(PageKind::Front),
        "other" => Some(PageKind::Other),
        _ => None,
    }
}

fn link(name: &str) -> Option<LinkKind> {
    match name {
        "internal" => Some(LinkKind::Internal),
        "outbound" => Some(LinkKind::Outbound),
        "download" => Some(LinkKind::Download),
        _ => None,
    }
}

fn source(name: &str) -> Option<Source> {
    match name {
        "direct" => Some(Source::Direct),
        "internal" => Some(Source::Internal),
        "search" => Some(Source::Search),
        "social" => Some(Source::Social),
        "referral" => Some(Source::Referral),
        _ => None,
    }
}

fn via(name: &str) -> Option<Via> {
    match name {
        "direct" => Some(Via::Direct),
        "queue" => Some(Via::Queue),
        "sqs" => Some(Via::Sqs),
        "spill" => Some(Via::Spill),
        "replay" => Some(Via::Replay),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../tests/golden/envelope.json");

    #[test]
    fn the_golden_record_goes_the_fast_way() {
        assert_eq!(parse(GOLDEN), Some(serde_json::from_str(GOLDEN).unwrap()));
    }

    #[test]
    fn a_record_from_before_there_were_networks_goes_the_fast_way_too() {
        let record = GOLDEN.replace(",\"network\":\"1d786e3b17ce6f46\"", "");
        assert_ne!(record, GOLDEN);
        let view = parse(&record);
        assert_eq!(view, Some(serde_json::from_str(&record).unwrap()));
        assert_eq!(view.unwrap().edge.network, None);
    }

    #[test]
    fn a_record_of_a_bot_goes_the_fast_way_too() {
        let record = include_str!("../../tests/golden/envelope_bot.json");
        assert_eq!(parse(record), Some(serde_json::from_str(record).unwrap()));
        assert!(parse(record).unwrap().is_bot() && !parse(GOLDEN).unwrap().is_bot());
    }

    #[test]
    fn a_record_with_a_tally_goes_the_general_way_and_keeps_it() {
        let record = include_str!("../../tests/golden/envelope_tally.json");
        assert_eq!(parse(record), None);
        let view = EnvelopeView::parse(record.as_bytes()).unwrap();
        assert_eq!(view.edge.tally.map(|tally| tally.posts), Some(41));
    }

    #[test]
    fn every_name_of_the_edge_goes_the_fast_way() {
        for (from, names) in [
            ("\"full\"", &["cookieless"][..]),
            ("\"article\"", &["section", "front", "other"]),
            ("\"internal\"", &["outbound", "download"]),
            ("\"search\"", &["direct", "internal", "social", "referral"]),
            ("\"direct\"", &["queue", "sqs", "spill", "replay"]),
        ] {
            for name in names {
                let record = GOLDEN.replacen(from, &format!("\"{name}\""), 1);
                assert_eq!(parse(&record), Some(serde_json::from_str(&record).unwrap()), "{name}");
            }
        }
    }

    #[test]
    fn what_looks_otherwise_goes_the_general_way() {
        for (from, to) in [
            ("{\"v\":1", "{ \"v\":1"),
            ("\"skew_ms\":91", "\"skew_ms\":-0"),
            ("\"skew_ms\":91", "\"skew_ms\":091"),
            ("\"skew_ms\":91", "\"skew_ms\":91e0"),
            ("1795337005301", "11795337005301000000"),
            ("Juros caem", "Juros\\u0020caem"),
            ("Juros caem", "Juros\tcaem"),
            ("\"trust\":90", "\"trust\":256"),
            ("}}\n", "}}}"),
        ] {
            assert!(GOLDEN.contains(from), "{from}");
            assert_eq!(parse(&GOLDEN.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn the_end_of_a_text_is_found_in_every_place() {
        for place in 0..40 {
            for end in ["\"", "\\", "\u{0}", "\u{1f}"] {
                let text = format!("{}{end}\"\\xyz", "ã\u{7f} ".repeat(20).chars().take(place).collect::<String>());
                let expected = text.find(end).unwrap();
                assert_eq!(plain_bytes(text.as_bytes()), expected, "{text:?}");
            }
        }
        assert_eq!(plain_bytes(b"no end here at all"), 18);
    }
}
