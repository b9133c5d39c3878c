//! One event as it stands in a record, borrowed; and how every event is read: field by field, in any order, without a buffer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use crate::event::{Event, EventKind, LinkKind, Scalar};
use crate::item::Item;
use crate::rec_id::RecId;
use crate::text::{ItemText, Text};

/// An [`Event`], borrowed from the record.
#[derive(Debug, Clone, PartialEq)]
pub struct EventView<'a> {
    /// 0, 1, 2 … within the pageview.
    pub seq: u32,
    /// When it happened by the reader's clock, Unix milliseconds.
    pub at_ms: u64,
    /// What happened.
    pub kind: EventKindView<'a>,
}

/// An [`EventKind`], borrowed from the record. Only impressions and properties, which are rare, own a list.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each field is that of `EventKind`, which says what it means")]
pub enum EventKindView<'a> {
    /// The page was shown.
    Pageview,
    /// How far the reader's attention has come, cumulative.
    Engagement { engaged_ms: u64, scroll_pct: u8 },
    /// A link was followed.
    Click { href: Cow<'a, str>, link: LinkKind, rec_id: Option<RecId>, position: Option<u16> },
    /// A list of recommendations was seen. The items are texts of [`Item`]s.
    Impression { rec_id: RecId, placement: Cow<'a, str>, items: Vec<Cow<'a, str>> },
    /// What the portal wants to count itself.
    Custom { name: Cow<'a, str>, props: BTreeMap<String, Scalar> },
}

impl From<EventView<'_>> for Event {
    fn from(view: EventView<'_>) -> Self {
        let kind = match view.kind {
            EventKindView::Pageview => EventKind::Pageview,
            EventKindView::Engagement { engaged_ms, scroll_pct } => EventKind::Engagement { engaged_ms, scroll_pct },
            EventKindView::Click { href, link, rec_id, position } => EventKind::Click { href: href.into_owned(), link, rec_id, position },
            EventKindView::Impression { rec_id, placement, items } => {
                let items = items.into_iter().map(Item::of_clean).collect();
                EventKind::Impression { rec_id, placement: placement.into_owned(), items }
            }
            EventKindView::Custom { name, props } => EventKind::Custom { name: name.into_owned(), props },
        };
        Self { seq: view.seq, at_ms: view.at_ms, kind }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EventView::deserialize(deserializer).map(Self::from)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EventView<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

/// The names of all fields of all kinds.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Seq,
    AtMs,
    Kind,
    EngagedMs,
    ScrollPct,
    Href,
    Link,
    RecId,
    Position,
    Placement,
    Items,
    Name,
    Props,
    #[serde(other)]
    Unknown,
}

/// The value of `kind`.
#[derive(Clone, Copy, Deserialize)]
#[serde(variant_identifier, rename_all = "snake_case")]
enum Tag {
    Pageview,
    Engagement,
    Click,
    Impression,
    Custom,
}

impl Tag {
    /// Whether a field belongs to this kind; any other is unknown to it, and may be anything.
    const fn has(self, key: Key) -> bool {
        match self {
            Self::Pageview => false,
            Self::Engagement => matches!(key, Key::EngagedMs | Key::ScrollPct),
            Self::Click => matches!(key, Key::Href | Key::Link | Key::RecId | Key::Position),
            Self::Impression => matches!(key, Key::RecId | Key::Placement | Key::Items),
            Self::Custom => matches!(key, Key::Name | Key::Props),
        }
    }
}

/// The fields found so far.
#[expect(clippy::option_option, reason = "a field that is not there differs from a `null`: only once may either come")]
#[derive(Default)]
struct Found<'a> {
    seq: Option<u32>,
    at_ms: Option<u64>,
    kind: Option<Tag>,
    engaged_ms: Option<u64>,
    scroll_pct: Option<u8>,
    href: Option<Text<'a>>,
    link: Option<LinkKind>,
    rec_id: Option<Option<RecId>>,
    position: Option<Option<u16>>,
    placement: Option<Text<'a>>,
    items: Option<Vec<ItemText<'a>>>,
    name: Option<Text<'a>>,
    props: Option<BTreeMap<String, Scalar>>,
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = EventView<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("struct Event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventView<'de>, A::Error> {
        let mut found = Found::default();
        // What comes before `kind` can only be read after it. The edge writes `kind` first, so that this stays empty.
        let mut early: Vec<(Key, Value)> = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            match (key, found.kind) {
                (Key::Seq | Key::AtMs | Key::Kind, _) => map.next_value_seed(Slot { found: &mut found, key })?,
                (key, Some(kind)) if kind.has(key) => map.next_value_seed(Slot { found: &mut found, key })?,
                (Key::Unknown, _) | (_, Some(_)) => {
                    map.next_value::<IgnoredAny>()?;
                }
                (key, None) => early.push((key, map.next_value()?)),
            }
        }
        let kind = given(found.kind, "kind")?;
        for (key, value) in early {
            if kind.has(key) {
                Slot { found: &mut found, key }.deserialize(value).map_err(A::Error::custom)?;
            }
        }
        found.into_event(kind)
    }
}

