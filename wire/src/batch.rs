//! What the browser posts: the events of one pageview of one portal.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::event::Event;
use crate::id::{PageviewId, VisitorId};
use crate::item::Item;
use crate::page::{Meta, Page, PageKind, RawPage};
use crate::portal::PortalId;
use crate::raw::{self, Field};

/// Largest body of a POST. Browsers share 64 KiB among all beacons and keepalive fetches of a page.
pub const BODY_BYTES_MAX: usize = 65_536;
/// Longest name of a logged-in reader, in bytes.
const USER_BYTES_MAX: usize = 128;
/// Most events of a batch.
pub const EVENTS_MAX: usize = 100;
/// Earliest believable time: 2001-09-09, where milliseconds got 13 digits.
pub const AT_MS_MIN: u64 = 1_000_000_000_000;
/// Latest believable time: in the year 2096.
pub const AT_MS_MAX: u64 = 4_000_000_000_000;

/// The events of one pageview, as posted and as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Batch {
    /// Version of the message: 1.
    pub v: u8,
    /// The portal.
    pub portal: PortalId,
    /// The pageview.
    pub pageview: PageviewId,
    /// The reader; absent in `cookieless` mode, where the edge makes a hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor: Option<VisitorId>,
    /// The portal's own name for a logged-in reader. Only ever posted: the edge makes a hash of it, and stores that as the visitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the reader agreed to.
    pub consent: Consent,
    /// What kind of page it is; only articles are ever recommended.
    pub page: PageKind,
    /// The page's address.
    pub url: String,
    /// The page's canonical path; absent: the path of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    /// Where the reader came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// What the page says of itself; only in the batch that carries the `pageview` event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// When the batch left the browser, by the reader's clock, Unix milliseconds.
    pub sent_at_ms: u64,
    /// Events that the tracker's outbox had to forget.
    #[serde(default)]
    pub dropped: u32,
    /// The browser said that a program drives it.
    #[serde(default)]
    pub bot: bool,
    /// 1 to 100 events.
    pub events: Vec<Event>,
}

/// What a reader agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// A first-party id may be kept on the device.
    Full,
    /// Nothing is kept on the device.
    Cookieless,
    /// Nothing is measured; never seen in a batch.
    Off,
}

/// An event that was refused; its siblings were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rejected {
    /// Its place in `events`, from 0.
    pub index: usize,
    /// `missing_<field>`, `bad_<field>`, `not_an_object` or `duplicate_seq`.
    pub code: Cow<'static, str>,
}

/// The body of a 202.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CollectAnswer {
    /// Events that are safe now.
    pub accepted: usize,
    /// Events that were refused.
    pub rejected: Vec<Rejected>,
    /// Fields of the batch that made no sense and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Cow<'static, str>>,
}

/// A batch whose valid events were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedBatch {
    /// The batch, with the valid events only; at least one.
    pub batch: Batch,
    /// The others.
    pub rejected: Vec<Rejected>,
    /// Fields that made no sense and were left out, such as `meta.image`.
    pub ignored: Vec<Cow<'static, str>>,
}

#[derive(Deserialize)]
struct RawBatch<'a> {
    #[serde(borrow)]
    v: Field<'a>,
    #[serde(borrow)]
    portal: Field<'a>,
    #[serde(borrow)]
    pageview: Field<'a>,
    #[serde(borrow)]
    visitor: Field<'a>,
    #[serde(borrow)]
    user: Field<'a>,
    #[serde(borrow)]
    consent: Field<'a>,
    #[serde(borrow)]
    page: Field<'a>,
    #[serde(borrow)]
    url: Field<'a>,
    #[serde(borrow)]
    item: Field<'a>,
    #[serde(borrow)]
    referrer: Field<'a>,
    #[serde(borrow)]
    meta: Field<'a>,
    #[serde(borrow)]
    sent_at_ms: Field<'a>,
    #[serde(borrow)]
    dropped: Field<'a>,
    #[serde(borrow)]
    bot: Field<'a>,
    #[serde(borrow)]
    events: Field<'a>,
}

/// A batch as trackers write it, every event within its limits: one pass, where [`Batch::parse`] otherwise makes three to name what is wrong.
#[derive(Deserialize)]
struct UsualBatch<'a> {
    v: u8,
    portal: PortalId,
    pageview: PageviewId,
    visitor: Option<VisitorId>,
    #[serde(borrow)]
    user: Field<'a>,
    consent: Consent,
    #[serde(borrow)]
    page: Field<'a>,
    #[serde(borrow)]
    url: Field<'a>,
    #[serde(borrow)]
    item: Field<'a>,
    #[serde(borrow)]
    referrer: Field<'a>,
    #[serde(borrow)]
    meta: Field<'a>,
    sent_at_ms: u64,
    dropped: Option<u32>,
    bot: Option<bool>,
    events: Vec<Event>,
}

