//! Ids: fixed-width lowercase hex on the wire, integers inside.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// A reader's first-party id, 32 lowercase hex digits.
/// In `cookieless` mode the edge makes it: `d` and 31 digits of a day-salted HMAC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId(u128);

/// One showing of one page, 32 lowercase hex digits. Time-ordered: the first 12 are Unix milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageviewId(u128);

/// Who is on the same network today, and nothing more: 16 lowercase hex digits, made by the edge of the salt of the day, the portal
/// and the reader's address cut to /24 or /48. The next day it is another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(u64);

impl VisitorId {
    /// From its 128 bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits: a well-spread key.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Exactly 32 lowercase hex digits, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text, 32).map(Self)
    }
}

impl PageviewId {
    /// From its 128 bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits: a well-spread key.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// Exactly 32 lowercase hex digits, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex(text, 32).map(Self)
    }

    /// When the pageview began by the reader's clock, Unix milliseconds.
    #[must_use]
    pub fn started_at_ms(self) -> u64 {
        u64::try_from(self.0 >> 80).unwrap_or(0)
    }
}

impl NetworkId {
    /// From its 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits: a well-spread key.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Exactly 16 lowercase hex digits, or `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_hex16(text).map(Self)
    }
}

/// What each byte is worth as a lowercase hex digit; [`NO_DIGIT`] for all others.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let byte = if value < 10 { b'0' + value } else { b'a' - 10 + value };
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "a byte is below 256; `const` knows no other way")]
        {
            digits[byte as usize] = value;
        }
        value += 1;
    }
    digits
};

/// Has a bit that no digit has.
const NO_DIGIT: u8 = 0x80;

/// Exactly 16 lowercase hex digits.
pub(crate) fn parse_hex16(text: &str) -> Option<u64> {
    u64::try_from(parse_hex(text, 16)?).ok()
}

fn parse_hex(text: &str, digits: usize) -> Option<u128> {
    if text.len() != digits || digits > 32 {
        return None;
    }
    let (high, low) = text.as_bytes().split_at_checked(digits / 2)?;
    let (high, low) = (parse_half(high), parse_half(low));
    let half_bits = u32::try_from(digits * 2).ok()?;
    Some((u128::from(high?) << half_bits) | u128::from(low?))
}

/// Up to 16 digits. Without a branch for each: ids are a tenth of what a consumer reads.
fn parse_half(digits: &[u8]) -> Option<u64> {
    let (mut bits, mut seen) = (0_u64, 0);
    for byte in digits {
        let value = DIGITS.get(usize::from(*byte)).copied().unwrap_or(NO_DIGIT);
        seen |= value;
        bits = (bits << 4) | u64::from(value & 0x0f);
    }
    (seen & NO_DIGIT == 0).then_some(bits)
}

impl fmt::Display for VisitorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Display for PageviewId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for PageviewId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for VisitorId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for PageviewId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for NetworkId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VisitorId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, "visitor must be 32 lowercase hex digits")
    }
}

impl<'de> Deserialize<'de> for PageviewId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, "pageview must be 32 lowercase hex digits")
    }
}

impl<'de> Deserialize<'de> for NetworkId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, "network must be 16 lowercase hex digits")
    }
}

#[cfg(feature = "schema")]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{NetworkId, PageviewId, VisitorId};

    impl JsonSchema for VisitorId {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "VisitorId".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
        }
    }

    impl JsonSchema for PageviewId {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "PageviewId".into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
        }
    }

    impl JsonSchema for NetworkId {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "NetworkId".into()
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
    fn only_lowercase_hex_of_the_exact_length_is_an_id() {
        assert!(VisitorId::parse("5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e").is_some());
        for bad in [
            "",
            "5f0c2b",
            "5F0C2B7D9E1A4C3B8F6D2E0A1B9C8D7E",
            "+f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e",
            "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e0",
            "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7é",
        ] {
            assert!(VisitorId::parse(bad).is_none(), "{bad}");
        }
        assert!(NetworkId::parse("9a1f03c2d4e5b6a7").is_some());
        assert!(NetworkId::parse("9a1f").is_none());
        assert!(NetworkId::parse("9a1f03c2d4e5b6ag").is_none());
    }

    #[test]
    fn every_byte_in_every_place_reads_as_the_standard_library_says() {
        for place in 0..32 {
            for byte in 0..128_u8 {
                let mut text = "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e".to_owned();
                text.replace_range(place..=place, char::from(byte).encode_utf8(&mut [0; 4]));
                let is_digit = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let expected = if is_digit { u128::from_str_radix(&text, 16).ok() } else { None };
                assert_eq!(VisitorId::parse(&text).map(VisitorId::bits), expected, "{text}");
            }
        }
        assert_eq!(NetworkId::parse("9a1f03c2d4e5b6a7"), Some(NetworkId::from_bits(0x9a1f_03c2_d4e5_b6a7)));
    }

    #[test]
    fn a_pageview_id_tells_when_it_began() {
        let id = PageviewId::parse("01a203d9b07b5d2e8a6f1c0b9d3e7a42").unwrap();
        assert_eq!(id.started_at_ms(), 0x01a2_03d9_b07b);
    }

    #[test]
    fn leading_zeros_survive_a_round_trip() {
        let text = "\"0000000000000000000000000000000a\"";
        let id: VisitorId = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), text);
    }
}
