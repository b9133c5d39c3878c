//! What a portal can set, and what is wrong with it.

use std::fmt;

use crate::attention::IDLE_WINDOW_MS;
use crate::batch::PageKind;
use crate::consent::Consent;
use crate::web_url::is_web_url;

/// What a portal can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The portal's id, as in `portals.toml`.
    pub portal: String,
    /// Where the edge is: an origin, such as `https://pulso.g1.example`. Batches go to `/pageview` there.
    pub endpoint: String,
    /// What the reader agreed to.
    pub consent: Consent,
    /// What kind of page it is; `None`: the page's own metadata decide.
    pub page: Option<PageKind>,
    /// Its canonical path; `None`: `<link rel=canonical>` decides, else the address.
    pub item: Option<String>,
    /// How long a sign of the reader counts as engagement, in milliseconds.
    pub idle_window_ms: u64,
}

/// Why the tracker did not start. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No portal was named.
    NoPortal,
    /// The id of the portal is malformed.
    BadPortal(String),
    /// The endpoint is no web address.
    BadEndpoint(String),
    /// The consent mode is unknown.
    BadConsent(String),
    /// The kind of page is unknown.
    BadPage(String),
    /// There is no window, or the page's own address is not of the web.
    NoPage,
}

impl Config {
    /// A portal and its edge; cookieless, and everything else found out from the page.
    #[must_use]
    pub fn new(portal: &str, endpoint: &str) -> Self {
        Self {
            portal: portal.to_owned(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            consent: Consent::Cookieless,
            page: None,
            item: None,
            idle_window_ms: IDLE_WINDOW_MS,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let is_id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.portal.is_empty() {
            return Err(Error::NoPortal);
        }
        if self.portal.len() > 32 || !self.portal.bytes().all(is_id) {
            return Err(Error::BadPortal(self.portal.clone()));
        }
        if !is_web_url(self.endpoint.as_bytes()) {
            return Err(Error::BadEndpoint(self.endpoint.clone()));
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPortal => write!(formatter, "no portal: write data-portal=\"…\" on the script tag, with an id from portals.toml"),
            Self::BadPortal(found) => write!(formatter, "data-portal={found:?} is no portal id: use 1 to 32 of a-z, 0-9 and -"),
            Self::BadEndpoint(found) => write!(formatter, "data-endpoint={found:?} is no address: write https://host"),
            Self::BadConsent(found) => write!(formatter, "data-consent={found:?} is unknown: write full, cookieless or off"),
            Self::BadPage(found) => write!(formatter, "data-page={found:?} is unknown: write article, section, front or other"),
            Self::NoPage => write!(formatter, "this is no page of the web: serve it over http or https"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_configuration_says_what_to_do() {
        for (portal, endpoint, expected) in [
            ("g1", "https://pulso.g1.example/", Ok(())),
            ("", "https://pulso.g1.example", Err(Error::NoPortal)),
            ("G1", "https://pulso.g1.example", Err(Error::BadPortal("G1".to_owned()))),
            ("g1", "pulso.g1.example", Err(Error::BadEndpoint("pulso.g1.example".to_owned()))),
        ] {
            assert_eq!(Config::new(portal, endpoint).check(), expected);
        }
        assert!(Error::NoPortal.to_string().contains("data-portal"));
    }
}