/// Where the value of a field goes.
struct Slot<'slot, 'a> {
    found: &'slot mut Found<'a>,
    key: Key,
}

impl<'de> DeserializeSeed<'de> for Slot<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        let Slot { found, key } = self;
        match key {
            Key::Seq => fill(&mut found.seq, "seq", value),
            Key::AtMs => fill(&mut found.at_ms, "at_ms", value),
            Key::Kind => fill(&mut found.kind, "kind", value),
            Key::EngagedMs => fill(&mut found.engaged_ms, "engaged_ms", value),
            Key::ScrollPct => fill(&mut found.scroll_pct, "scroll_pct", value),
            Key::Href => fill(&mut found.href, "href", value),
            Key::Link => fill(&mut found.link, "link", value),
            Key::RecId => fill(&mut found.rec_id, "rec_id", value),
            Key::Position => fill(&mut found.position, "position", value),
            Key::Placement => fill(&mut found.placement, "placement", value),
            Key::Items => fill(&mut found.items, "items", value),
            Key::Name => fill(&mut found.name, "name", value),
            Key::Props => fill(&mut found.props, "props", value),
            Key::Unknown => IgnoredAny::deserialize(value).map(|_| ()),
        }
    }
}

fn fill<'de, D: Deserializer<'de>, T: Deserialize<'de>>(slot: &mut Option<T>, field: &'static str, value: D) -> Result<(), D::Error> {
    if slot.is_some() {
        return Err(D::Error::duplicate_field(field));
    }
    *slot = Some(T::deserialize(value)?);
    Ok(())
}

fn given<T, E: Error>(slot: Option<T>, field: &'static str) -> Result<T, E> {
    slot.ok_or_else(|| E::missing_field(field))
}

impl<'a> Found<'a> {
    fn into_event<E: Error>(self, kind: Tag) -> Result<EventView<'a>, E> {
        let text = |slot: Option<Text<'a>>, field| given(slot, field).map(|text| text.0);
        let kind = match kind {
            Tag::Pageview => EventKindView::Pageview,
            Tag::Engagement => EventKindView::Engagement {
                engaged_ms: given(self.engaged_ms, "engaged_ms")?,
                scroll_pct: given(self.scroll_pct, "scroll_pct")?,
            },
            Tag::Click => EventKindView::Click {
                href: text(self.href, "href")?,
                link: given(self.link, "link")?,
                rec_id: self.rec_id.flatten(),
                position: self.position.flatten(),
            },
            Tag::Impression => EventKindView::Impression {
                rec_id: given(self.rec_id.flatten(), "rec_id")?,
                placement: text(self.placement, "placement")?,
                items: given(self.items, "items")?.into_iter().map(|item| item.0).collect(),
            },
            Tag::Custom => EventKindView::Custom { name: text(self.name, "name")?, props: self.props.unwrap_or_default() },
        };
        Ok(EventView { seq: given(self.seq, "seq")?, at_ms: given(self.at_ms, "at_ms")?, kind })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Number::from_f64(value).map(Scalar::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }
}
