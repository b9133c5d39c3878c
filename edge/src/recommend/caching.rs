//! Which answers are shared between readers, and under which key.

use std::fmt::Write as _;

use wire::{RecommendationSource, Rules};

use super::Asked;
use super::split::is_whole;

/// Answers that are shared are so long, seconds. They share a `rec_id` so long, too: impressions and clicks of all their readers are one answer's.
pub const SHARED_S: u32 = 15;

/// Who may keep an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody: it depends on the address that was asked alone.
    Public,
    /// The browser: readers with another parameter set are answered otherwise.
    OfSet,
    /// Nobody.
    Nobody,
}

impl Sharing {
    /// The `Cache-Control` of the answer.
    #[must_use]
    pub fn cache_control(self) -> String {
        match self {
            Self::Public => format!("public, max-age={SHARED_S}"),
            Self::OfSet => format!("private, max-age={SHARED_S}"),
            Self::Nobody => "private, no-store".to_owned(),
        }
    }
}

/// Who may keep an answer that was kept here.
#[must_use]
pub const fn sharing_of_kept(rules: &Rules) -> Sharing {
    if is_whole(rules) { Sharing::Public } else { Sharing::OfSet }
}

/// Who may keep an answer. The last resort is nobody's, so that the next answer is a better one.
#[must_use]
pub fn sharing(asked: &Asked<'_>, rules: &Rules, source: RecommendationSource) -> Sharing {
    if asked.wish.is_of_reader() || source == RecommendationSource::BuiltIn { Sharing::Nobody } else { sharing_of_kept(rules) }
}

/// The key of an answer in the cache of this data centre; `None` for an answer that is one reader's. It is made of what was understood of the
/// query, never of a header, and of `edition`, which tells what was published apart: what is blocked now is not in an answer of before.
#[must_use]
pub fn key(asked: &Asked<'_>, edition: u64) -> Option<String> {
    let wish = asked.wish;
    if wish.is_of_reader() {
        return None;
    }
    let mut key = format!("https://cache.invalid/{}{}/{}/{edition:016x}", asked.portal.id, wish.door.path(), asked.set.as_str());
    let mut exclude: Vec<&str> = wish.exclude.iter().map(wire::Item::as_str).collect();
    exclude.sort_unstable();
    exclude.dedup();
    // Writing into a text does not fail.
    let _ =
        write!(key, "?limit={}&after={}", wish.limit, wish.published_after_ms.map_or_else(String::new, |after_ms| after_ms.to_string()));
    for (name, value) in wish.section.iter().map(|section| ("section", section.as_str())).chain(exclude.iter().map(|item| ("not", *item))) {
        let _ = write!(key, "&{name}={}", escaped(value));
    }
    Some(key)
}

/// No value can pretend to be another parameter.
fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(byte)),
            byte => drop(write!(text, "%{byte:02x}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wire::SetName;

    use super::*;
    use crate::config::{Config, Environment};
    use crate::query::Query;
    use crate::recommend::{Door, Reader, Wish};

    fn with<T>(portal: &str, door: Door, query: &str, set: SetName, act: impl FnOnce(&Asked<'_>) -> T) -> T {
        let config = Config::parse(Environment::default()).unwrap();
        let portal = config.portals.get(portal).unwrap();
        let wish = Wish::parse(Query::new(query), door, portal, false).unwrap();
        act(&Asked { portal, wish: &wish, reader: &Reader::default(), set, now_ms: 0, random_bits: 0 })
    }

    #[test]
    fn questions_that_differ_have_keys_that_differ() {
        let a = SetName::A;
        let mut keys = BTreeSet::new();
        let questions = [
            ("g1", Door::Recommendations, "", a, 0),
            ("ge", Door::Recommendations, "", a, 0),
            ("g1", Door::Trending, "", a, 0),
            ("g1", Door::Recommendations, "", SetName::B, 0),
            ("g1", Door::Recommendations, "", a, 1),
            ("g1", Door::Recommendations, "limit=3", a, 0),
            ("g1", Door::Recommendations, "section=rio", a, 0),
            ("g1", Door::Recommendations, "section=rio%26not%3D%2Fa", a, 0),
            ("g1", Door::Recommendations, "section=rio&exclude=/a", a, 0),
            ("g1", Door::Recommendations, "exclude=/a,/b", a, 0),
            ("g1", Door::Recommendations, "exclude=/a%2526not%253D/b", a, 0),
            ("g1", Door::Recommendations, "published_after=2026-11-22", a, 0),
        ];
        for (portal, door, query, set, edition) in questions {
            assert!(keys.insert(with(portal, door, query, set, |asked| key(asked, edition)).unwrap()), "{door:?} {query}");
        }
        // And what is the same question has the same.
        for query in ["utm_source=x&exclude=/b,/a", "exclude=/a,/b,/a&limit=10"] {
            assert!(!keys.insert(with("g1", Door::Recommendations, query, a, |asked| key(asked, 0)).unwrap()), "{query}");
        }
    }

    #[test]
    fn what_is_one_readers_is_kept_nowhere() {
        let rules = |b_share_pct| Rules { b_share_pct, ..Rules::default() };
        let source = RecommendationSource::Trending;
        for query in ["item=/a", "read=/a", "visitor=5f0c2b7d9e1a4c3f8b6d0e2a7c4f9b15", "referrer=https://t.co/a"] {
            with("g1", Door::TopPages, query, SetName::A, |asked| {
                assert_eq!((key(asked, 0), sharing(asked, &rules(0), source)), (None, Sharing::Nobody), "{query}");
            });
        }
        with("g1", Door::TopPages, "", SetName::A, |asked| {
            assert_eq!(sharing(asked, &rules(0), source).cache_control(), "public, max-age=15");
            assert_eq!(sharing(asked, &rules(10), source).cache_control(), "private, max-age=15");
            assert_eq!(sharing(asked, &rules(0), RecommendationSource::BuiltIn).cache_control(), "private, no-store");
        });
    }
}
