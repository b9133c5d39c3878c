//! What a request says of itself and of the reader's side, as the shell gathers it: a line each (`platform/facts.js`).

use crate::collect::Client;
use crate::limit::{self, Pace};
use crate::network;
use crate::trust;

/// The lines of one request. No `Debug`: one of them is the reader's address.
#[expect(missing_debug_implementations, reason = "holds the reader's IP address")]
pub struct Facts<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The `Content-Encoding` header.
    pub content_encoding: Option<&'a str>,
    /// The reader's side.
    pub client: Client,
    /// Who sends it, if that is somebody who is limited.
    pub sender: Option<String>,
    /// A test asks for a panic. Only ever so in development.
    pub asks_for_panic: bool,
}

impl<'a> Facts<'a> {
    /// What the lines say; absent ones say nothing. What tests say counts in development only.
    #[must_use]
    pub fn parse(lines: &'a str, is_dev: bool) -> Self {
        let mut lines = lines.split('\n').map(|line| Some(line).filter(|line| !line.is_empty()));
        let mut next = || lines.next().flatten();
        let country = next().filter(is_place).unwrap_or("XX").to_owned();
        let region = next().filter(is_place).unwrap_or_default().to_owned();
        // Only accounts with Bot Management have it; 0 means that nobody has looked.
        let bot_score = next().and_then(|score| score.parse().ok()).filter(|score| *score > 0);
        let [origin, content_type, content_encoding] = [next(), next(), next()];
        let platform = next().map(str::to_owned);
        let user_agent = next().map(str::to_owned);
        let has_gpc = next() == Some("1");
        let [site, mode, dest] = [next(), next(), next()];
        let asks_for_panic = next().is_some() && is_dev;
        let test = next().map(str::to_owned);
        let sender = limit::sender(platform.clone(), test.clone(), is_dev);
        let client = Client {
            ip: network::address(platform, test, is_dev),
            user_agent,
            country,
            region,
            has_fetch_site: site.is_some(),
            is_no_script: !trust::is_of_a_script(site, mode, dest),
            bot_score,
            pace: Pace::default(),
            has_gpc,
        };
        Self { origin, content_type, content_encoding, client, sender, asks_for_panic }
    }
}

/// A code of ISO 3166: nothing longer may come into a record from here.
fn is_place(text: &&str) -> bool {
    text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str =
        "BR\nRJ\n12\nhttps://g1.example\ntext/plain\ngzip\n203.0.113.7\nMozilla/5.0\n1\nsame-site\ncors\nempty\n1\n198.51.100.9";

    #[test]
    fn lines_are_read_in_the_order_of_the_shell() {
        let facts = Facts::parse(ALL, false);
        assert_eq!(
            (facts.origin, facts.content_type, facts.content_encoding),
            (Some("https://g1.example"), Some("text/plain"), Some("gzip"))
        );
        let client = facts.client;
        assert_eq!((client.ip.as_str(), client.user_agent.as_deref()), ("203.0.113.7", Some("Mozilla/5.0")));
        assert_eq!((client.country.as_str(), client.region.as_str(), client.bot_score), ("BR", "RJ", Some(12)));
        assert!(client.has_fetch_site && client.has_gpc && !client.is_no_script);
        assert_eq!(facts.sender.as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn what_tests_say_counts_in_development_only() {
        let facts = Facts::parse(ALL, true);
        assert_eq!((facts.client.ip.as_str(), facts.sender.as_deref(), facts.asks_for_panic), ("198.51.100.9", Some("198.51.100.9"), true));
        assert!(!Facts::parse(ALL, false).asks_for_panic);
    }

    #[test]
    fn what_is_not_said_is_absent() {
        for lines in ["", "\n\n\n\n\n\n\n\n\n\n\n\n", "Brazil\nR-J\n0\n\n\n\n\n\n0"] {
            let facts = Facts::parse(lines, true);
            assert_eq!((facts.origin, facts.content_type, facts.asks_for_panic, facts.sender), (None, None, false, None));
            let client = facts.client;
            assert_eq!((client.ip.as_str(), client.user_agent, client.country.as_str(), client.region.as_str()), ("", None, "XX", ""));
            assert!(!client.has_fetch_site && !client.has_gpc && client.bot_score.is_none());
        }
    }
}
