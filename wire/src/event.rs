//! One event of a pageview.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::batch::{AT_MS_MAX, AT_MS_MIN};
use crate::error::Error;
use crate::item::Item;
use crate::raw::{self, Field};
use crate::rec_id::RecId;

/// Longest engaged time of one pageview: a day.
const ENGAGED_MS_MAX: u64 = 86_400_000;
/// Largest `seq`: the backend keeps one bit for each.
const SEQ_MAX: u32 = 9_999;
/// Most items of one impression; the longest list that the edge answers.
const IMPRESSION_ITEMS_MAX: usize = 50;
/// Most properties of a custom event.
const PROPS_MAX: usize = 32;
/// Longest name of a custom event or of a placement, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Longest text in a custom event's properties, in bytes.
const PROP_BYTES_MAX: usize = 512;

/// One thing that happened within a pageview. Its id is (pageview, `seq`).
// Read by way of `EventView`: what a derive makes of `flatten` and `tag` buffers every value, which costs a record half as much again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    /// 0, 1, 2 … within the pageview.
    pub seq: u32,
    /// When it happened by the reader's clock, Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The page was shown.
    Pageview,
    /// How far the reader's attention has come. Both figures are cumulative within the pageview and never fall.
    Engagement {
        /// Engaged time so far, milliseconds.
        engaged_ms: u64,
        /// Deepest point seen so far, percent of the document's height, 0 to 100.
        scroll_pct: u8,
    },
    /// A link was followed.
    Click {
        /// Where it leads.
        href: String,
        /// Whose page that is.
        link: LinkKind,
        /// The recommendation that was clicked, if it was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rec_id: Option<RecId>,
        /// Its place in the list, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u16>,
    },
    /// A list of recommendations was seen (half of it in view for a second).
    Impression {
        /// The answer that the list came from.
        rec_id: RecId,
        /// Where on the page, e.g. `leia-tambem`.
        placement: String,
        /// The items seen, in order.
        items: Vec<Item>,
    },
    /// What the portal wants to count itself.
    Custom {
        /// Its name, 1 to 64 bytes.
        name: String,
        /// Flat properties, at most 32.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        props: BTreeMap<String, Scalar>,
    },
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A page of the same portal.
    Internal,
    /// Another site.
    Outbound,
    /// A file.
    Download,
}

/// A property of a custom event: no lists, no objects, no `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, at most 512 bytes.
    Text(String),
}

#[derive(Deserialize)]
struct RawEvent<'a> {
    #[serde(borrow)]
    seq: Field<'a>,
    #[serde(borrow)]
    kind: Field<'a>,
    #[serde(borrow)]
    at_ms: Field<'a>,
    #[serde(borrow)]
    engaged_ms: Field<'a>,
    #[serde(borrow)]
    scroll_pct: Field<'a>,
    #[serde(borrow)]
    href: Field<'a>,
    #[serde(borrow)]
    link: Field<'a>,
    #[serde(borrow)]
    rec_id: Field<'a>,
    #[serde(borrow)]
    position: Field<'a>,
    #[serde(borrow)]
    placement: Field<'a>,
    #[serde(borrow)]
    items: Field<'a>,
    #[serde(borrow)]
    name: Field<'a>,
    #[serde(borrow)]
    props: Field<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawKind {
    Pageview,
    Engagement,
    Click,
    Impression,
    Custom,
}

impl Event {
    /// One event from the text of its JSON object.
    ///
    /// # Errors
    /// [`Error::NotAnObject`], [`Error::MissingField`] or [`Error::BadField`].
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        // What is right needs no field by field; what is wrong has to be told which field it is.
        match serde_json::from_str::<Self>(text).ok().and_then(Self::admitted) {
            Some(event) => Ok(event),
            None => Self::parse_by_field(text),
        }
    }

    /// The event if it is within the limits of what a page may post, its time as [`Event::parse`] takes it.
    pub(crate) fn admitted(mut self) -> Option<Self> {
        self.at_ms = self.at_ms.clamp(AT_MS_MIN, AT_MS_MAX);
        let is_within = self.seq <= SEQ_MAX
            && match &self.kind {
                EventKind::Pageview => true,
                EventKind::Engagement { engaged_ms, scroll_pct } => *engaged_ms <= ENGAGED_MS_MAX && *scroll_pct <= 100,
                EventKind::Click { href, .. } => raw::is_short_web_url(href),
                EventKind::Impression { placement, items, .. } => is_name(placement) && (1..=IMPRESSION_ITEMS_MAX).contains(&items.len()),
                EventKind::Custom { name, props } => is_name(name) && fit(props),
            };
        is_within.then_some(self)
    }

    fn parse_by_field(text: &str) -> Result<Self, Error> {
        let raw: RawEvent<'_> = serde_json::from_str(text).map_err(|_| Error::NotAnObject)?;
        let seq = bounded(raw::required(raw.seq, "seq", SEQ_RULE)?, 0, u64::from(SEQ_MAX), "seq", SEQ_RULE)?;
        // A clock with a dead battery shows 1970, and its reader is still a reader.
        let at_ms = raw::required::<u64>(raw.at_ms, "at_ms", AT_RULE)?.clamp(AT_MS_MIN, AT_MS_MAX);
        let kind = match raw::required(raw.kind, "kind", KIND_RULE)? {
            RawKind::Pageview => EventKind::Pageview,
            RawKind::Engagement => engagement(&raw)?,
            RawKind::Click => click(&raw)?,
            RawKind::Impression => impression(&raw)?,
            RawKind::Custom => custom(&raw)?,
        };
        Ok(Self { seq: u32::try_from(seq).unwrap_or(SEQ_MAX), at_ms, kind })
    }
}

