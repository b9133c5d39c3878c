//! What a request says of itself and of the reader's side, as the shell gathers it: a line each (`platform/facts.js`).

use crate::collect::Client;

/// The lines of one request. No `Debug`: one of them is the reader's address.
#[expect(missing_debug_implementations, reason = "holds the reader's IP address")]
pub struct Facts<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The reader's side.
    pub client: Client,
    /// A test asks for a panic; only ever so in development, where test headers are gathered.
    pub asks_for_panic: bool,
}

impl<'a> Facts<'a> {
    /// What the lines say; absent ones say nothing.
    #[must_use]
    pub fn parse(lines: &'a str) -> Self {
        let mut lines = lines.split('\n').map(|line| Some(line).filter(|line| !line.is_empty()));
        let mut next = || lines.next().flatten();
        let country = next().filter(is_place).unwrap_or("XX").to_owned();
        let region = next().filter(is_place).unwrap_or_default().to_owned();
        let origin = next();
        let content_type = next();
        let ip = next().unwrap_or_default().to_owned();
        let user_agent = next().map(str::to_owned);
        let has_fetch_site = next().is_some();
        let has_gpc = next() == Some("1");
        let asks_for_panic = next().is_some();
        Self { origin, content_type, client: Client { ip, user_agent, country, region, has_fetch_site, has_gpc }, asks_for_panic }
    }
}

/// A code of ISO 3166: nothing longer may come into a record from here.
fn is_place(text: &&str) -> bool {
    text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_the_order_of_the_shell() {
        let facts = Facts::parse("BR\nRJ\nhttps://g1.example\ntext/plain\n203.0.113.7\nMozilla/5.0\nsame-site\n1\n1");
        assert_eq!((facts.origin, facts.content_type), (Some("https://g1.example"), Some("text/plain")));
        let Client { ip, user_agent, country, region, has_fetch_site, has_gpc } = facts.client;
        assert_eq!(
            (ip.as_str(), user_agent.as_deref(), country.as_str(), region.as_str()),
            ("203.0.113.7", Some("Mozilla/5.0"), "BR", "RJ")
        );
        assert!(has_fetch_site && has_gpc && facts.asks_for_panic);
    }

    #[test]
    fn what_is_not_said_is_absent() {
        for lines in ["", "\n\n\n\n\n\n\n", "Brazil\nR-J\n\n\n\n\n\n0"] {
            let facts = Facts::parse(lines);
            assert_eq!((facts.origin, facts.content_type, facts.asks_for_panic), (None, None, false));
            let Client { ip, user_agent, country, region, has_fetch_site, has_gpc } = facts.client;
            assert_eq!((ip.as_str(), user_agent, country.as_str(), region.as_str()), ("", None, "XX", ""));
            assert!(!has_fetch_site && !has_gpc);
        }
    }
}