impl UsualBatch<'_> {
    fn parse(body: &[u8]) -> Option<ParsedBatch> {
        let text = std::str::from_utf8(body).ok()?;
        let UsualBatch {
            v: 1,
            portal,
            pageview,
            visitor,
            user,
            consent,
            page,
            url,
            item,
            referrer,
            meta,
            sent_at_ms,
            dropped,
            bot,
            events,
        } = serde_json::from_str(text).ok()?
        else {
            return None;
        };
        if consent == Consent::Off || !(1..=EVENTS_MAX).contains(&events.len()) {
            return None;
        }
        let mut admitted: Vec<Event> = Vec::with_capacity(events.len());
        for event in events {
            let is_new = admitted.iter().all(|other| other.seq != event.seq);
            admitted.push(event.admitted().filter(|_| is_new)?);
        }
        let mut page = Page::parse(RawPage { url, page, item, referrer, meta }).ok()?;
        let batch = Batch {
            v: 1,
            portal,
            pageview,
            visitor,
            user: user_of(user, &mut page.ignored),
            consent,
            page: page.kind,
            url: page.url,
            item: page.item,
            referrer: page.referrer,
            meta: page.meta,
            sent_at_ms: sent_at_ms.clamp(AT_MS_MIN, AT_MS_MAX),
            dropped: dropped.unwrap_or(0),
            bot: bot.unwrap_or(false),
            events: admitted,
        };
        Some(ParsedBatch { batch, rejected: Vec::new(), ignored: page.ignored })
    }
}

impl Batch {
    /// A batch from the body of a POST. A bad event does not spoil its siblings.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::NoValidEvent`] when every event was refused.
    pub fn parse(body: &[u8]) -> Result<ParsedBatch, Error> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Error::BodyTooLarge);
        }
        UsualBatch::parse(body).map_or_else(|| Self::parse_by_field(body), Ok)
    }

    fn parse_by_field(body: &[u8]) -> Result<ParsedBatch, Error> {
        let object: &RawValue = serde_json::from_slice(body).map_err(|error| Error::malformed(&error))?;
        if !object.get().starts_with('{') {
            return Err(Error::NotAnObject);
        }
        let raw: RawBatch<'_> = serde_json::from_str(object.get()).map_err(|error| Error::malformed(&error))?;
        match raw::required::<u64>(raw.v, "v", "1")? {
            1 => {}
            found => return Err(Error::UnsupportedVersion { found }),
        }
        let (mut batch, ignored) = Self::head(&raw)?;
        let rejected = batch.take_events(&raw)?;
        Ok(ParsedBatch { batch, rejected, ignored })
    }

    /// The batch without its events, and the fields that were ignored.
    fn head(raw: &RawBatch<'_>) -> Result<(Self, Vec<Cow<'static, str>>), Error> {
        let RawBatch { url, page, item, referrer, meta, .. } = *raw;
        let mut page = Page::parse(RawPage { url, page, item, referrer, meta })?;
        let consent = raw::required(raw.consent, "consent", CONSENT_RULE)?;
        if consent == Consent::Off {
            return Err(Error::BadField { field: "consent", rule: CONSENT_RULE });
        }
        let batch = Self {
            v: 1,
            portal: raw::required(raw.portal, "portal", "1 to 32 of a-z, 0-9 and -")?,
            pageview: raw::required(raw.pageview, "pageview", HEX_RULE)?,
            visitor: raw::optional(raw.visitor, "visitor", HEX_RULE)?,
            user: user_of(raw.user, &mut page.ignored),
            consent,
            page: page.kind,
            url: page.url,
            item: page.item,
            referrer: page.referrer,
            meta: page.meta,
            sent_at_ms: raw::required::<u64>(raw.sent_at_ms, "sent_at_ms", TIME_RULE)?.clamp(AT_MS_MIN, AT_MS_MAX),
            dropped: raw::optional(raw.dropped, "dropped", "a whole number")?.unwrap_or(0),
            bot: raw::optional(raw.bot, "bot", "true or false")?.unwrap_or(false),
            events: Vec::new(),
        };
        Ok((batch, page.ignored))
    }

    fn take_events(&mut self, raw: &RawBatch<'_>) -> Result<Vec<Rejected>, Error> {
        let events: Vec<&RawValue> = raw::required(raw.events, "events", "a list of events")?;
        if events.is_empty() {
            return Err(Error::NoEvents);
        }
        if events.len() > EVENTS_MAX {
            return Err(Error::TooManyEvents { count: events.len() });
        }
        let mut rejected = Vec::new();
        for (index, text) in events.into_iter().enumerate() {
            match Event::parse(text.get()) {
                Ok(event) if self.events.iter().all(|other| other.seq != event.seq) => self.events.push(event),
                Ok(_) => rejected.push(Rejected { index, code: "duplicate_seq".into() }),
                Err(error) => rejected.push(Rejected { index, code: event_code(&error) }),
            }
        }
        if self.events.is_empty() { Err(Error::NoValidEvent { rejected }) } else { Ok(rejected) }
    }

    /// The page's canonical path.
    #[must_use]
    pub fn item(&self) -> Option<Item> {
        self.item.clone().or_else(|| Item::of_url(&self.url))
    }
}

const CONSENT_RULE: &str = "full or cookieless";
const HEX_RULE: &str = "32 lowercase hex digits";
const TIME_RULE: &str = "Unix time in milliseconds";

/// A name that cannot be used must not cost the pageview. Portals have numbers for their readers, too.
fn user_of(field: Field<'_>, ignored: &mut Vec<Cow<'static, str>>) -> Option<String> {
    let user = match serde_json::from_str(field?.get()) {
        Ok(serde_json::Value::String(user)) => Some(user).filter(|user| !user.is_empty() && user.len() <= USER_BYTES_MAX),
        Ok(serde_json::Value::Number(number)) => Some(number.to_string()),
        Ok(serde_json::Value::Null) => return None,
        Ok(_) | Err(_) => None,
    };
    if user.is_none() {
        ignored.push("user".into());
    }
    user
}

fn event_code(error: &Error) -> Cow<'static, str> {
    match error {
        Error::MissingField { field } => format!("missing_{field}").into(),
        Error::BadField { field, .. } => format!("bad_{field}").into(),
        other => other.code().into(),
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
