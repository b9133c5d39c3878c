//! Texts of a JSON document without a copy, and without an allocation where they are only looked at.
//!
//! `Cow::<str>::deserialize` always copies; these functions borrow whatever stands in the document unescaped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use crate::item::Item;
use crate::portal::PortalId;

/// A value made from a text by `parse`, or an error that quotes `rule`.
pub(crate) fn parsed<'de, D, T>(deserializer: D, parse: fn(&str) -> Option<T>, rule: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(Parsed { parse, rule })
}

/// Any text.
pub(crate) fn borrowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_str(Borrowed { keep: |text| Some(text), rule: "" })
}

/// Any text, or none.
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(Option::<Text<'de>>::deserialize(deserializer)?.map(|text| text.0))
}

/// The text of an [`Item`], or none.
pub(crate) fn optional_item<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(Option::<ItemText<'de>>::deserialize(deserializer)?.map(|item| item.0))
}

/// The text of a [`PortalId`].
pub(crate) fn portal_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_str(Borrowed { keep: |text| PortalId::is_id(text).then_some(text), rule: PortalId::RULE })
}

/// A text that has to be there and that nobody reads: it is checked, not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread;

/// Any text.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// The text of an [`Item`].
pub(crate) struct ItemText<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer, |_| Some(Self), "")
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        borrowed(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for ItemText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Borrowed { keep: Item::clean, rule: Item::RULE }).map(Self)
    }
}

struct Parsed<T> {
    parse: fn(&str) -> Option<T>,
    rule: &'static str,
}

impl<T> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(self.rule))
    }
}

/// `keep` says which part of the text is the value.
struct Borrowed {
    keep: fn(&str) -> Option<&str>,
    rule: &'static str,
}

impl<'de> Visitor<'de> for Borrowed {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        (self.keep)(text).map(Cow::Borrowed).ok_or_else(|| E::custom(self.rule))
    }

    /// A text with escapes does not stand in the document as it is.
    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        (self.keep)(text).map(|kept| Cow::Owned(kept.to_owned())).ok_or_else(|| E::custom(self.rule))
    }
}
