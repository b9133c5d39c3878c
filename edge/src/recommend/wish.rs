//! What a page asks for, and what its request tells of the reader.

use wire::{Item, Portal, Source, VisitorId};

use crate::agent::Agent;
use crate::collect::Client;
use crate::error::{Error, Result};
use crate::query::{self, Query};
use crate::source;

/// Items of an answer when the page does not say.
const LIMIT_DEFAULT: usize = 10;
/// Most items of an answer; an impression carries no more.
pub const LIMIT_MAX: usize = 50;
/// Articles of `read` that are looked at to rank, latest last; older ones say too little.
pub const READ_RANKED_MAX: usize = 5;
/// Most items of `read` and of `exclude`, each: no page shows more, and each is looked up for each candidate.
const KNOWN_MAX: usize = 100;

/// Which list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `/recommendations`: what to read next.
    Recommendations,
    /// `/similar`: what readers of a page read.
    Similar,
    /// `/trending`: what is rising.
    Trending,
    /// `/top-pages`: what is read most.
    TopPages,
    /// `/latest`: what is new.
    Latest,
}

/// What a page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which list.
    pub door: Door,
    /// The page itself.
    pub item: Option<Item>,
    /// What the reader has read, latest last.
    pub read: Vec<Item>,
    /// What the page shows already.
    pub exclude: Vec<Item>,
    /// Only of this section.
    pub section: Option<String>,
    /// Only published since then, Unix milliseconds.
    pub published_after_ms: Option<u64>,
    /// At most so many, 1 to 50.
    pub limit: usize,
    /// Who reads. It chooses the parameter set and nothing else: what others read is not to be had by naming them.
    pub visitor: Option<VisitorId>,
    /// Where the reader came from, if the page says it: the `Referer` of a request for recommendations is the page itself.
    pub source: Option<Source>,
}

/// What headers tell of the reader.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "holds a hash of the reader's IP address")]
pub struct Reader {
    /// What the user agent says, if there is one.
    pub agent: Option<Agent>,
    /// ISO 3166-1 alpha-2, or `XX`.
    pub country: String,
    /// ISO 3166-2 subdivision, or empty.
    pub region: String,
    /// A hash of the address; in memory only. `None` without an address.
    pub address_hash: Option<u64>,
}

impl Door {
    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Recommendations => "/recommendations",
            Self::Similar => "/similar",
            Self::Trending => "/trending",
            Self::TopPages => "/top-pages",
            Self::Latest => "/latest",
        }
    }

    /// The door of a path.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let doors = [Self::Recommendations, Self::Similar, Self::Trending, Self::TopPages, Self::Latest];
        doors.into_iter().find(|door| door.path() == path)
    }
}

impl Wish {
    /// From `?item=&read=&exclude=&section=&published_after=&limit=&visitor=&referrer=`.
    ///
    /// # Errors
    /// [`Error::BadParameter`] when a value is none, [`Error::MissingParameter`] when `/similar` is asked without `item`.
    pub fn parse(query: Query<'_>, door: Door, portal: &Portal, is_dev: bool) -> Result<Self> {
        let visitor = query.get("visitor").map(|text| VisitorId::parse(&text).ok_or(VISITOR_RULE)).transpose()?;
        let referrer = query.get("referrer");
        let mut read = query.items("read");
        // The latest stand last.
        read.drain(..read.len().saturating_sub(KNOWN_MAX));
        let mut exclude = query.items("exclude");
        exclude.truncate(KNOWN_MAX);
        let item = query.get("item").as_deref().and_then(query::item);
        if door == Door::Similar && item.is_none() {
            return Err(Error::MissingParameter { name: "item" });
        }
        Ok(Self {
            door,
            item,
            read,
            exclude,
            section: query.get("section"),
            published_after_ms: query.instant_ms("published_after")?,
            limit: query.count("limit", LIMIT_DEFAULT, LIMIT_MAX)?,
            visitor,
            source: referrer.map(|referrer| source::classify(Some(&referrer), portal, is_dev)),
        })
    }

    /// Whether the page says something of its reader. Only then is the answer ranked for the reader, by headers too, and belongs to nobody else;
    /// every other answer depends on nothing but the address that was asked and the reader's parameter set.
    #[must_use]
    pub const fn is_of_reader(&self) -> bool {
        self.item.is_some() || !self.read.is_empty() || self.visitor.is_some() || self.source.is_some()
    }
}

const VISITOR_RULE: Error = Error::BadParameter { name: "visitor", rule: "32 lowercase hex digits" };

impl Reader {
    /// From a request.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self {
            agent: client.user_agent.as_deref().map(|user_agent| Agent::parse(Some(user_agent))),
            country: client.country.clone(),
            region: client.region.clone(),
            address_hash: (!client.ip.is_empty()).then(|| fnv(client.ip.as_bytes())),
        }
    }
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
#[must_use]
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn parse(query: &str, door: Door) -> Result<Wish> {
        let config = Config::parse(Environment::default()).unwrap();
        Wish::parse(Query::new(query), door, config.portals.get("g1").unwrap(), false)
    }

    #[test]
    fn every_list_has_a_path() {
        assert_eq!(Door::of_path("/similar"), Some(Door::Similar));
        assert_eq!(Door::of_path("/top_pages"), None);
    }

    #[test]
    fn what_is_read_last_stands_last_and_is_kept() {
        let read: Vec<String> = (0..KNOWN_MAX + 2).map(|n| format!("/{n}")).collect();
        let wish = parse(&format!("read={}", read.join(",")), Door::Recommendations).unwrap();
        assert_eq!((wish.read.len(), wish.read[0].as_str(), wish.read[KNOWN_MAX - 1].as_str()), (KNOWN_MAX, "/2", "/101"));
    }

    #[test]
    fn only_a_page_that_says_who_reads_is_answered_for_a_reader() {
        let visitor = "5f0c2b7d9e1a4c3f8b6d0e2a7c4f9b15";
        for (query, expected) in [
            ("section=rio&limit=3&exclude=/a&published_after=2026-11-22", false),
            ("item=/a", true),
            ("read=/a", true),
            (&*format!("visitor={visitor}"), true),
            ("referrer=https://t.co/a", true),
            ("item=", false),
        ] {
            assert_eq!(parse(query, Door::Recommendations).unwrap().is_of_reader(), expected, "{query}");
        }
        assert_eq!(parse("referrer=https://t.co/a", Door::Trending).unwrap().source, Some(Source::Social));
    }

    #[test]
    fn bad_questions_are_named() {
        for (query, door, code) in [
            ("visitor=me", Door::Recommendations, "bad_field"),
            ("published_after=yesterday", Door::Recommendations, "bad_field"),
            ("limit=0", Door::Latest, "bad_field"),
            ("", Door::Similar, "missing_field"),
            ("item=nothing", Door::Similar, "missing_field"),
        ] {
            assert_eq!(parse(query, door).unwrap_err().code(), code, "{query}");
        }
    }
}
