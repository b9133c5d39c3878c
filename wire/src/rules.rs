//! What a portal's editors decide (KV `rules/<portal>`): pins, blocks, diversity, and the two parameter sets that are tried against each other.
//! Changed without a deployment.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::item::Item;
use crate::page::META_BYTES_MAX;

/// Most pins of a portal; no list is longer.
pub const PINS_MAX: usize = 50;
/// Most blocks of a portal: each is looked at for each candidate. What is taken back for good belongs into the catalogue.
pub const BLOCKS_MAX: usize = 1_000;
/// Largest file of rules, in bytes of JSON: every block a longest item.
pub const RULES_BYTES_MAX: usize = 1_048_576;
/// Last position of a pin: that of the longest list.
const POSITION_MAX: u8 = 50;
/// Most places of a list that are kept for fresh articles.
const FRESH_SLOTS_MAX: u8 = 5;
/// Largest share of answers with a place for exploring, percent: it costs clicks.
const EXPLORE_PCT_MAX: u8 = 10;

/// What a portal's editors decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rules {
    /// Version of the message: 1.
    pub v: u8,
    /// Items with a place of their own in `/recommendations`, first come first placed.
    #[serde(default)]
    pub pins: Vec<Pin>,
    /// What no list shows.
    #[serde(default)]
    pub blocks: Vec<Block>,
    /// At most so many items of one section in an answer of `/recommendations`, 1 to 50. An item without a known section is of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_max: Option<u8>,
    /// Articles that were published, or else first seen, longer ago are in no list, milliseconds. Pins may be older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_ms: Option<u64>,
    /// The two parameter sets.
    #[serde(default)]
    pub sets: ParameterSets,
    /// The share of readers who get set `b`, percent, 0 to 100.
    #[serde(default)]
    pub b_share_pct: u8,
}

/// An item with a place of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// Which.
    pub item: Item,
    /// Its place, 1 to 50; without one the first that is free. A shorter list shows it only when it reaches that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u8>,
    /// Only in lists that were asked for with this `section`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Until then, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// What no list shows: one of three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// This item.
    Item(Item),
    /// Items of this section.
    Section(String),
    /// Items whose path begins so, such as `/videos/`.
    Prefix(String),
}

/// The two parameter sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParameterSets {
    /// What readers get.
    #[serde(default)]
    pub a: ParameterSet,
    /// What `b_share_pct` of them get instead.
    #[serde(default)]
    pub b: ParameterSet,
}

/// How `/recommendations` is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ParameterSet {
    /// How personal answers are ranked.
    #[serde(default)]
    pub ranker: RankerName,
    /// So many of the last places are kept for articles first seen less than an hour ago, 0 to 5.
    #[serde(default)]
    pub fresh_slots: u8,
    /// In so many of a hundred answers the last place goes to a recent article that few have seen, 0 to 10.
    #[serde(default)]
    pub explore_pct: u8,
}

/// A ranker of the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RankerName {
    /// Everything that was learnt.
    #[default]
    Full,
    /// Only what is read after what, and what is popular.
    Base,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            v: 1,
            pins: Vec::new(),
            blocks: Vec::new(),
            section_max: None,
            max_age_ms: None,
            sets: ParameterSets::default(),
            b_share_pct: 0,
        }
    }
}

impl Rules {
    /// Rules from their published bytes. Fields that are not known are ignored, as in every message.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::UnsupportedVersion`], or [`Error::BadField`] for a value outside its limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let rules: Self = serde_json::from_slice(bytes).map_err(|error| Error::malformed(&error))?;
        if rules.v != 1 {
            return Err(Error::UnsupportedVersion { found: u64::from(rules.v) });
        }
        rules.check()?;
        Ok(rules)
    }

    /// The same for what a person has written: there a field that is not known is a misspelt one, and a rule that nobody obeys.
    ///
    /// # Errors
    /// Those of [`Rules::parse`], and [`Error::BadField`] for a field that is not known.
    pub fn parse_strictly(bytes: &[u8]) -> Result<Self, Error> {
        let rules = Self::parse(bytes)?;
        let written: Value = serde_json::from_slice(bytes).map_err(|error| Error::malformed(&error))?;
        if knows_all_of(&written) { Ok(rules) } else { Err(bad("rules", "without fields that are not known: one is misspelt")) }
    }

    fn check(&self) -> Result<(), Error> {
        let is_name = |name: &str| !name.is_empty() && name.len() <= META_BYTES_MAX;
        let is_pin = |pin: &Pin| {
            pin.position.is_none_or(|position| (1..=POSITION_MAX).contains(&position)) && pin.section.as_deref().is_none_or(is_name)
        };
        let is_block = |block: &Block| match block {
            Block::Item(_) => true,
            Block::Section(section) => is_name(section),
            // `/` alone would block everything.
            Block::Prefix(prefix) => prefix.len() > 1 && Item::parse(prefix).is_some_and(|item| item.as_str() == prefix),
        };
        let is_set = |set: &ParameterSet| set.fresh_slots <= FRESH_SLOTS_MAX && set.explore_pct <= EXPLORE_PCT_MAX;
        let checks = [
            (self.pins.len() <= PINS_MAX && self.pins.iter().all(is_pin), bad("pins", "at most 50 pins with positions from 1 to 50")),
            (
                self.blocks.len() <= BLOCKS_MAX && self.blocks.iter().all(is_block),
                bad("blocks", "at most 1000 of {\"item\"}, {\"section\"} or {\"prefix\"}, a prefix longer than /"),
            ),
            (self.section_max.is_none_or(|most| (1..=POSITION_MAX).contains(&most)), bad("section_max", "from 1 to 50")),
            (self.max_age_ms != Some(0), bad("max_age_ms", "longer than 0")),
            (is_set(&self.sets.a) && is_set(&self.sets.b), bad("sets", "of fresh_slots from 0 to 5 and explore_pct from 0 to 10")),
            (self.b_share_pct <= 100, bad("b_share_pct", "from 0 to 100")),
        ];
        checks.into_iter().find(|(is_good, _)| !is_good).map_or(Ok(()), |(_, error)| Err(error))
    }
}

