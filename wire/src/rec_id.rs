//! The id of an answer, which tells what it was answered from: so feedback needs no memory of answers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id;
use crate::recommendation::RecommendationSource;
use crate::text;

/// The lowest three bits: the rung of the ladder.
const SOURCE_BITS: u64 = 0b111;
/// The next one: the parameter set.
const SET_BIT: u64 = 0b1000;

/// One answer of the recommender, 16 lowercase hex digits; impressions and clicks carry it back.
///
/// 60 bits are random. The lowest four say which rung answered, and with which parameter set. A browser may make them up,
/// like everything that it sends: they are figures, not proofs.
///
/// ```
/// use wire::{RecId, RecommendationSource, SetName};
/// let id = RecId::stamped(0x9a1f_03c2_d4e5_b6a7, RecommendationSource::Trending, SetName::B);
/// assert_eq!(id.to_string(), "9a1f03c2d4e5b6aa");
/// assert_eq!((id.source(), id.set()), (Some(RecommendationSource::Trending), SetName::B));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecId(u64);

/// Which of a portal's two parameter sets answered: readers are divided between them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SetName {
    /// What most readers get.
    #[default]
    A,
    /// What is tried.
    B,
}

impl SetName {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl RecId {
    /// From its 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A new one, of 64 random bits, of which the lowest four are overwritten.
    #[must_use]
    pub const fn stamped(random_bits: u64, source: RecommendationSource, set: SetName) -> Self {
        let set = match set {
            SetName::A => 0,
            SetName::B => SET_BIT,
        };
        Self(random_bits & !(SOURCE_BITS | SET_BIT) | code(source) | set)
    }

    /// The rung that answered; `None` when no edge made this id.
    #[must_use]
    pub fn source(self) -> Option<RecommendationSource> {
        RecommendationSource::ALL.into_iter().find(|source| code(*source) == self.0 & SOURCE_BITS)
    }

    /// The parameter set that answered.
    #[must_use]
    pub const fn set(self) -> SetName {
        if self.0 & SET_BIT == 0 { SetName::A } else { SetName::B }
    }

    /// Exactly 16 lowercase hex digits, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        id::parse_hex16(text).map(Self)
    }
}

/// A rung's number in an id. A number never changes its meaning; 6 and 7 are free.
const fn code(source: RecommendationSource) -> u64 {
    match source {
        RecommendationSource::Personal => 0,
        RecommendationSource::Similar => 1,
        RecommendationSource::Trending => 2,
        RecommendationSource::TopPages => 3,
        RecommendationSource::BuiltIn => 4,
        RecommendationSource::Latest => 5,
    }
}

impl fmt::Display for RecId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for RecId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for RecId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, "rec_id must be 16 lowercase hex digits")
    }
}

#[cfg(feature = "schema")]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::RecId;

    impl JsonSchema for RecId {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "RecId".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_rung_and_its_set() {
        for (code, source) in [
            (0, RecommendationSource::Personal),
            (1, RecommendationSource::Similar),
            (2, RecommendationSource::Trending),
            (3, RecommendationSource::TopPages),
            (4, RecommendationSource::BuiltIn),
            (5, RecommendationSource::Latest),
        ] {
            for (bit, set) in [(0, SetName::A), (8, SetName::B)] {
                for random in [0, u64::MAX, 0x9a1f_03c2_d4e5_b6a7] {
                    let id = RecId::stamped(random, source, set);
                    assert_eq!((id.source(), id.set()), (Some(source), set));
                    assert_eq!(id.bits(), random & !0xf | code | bit, "the numbers are the protocol");
                }
            }
        }
        assert_eq!([6, 7, 14, 15].map(|bits| RecId::from_bits(bits).source()), [None; 4]);
    }

    #[test]
    fn a_round_trip_changes_nothing() {
        let id: RecId = serde_json::from_str("\"9a1f03c2d4e5b6a7\"").unwrap();
        assert_eq!(id, RecId::from_bits(0x9a1f_03c2_d4e5_b6a7));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"9a1f03c2d4e5b6a7\"");
        assert_eq!((RecId::parse("9a1f"), RecId::parse("9a1f03c2d4e5b6ag")), (None, None));
    }
}
