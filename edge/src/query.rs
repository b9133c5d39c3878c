//! Reads the query of an address: parameters, numbers and lists of items.

use wire::{Item, instant};

use crate::error::{Error, Result};

/// The query of an address, after its `?`.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Of the text after `?`, or of the empty text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The first parameter of this name, decoded; an empty one counts as absent.
    #[must_use]
    pub fn get(self, name: &str) -> Option<String> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next().filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// [`Error::MissingParameter`].
    pub fn required(self, name: &'static str) -> Result<String> {
        self.get(name).ok_or(Error::MissingParameter { name })
    }

    /// A whole number, brought into `1..=max`; `default` when absent.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when it is no whole number, or 0.
    pub fn count(self, name: &'static str, default: usize, max: usize) -> Result<usize> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte != b'0');
        // Digits that do not fit are a number too, and far above `max`.
        if is_number { Ok(text.parse().unwrap_or(max).min(max)) } else { Err(Error::BadParameter { name, rule: "a whole number from 1" }) }
    }

    /// A moment, Unix milliseconds: a whole number of them, or a date or time of RFC 3339. What is before 1970 is 0.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when it is neither.
    pub fn instant_ms(self, name: &'static str) -> Result<Option<u64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX));
        let rule = "milliseconds since 1970, or a time such as 2026-11-22T18:30:00-03:00";
        instant::parse_ms(&text).or_else(number).map(Some).ok_or(Error::BadParameter { name, rule })
    }

    /// A list of items. What is no item is left out: it could not be recommended anyway.
    #[must_use]
    pub fn items(self, name: &str) -> Vec<Item> {
        self.get(name).map(|list| split_items(&list)).unwrap_or_default()
    }
}

/// Items are separated by commas and may contain commas themselves (`/0,,MUL123-5598,00.html` is a real address);
/// but each begins with `/`, so that only a comma before a `/` separates.
fn split_items(list: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = list;
    while let Some((first, behind)) = rest.split_once(",/") {
        items.extend(item(first.trim_end_matches(',')));
        rest = rest.get(rest.len() - behind.len() - 1..).unwrap_or_default();
    }
    items.extend(item(rest.trim_end_matches(',')));
    items
}

/// An item from a path or from a whole address.
pub(crate) fn item(text: &str) -> Option<Item> {
    Item::parse(text).or_else(|| Item::of_url(text))
}

/// Percent-decoding as forms do it; what is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = behind;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The value of a hex digit.
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => digit & 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(query: &str) -> Vec<String> {
        Query::new(query).items("read").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_come_with_their_commas_escaped_or_not() {
        for query in ["read=/a,/b", "read=%2Fa%2C%2Fb", "x=1&read=/a%2c/b", "read=https://g1.example/a,/b"] {
            assert_eq!(items(query), ["/a", "/b"], "{query}");
        }
    }

    #[test]
    fn an_item_may_contain_commas() {
        assert_eq!(items("read=/0,,MUL123-5598,00.html,/b"), ["/0,,MUL123-5598,00.html", "/b"]);
    }

    #[test]
    fn what_is_no_item_is_left_out() {
        assert_eq!(items("read=javascript:alert(1),/b,,//evil.example"), ["/b"]);
        assert!(items("read=").is_empty() && items("read").is_empty() && items("").is_empty());
    }

    #[test]
    fn escapes_are_decoded_and_broken_ones_kept() {
        assert_eq!(Query::new("a=%C3%A9+x").get("a").unwrap(), "é x");
        assert_eq!(Query::new("a=%zz%4").get("a").unwrap(), "%zz%4");
        assert_eq!(Query::new("a=%ff").get("a").unwrap(), "\u{fffd}");
    }

    #[test]
    fn a_moment_is_a_number_or_a_time() {
        let moment = |query: &str| Query::new(query).instant_ms("since");
        assert_eq!(moment(""), Ok(None));
        assert_eq!(moment("since=1795380200000"), Ok(Some(1_795_380_200_000)));
        // A plus sign that was not escaped is a blank.
        for text in ["2026-11-22T20:43:20Z", "2026-11-22T17:43:20-03:00", "2026-11-22T21:43:20+01:00", "2026-11-22T21:43:20%2B01:00"] {
            assert_eq!(moment(&format!("since={text}")), Ok(Some(1_795_380_200_000)), "{text}");
        }
        assert_eq!(moment("since=yesterday").unwrap_err().code(), "bad_field");
    }

    #[test]
    fn a_count_is_clamped_but_must_be_a_number() {
        let count = |query| Query::new(query).count("limit", 10, 50);
        assert_eq!(count(""), Ok(10));
        assert_eq!(count("limit=1"), Ok(1));
        assert_eq!(count("limit=51"), Ok(50));
        assert_eq!(count("limit=99999999999999999999999"), Ok(50));
        for bad in ["limit=0", "limit=-1", "limit=ten", "limit=1.5", "limit=%2B5"] {
            assert_eq!(count(bad).unwrap_err().code(), "bad_field", "{bad}");
        }
    }
}