const SEQ_RULE: &str = "a whole number from 0 to 9999";
const AT_RULE: &str = "Unix time in milliseconds";
const KIND_RULE: &str = "pageview, engagement, click, impression or custom";

fn bounded(value: u64, min: u64, max: u64, field: &'static str, rule: &'static str) -> Result<u64, Error> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(Error::BadField { field, rule }) }
}

fn engagement(raw: &RawEvent<'_>) -> Result<EventKind, Error> {
    const ENGAGED: &str = "milliseconds from 0 to 86400000";
    const SCROLL: &str = "a whole number from 0 to 100";
    let engaged_ms = raw::required(raw.engaged_ms, "engaged_ms", ENGAGED)?;
    let scroll_pct = bounded(raw::required(raw.scroll_pct, "scroll_pct", SCROLL)?, 0, 100, "scroll_pct", SCROLL)?;
    Ok(EventKind::Engagement {
        engaged_ms: bounded(engaged_ms, 0, ENGAGED_MS_MAX, "engaged_ms", ENGAGED)?,
        scroll_pct: u8::try_from(scroll_pct).unwrap_or(100),
    })
}

fn click(raw: &RawEvent<'_>) -> Result<EventKind, Error> {
    Ok(EventKind::Click {
        href: raw::url(raw.href, "href")?.ok_or(Error::MissingField { field: "href" })?,
        link: raw::required(raw.link, "link", "internal, outbound or download")?,
        rec_id: raw::optional(raw.rec_id, "rec_id", "16 lowercase hex digits")?,
        position: raw::optional(raw.position, "position", "a whole number from 0 to 65535")?,
    })
}

fn impression(raw: &RawEvent<'_>) -> Result<EventKind, Error> {
    const ITEMS: &str = "1 to 50 paths that begin with /";
    let items: Vec<Item> = raw::required(raw.items, "items", ITEMS)?;
    if items.is_empty() || items.len() > IMPRESSION_ITEMS_MAX {
        return Err(Error::BadField { field: "items", rule: ITEMS });
    }
    Ok(EventKind::Impression {
        rec_id: raw::required(raw.rec_id, "rec_id", "16 lowercase hex digits")?,
        placement: name(raw.placement, "placement")?,
        items,
    })
}

fn custom(raw: &RawEvent<'_>) -> Result<EventKind, Error> {
    const PROPS: &str = "an object of at most 32 texts (512 bytes), numbers and booleans";
    let props: BTreeMap<String, Scalar> = raw::optional(raw.props, "props", PROPS)?.unwrap_or_default();
    if !fit(&props) {
        return Err(Error::BadField { field: "props", rule: PROPS });
    }
    Ok(EventKind::Custom { name: name(raw.name, "name")?, props })
}

fn fit(props: &BTreeMap<String, Scalar>) -> bool {
    let fits = |(key, value): (&String, &Scalar)| {
        key.len() <= PROP_BYTES_MAX && !matches!(value, Scalar::Text(text) if text.len() > PROP_BYTES_MAX)
    };
    props.len() <= PROPS_MAX && props.iter().all(fits)
}

/// A short label: 1 to 64 bytes, no control characters.
fn name(raw: Field<'_>, field: &'static str) -> Result<String, Error> {
    const RULE: &str = "a text of 1 to 64 bytes";
    let name = raw::optional::<String>(raw, field, RULE)?.ok_or(Error::MissingField { field })?;
    if is_name(&name) { Ok(name) } else { Err(Error::BadField { field, rule: RULE }) }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        match Event::parse(text) {
            Ok(event) => panic!("{text} was accepted as {event:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_at_their_limits_are_accepted() {
        for text in [
            r#"{"seq":0,"kind":"pageview","at_ms":1795337000123}"#,
            r#"{"seq":9999,"kind":"engagement","at_ms":1795337000123,"engaged_ms":86400000,"scroll_pct":100}"#,
            r#"{"seq":1,"kind":"custom","at_ms":1795337000123,"name":"share","props":{"a":true,"b":-1.5,"c":"x"}}"#,
        ] {
            assert!(Event::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn one_past_a_limit_names_the_field() {
        for (text, field) in [
            (r#"{"kind":"pageview","at_ms":1795337000123}"#, "seq"),
            (r#"{"seq":10000,"kind":"pageview","at_ms":1795337000123}"#, "seq"),
            (r#"{"seq":-1,"kind":"pageview","at_ms":1795337000123}"#, "seq"),
            (r#"{"seq":1,"kind":"pageview","at_ms":-5}"#, "at_ms"),
            (r#"{"seq":1,"kind":"wave","at_ms":1795337000123}"#, "kind"),
            (r#"{"seq":1,"kind":"engagement","at_ms":1795337000123,"engaged_ms":1,"scroll_pct":101}"#, "scroll_pct"),
            (r#"{"seq":1,"kind":"engagement","at_ms":1795337000123,"engaged_ms":86400001,"scroll_pct":1}"#, "engaged_ms"),
            (r#"{"seq":1,"kind":"click","at_ms":1795337000123,"href":"javascript:alert(1)","link":"internal"}"#, "href"),
            (r#"{"seq":1,"kind":"click","at_ms":1795337000123,"href":"https://a.example/","link":"internal","position":-1}"#, "position"),
            (r#"{"seq":1,"kind":"impression","at_ms":1795337000123,"rec_id":"9a1f03c2d4e5b6a7","placement":"x","items":[]}"#, "items"),
            (r#"{"seq":1,"kind":"custom","at_ms":1795337000123,"name":"share","props":{"a":[1]}}"#, "props"),
        ] {
            assert!(code(text).starts_with(&format!("field {field} ")), "{text}: {}", code(text));
        }
    }
}
