//! A click as a line of text: `at_ms session item visitor environment device_group os country region referrer_type`, separated by tabs.

use wire::model::Context;
use wire::{Item, Source};

/// Later than the year 3000 is no time.
const AT_MS_MAX: u64 = 32_503_680_000_000;
/// Items are given names of paths, for that is what they are elsewhere.
const PREFIX: &str = "/";

/// A click of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) at_ms: u64,
    pub(crate) session: &'a str,
    pub(crate) item: Item,
    /// Environment, device group, operating system, country, region.
    words: [&'a str; 5],
    /// Where the reader came from.
    pub(crate) source: Option<Source>,
}

impl<'a> Line<'a> {
    /// Everything after the item may be absent.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(crate) fn parse(line: &'a str) -> Result<Self, String> {
        let mut fields = line.trim_end_matches(['\r', '\n']).split('\t');
        let at_ms = fields.next().unwrap_or_default();
        let at_ms = at_ms
            .parse()
            .ok()
            .filter(|at_ms| *at_ms <= AT_MS_MAX)
            .ok_or_else(|| format!("at_ms must be Unix milliseconds, not {at_ms:?}"))?;
        let session = fields.next().filter(|session| !session.is_empty()).ok_or("the session is missing")?;
        let item = fields.next().filter(|item| !item.is_empty()).ok_or("the item is missing")?;
        let named = Item::parse(&format!("{PREFIX}{item}")).filter(|named| named.as_str().len() == PREFIX.len() + item.len());
        let item = named.ok_or_else(|| format!("the item {item:?} has blanks, ? or #, begins with /, or is longer than 511 bytes"))?;
        let _visitor = fields.next();
        let mut next = || fields.next().unwrap_or_default();
        Ok(Self { at_ms, session, item, words: [next(), next(), next(), next(), next()], source: source(next()) })
    }

    /// The reader's surroundings, as the learner takes them.
    pub(crate) fn context(&self) -> Context<'a> {
        let [browser, device, os, country, region] = self.words;
        Context { browser, device, os, country, region, source: self.source.map_or("", Source::as_str) }
    }
}

/// The item's name in the log.
pub(crate) fn name(item: &str) -> &str {
    item.strip_prefix(PREFIX).unwrap_or(item)
}

/// Our name for a class of referrers, or the number of one in the public click log of Globo.com, which does not say what they mean:
/// the four commonest stay apart.
fn source(text: &str) -> Option<Source> {
    let ours = [Source::Direct, Source::Internal, Source::Search, Source::Social, Source::Referral];
    match text {
        "" => None,
        "1" => Some(Source::Direct),
        "2" => Some(Source::Internal),
        "5" => Some(Source::Search),
        "7" => Some(Source::Social),
        text => Some(ours.into_iter().find(|source| source.as_str() == text).unwrap_or(Source::Referral)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_after_the_item_may_be_absent() {
        let line = Line::parse("1789873200026\t476458\t9978\n").unwrap();
        assert_eq!((line.at_ms, line.session, line.item.as_str(), line.source), (1_789_873_200_026, "476458", "/9978", None));
        let line = Line::parse("1\ts\ta\tv\t4\t3\t2\t1\t21\t1").unwrap();
        let context = line.context();
        assert_eq!([context.browser, context.device, context.os, context.country, context.region], ["4", "3", "2", "1", "21"]);
        assert_eq!((context.source, name(line.item.as_str())), ("direct", "a"));
    }

    #[test]
    fn a_line_that_is_no_click_says_why() {
        for (line, why) in [
            ("", "at_ms must be"),
            ("x\ts\ti", "at_ms must be"),
            ("1", "the session is missing"),
            ("1\ts", "the item is missing"),
            ("1\ts\ta b", "has blanks"),
            ("1\ts\t/a", "begins with /"),
            ("1\ts\ta?b", "has blanks"),
        ] {
            assert!(Line::parse(line).unwrap_err().contains(why), "{line:?}");
        }
    }
}
