//! Refused bodies: kept for a week, so that an integrator sees why a page's posts are refused.

use serde::Serialize;
use serde_json::value::RawValue;
use wire::BadBody;

use crate::config::Config;
use crate::cors;
use crate::error::{Error, Result};
use crate::privacy::{self, Place};
use crate::query::Query;
use wire::day::{self, Day};

/// Where they are kept.
pub const PREFIX: &str = "bad/";
/// They are kept so many days.
pub const KEPT_DAYS: u64 = 7;
/// One isolate keeps so many a minute: an integrator needs a few, and a flood of garbage must not become a bill
/// (R2 takes 4.50 dollars per million writes: at most 0.4 dollars a day and isolate).
pub const KEPT_PER_MINUTE: u32 = 60;
/// Default and most bodies of one page of the list: each is a read, one after the other, and each may have 64 KiB.
const LISTED_DEFAULT: usize = 50;
const LISTED_MAX: usize = 50;

/// How many bodies this isolate kept in the current minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    minute: u64,
    kept: u32,
}

impl Quota {
    /// Whether one more may be kept now; counts it.
    pub fn take(&mut self, now_ms: u64) -> bool {
        let minute = now_ms / 60_000;
        if self.minute != minute {
            *self = Self { minute, kept: 0 };
        }
        self.kept = self.kept.saturating_add(1);
        self.kept <= KEPT_PER_MINUTE
    }
}

/// What else is known of who sent it.
#[derive(Debug, Clone, Copy, Default)]
pub struct From<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// `Sec-GPC: 1`.
    pub has_gpc: bool,
}

/// What is kept of a refused body. No address and no agent of the reader, and nothing else that is taken out of accepted bodies.
#[must_use]
pub fn letter(config: &Config, error: &Error, from: From<'_>, body: &[u8], now_ms: u64) -> BadBody {
    #[derive(serde::Deserialize)]
    struct Named {
        portal: Option<String>,
    }
    let shown = |text: String| privacy::masked(&text, Place::Text).unwrap_or(text);
    let portal = serde_json::from_slice::<Named>(body).ok().and_then(|named| named.portal);
    let known = portal.as_deref().and_then(|portal| config.portals.get(portal));
    BadBody {
        v: 1,
        at_ms: now_ms,
        code: error.code().to_owned(),
        message: shown(error.to_string()),
        origin: from.origin.map(|origin| shown(cors::shown(origin))),
        body: privacy::clean_refused(body, known, from.has_gpc),
        portal: portal.map(|portal| shown(portal.chars().take(64).collect())),
    }
}

/// Its key: `bad/<yyyy-mm-dd>/<13-digit ms>-<8 hex>.json`.
#[must_use]
pub fn key(now_ms: u64, random: u32) -> String {
    day::key("bad", now_ms, random)
}

/// Whether a key is older than it may be. Keys sort by time, so that the first that is not ends the search.
#[must_use]
pub fn is_expired(key: &str, now_ms: u64) -> bool {
    key < format!("{PREFIX}{}", Day::of(now_ms).days_before(KEPT_DAYS)).as_str()
}

/// Which part of the list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Keys after this one; empty: from the beginning.
    pub after: String,
    /// At most so many.
    pub limit: usize,
}

/// From `?after=&limit=`.
///
/// # Errors
/// [`Error::BadParameter`].
pub fn wanted(query: Query<'_>) -> Result<Wanted> {
    let after = match (query.get("after"), query.get("since_ms")) {
        (Some(after), _) if !after.is_empty() && !after.starts_with(PREFIX) => {
            return Err(Error::BadParameter { name: "after", rule: "a key of this list" });
        }
        (Some(after), _) if !after.is_empty() => after,
        (_, Some(since_ms)) => {
            let since_ms = since_ms.parse().map_err(|_| Error::BadParameter { name: "since_ms", rule: "Unix time in milliseconds" })?;
            format!("{PREFIX}{}/{since_ms:013}", Day::of(since_ms))
        }
        (Some(_) | None, None) => String::new(),
    };
    Ok(Wanted { after, limit: query.count("limit", LISTED_DEFAULT, LISTED_MAX)? })
}

/// A page of the list.
#[derive(Debug, Serialize)]
pub struct Page {
    bodies: Vec<Box<RawValue>>,
    next: String,
}

#[derive(Serialize)]
struct Listed<'a> {
    key: &'a str,
    #[serde(flatten)]
    body: BadBody,
}

/// A page from the objects found: key and text. One that cannot be read any more is left out, but the list goes on behind it.
#[must_use]
pub fn page(wanted: &Wanted, found: &[(String, String)]) -> Page {
    let listed = found.iter().filter_map(|(key, text)| {
        let body: BadBody = serde_json::from_str(text).ok()?;
        serde_json::value::to_raw_value(&Listed { key, body }).ok()
    });
    Page { bodies: listed.collect(), next: found.last().map_or_else(|| wanted.after.clone(), |(key, _)| key.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_337_006_000;

    fn config() -> Config {
        Config::parse(crate::config::Environment::default()).unwrap()
    }

    #[test]
    fn a_flood_is_capped_and_the_next_minute_is_free() {
        let mut quota = Quota::default();
        let kept = (0..1_000).filter(|_| quota.take(NOW_MS)).count();
        assert_eq!(kept, 60);
        assert!(quota.take(NOW_MS + 60_000));
    }

    #[test]
    fn a_letter_says_what_the_client_was_told() {
        let error = Error::UnknownPortal { portal: "zz".to_owned() };
        let letter =
            letter(&config(), &error, From { origin: Some("https://g1.example"), has_gpc: false }, br#"{"v":1,"portal":"zz"}"#, NOW_MS);
        let golden: BadBody = serde_json::from_str(include_str!("../../wire/tests/golden/bad_body.json")).unwrap();
        assert_eq!(letter, golden);
    }

    #[test]
    fn garbage_is_kept_as_text() {
        let letter = letter(&config(), &Error::MissingOrigin, From::default(), &[0xff, b'a'], NOW_MS);
        assert_eq!((letter.portal, letter.origin, letter.body.as_str()), (None, None, "\u{fffd}a"));
    }

    #[test]
    fn a_week_is_kept() {
        assert!(!is_expired("bad/2026-11-15/1794700000000-00000000.json", NOW_MS));
        assert!(is_expired("bad/2026-11-14/1794600000000-00000000.json", NOW_MS));
    }

    #[test]
    fn a_page_names_the_key_to_go_on_from() {
        let golden = include_str!("../../wire/tests/golden/bad_body.json").trim().to_owned();
        let wanted = wanted(Query::new("after=bad/a&limit=2")).unwrap();
        let page = page(&wanted, &[("bad/b".to_owned(), golden), ("bad/c".to_owned(), "broken".to_owned())]);
        let json = serde_json::to_string(&page).unwrap();
        assert!(json.starts_with(r#"{"bodies":[{"key":"bad/b","v":1,"at_ms""#), "{json}");
        assert!(json.ends_with(r#"],"next":"bad/c"}"#), "{json}");
        assert_eq!(serde_json::to_string(&super::page(&wanted, &[])).unwrap(), r#"{"bodies":[],"next":"bad/a"}"#);
        assert!(super::wanted(Query::new("after=dead/x")).is_err());
    }
}