const fn bad(field: &'static str, rule: &'static str) -> Error {
    Error::BadField { field, rule }
}

/// Whether every field of an object has one of our names.
fn knows_all_of(written: &Value) -> bool {
    const KNOWN: [&str; 17] = [
        "v",
        "pins",
        "item",
        "position",
        "section",
        "until_ms",
        "blocks",
        "prefix",
        "section_max",
        "max_age_ms",
        "sets",
        "a",
        "b",
        "ranker",
        "fresh_slots",
        "explore_pct",
        "b_share_pct",
    ];
    match written {
        Value::Object(fields) => fields.iter().all(|(name, value)| KNOWN.contains(&name.as_str()) && knows_all_of(value)),
        Value::Array(values) => values.iter().all(knows_all_of),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(rules: &str) -> Option<&'static str> {
        Rules::parse_strictly(rules.as_bytes()).err().map(|error| error.code())
    }

    #[test]
    fn nothing_but_the_version_is_needed() {
        assert_eq!(Rules::parse(br#"{"v":1}"#).unwrap(), Rules::default());
        assert_eq!(code(r#"{"v":2}"#), Some("unsupported_version"));
        assert_eq!(code("{}"), Some("malformed_json"));
    }

    #[test]
    fn what_is_outside_its_limits_is_refused() {
        for (bad, good) in [
            (r#""pins":[{"item":"/a","position":0}]"#, r#""pins":[{"item":"/a","position":1}]"#),
            (r#""pins":[{"item":"/a","position":51}]"#, r#""pins":[{"item":"/a","position":50}]"#),
            (r#""blocks":[{"prefix":"/"}]"#, r#""blocks":[{"prefix":"/v"}]"#),
            (r#""blocks":[{"prefix":"/v?x"}]"#, r#""blocks":[{"prefix":"/v/"}]"#),
            (r#""blocks":[{"section":""}]"#, r#""blocks":[{"section":"s"}]"#),
            (r#""section_max":0"#, r#""section_max":1"#),
            (r#""max_age_ms":0"#, r#""max_age_ms":1"#),
            (r#""sets":{"a":{"fresh_slots":6}}"#, r#""sets":{"a":{"fresh_slots":5}}"#),
            (r#""sets":{"b":{"explore_pct":11}}"#, r#""sets":{"b":{"explore_pct":10}}"#),
            (r#""b_share_pct":101"#, r#""b_share_pct":100"#),
            (r#""pin":[{"item":"/a"}]"#, r#""pins":[{"item":"/a"}]"#),
            (r#""pins":[{"item":"/a","until":5}]"#, r#""pins":[{"item":"/a","until_ms":5}]"#),
        ] {
            assert_eq!(code(&format!(r#"{{"v":1,{bad}}}"#)), Some("bad_field"), "{bad}");
            assert_eq!(code(&format!(r#"{{"v":1,{good}}}"#)), None, "{good}");
        }
    }

    #[test]
    fn lists_have_limits() {
        let rules = |pins: usize, blocks: usize| {
            let list = |count| vec![r#"{"item":"/a"}"#; count].join(",");
            format!(r#"{{"v":1,"pins":[{}],"blocks":[{}]}}"#, list(pins), list(blocks))
        };
        assert_eq!(code(&rules(PINS_MAX, BLOCKS_MAX)), None);
        assert_eq!((code(&rules(PINS_MAX + 1, 0)), code(&rules(0, BLOCKS_MAX + 1))), (Some("bad_field"), Some("bad_field")));
    }

    #[test]
    fn a_field_of_later_days_is_ignored_by_readers_and_refused_from_writers() {
        let later = br#"{"v":1,"later":{"x":1}}"#;
        assert!(Rules::parse(later).is_ok() && Rules::parse_strictly(later).is_err());
    }
}
