//! A portal: its id, who may speak for it, its streams. Read from `portals.toml`.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::batch::Consent;
use crate::item::Item;
use crate::text;

/// Longest portal id, in bytes.
const PORTAL_ID_BYTES_MAX: usize = 32;

/// A portal's id: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PortalId(#[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[a-z0-9-]{1,32}$")))] Box<str>);

impl PortalId {
    /// `None` unless it is 1 to 32 of `a-z`, `0-9` and `-`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_id(text).then(|| Self(text.into()))
    }

    /// Whether a text is the text of an id.
    pub(crate) fn is_id(text: &str) -> bool {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=PORTAL_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
    }

    /// What an error says.
    pub(crate) const RULE: &str = "a portal id is 1 to 32 of a-z, 0-9 and -";

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PortalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PortalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parsed(deserializer, Self::parse, Self::RULE)
    }
}

/// Who may speak for a portal: `https://g1.example`, `https://*.g1.example` or, in development, `http://g1.localhost:*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct OriginPattern {
    scheme: Box<str>,
    host: Box<str>,
    has_subdomains: bool,
    port: Option<Box<str>>,
}

impl OriginPattern {
    /// `scheme://host[:port]`; the host may begin with `*.`, the port may be `*`. No path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, host, port) = split_origin(text)?;
        let (has_subdomains, host) = match host.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, host),
        };
        let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-');
        is_host.then(|| Self { scheme: scheme.into(), host: host.into(), has_subdomains, port: port.map(Into::into) })
    }

    /// Whether the value of an `Origin` header matches.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        let Some((scheme, host, port)) = split_origin(origin).filter(|(_, host, _)| is_host(host)) else { return false };
        let host_matches = if self.has_subdomains {
            host.strip_suffix(&*self.host).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        } else {
            host == &*self.host
        };
        let port_matches = match self.port.as_deref() {
            Some("*") => port != Some("*"),
            expected => port == expected,
        };
        *scheme == *self.scheme && host_matches && port_matches
    }
}

/// Digits alone, for `parse` takes a sign as well.
fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// What stands in an `Origin`: browsers write other characters as punycode, and take `\` for the end of a host:
/// `https://evil.example\.g1.example/` leads to evil.example. What matches is reflected in a header and recommended to readers.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Scheme, host and port of an origin; a path, a user or anything else makes it none.
fn split_origin(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (scheme, rest) = text.split_once("://")?;
    if !matches!(scheme, "http" | "https") || rest.contains(['/', '@', '?', '#']) {
        return None;
    }
    match rest.split_once(':') {
        Some((host, port)) if port == "*" || is_port(port) => Some((scheme, host, Some(port))),
        Some(_) => None,
        None => Some((scheme, rest, None)),
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        let star = if pattern.has_subdomains { "*." } else { "" };
        let port = pattern.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{star}{}{port}", pattern.scheme, pattern.host)
    }
}

impl<'de> Deserialize<'de> for OriginPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is no origin: write https://host or https://*.host, without a path")))
    }
}

/// A page that is recommended when everything else has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltIn {
    /// Its canonical path.
    pub item: Item,
    /// Its address; may be relative to the portal.
    pub url: String,
    /// Its title.
    pub title: String,
}

/// One entry of `portals.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portal {
    /// Its id.
    pub id: PortalId,
    /// Who may speak for it.
    pub origins: Vec<OriginPattern>,
    /// Who may speak for it in development as well.
    #[serde(default)]
    pub dev_origins: Vec<OriginPattern>,
    /// What holds when the embed does not say.
    pub consent_default: Consent,
    #[serde(default)]
    events_stream: Option<String>,
    #[serde(default)]
    interactions_stream: Option<String>,
    /// Query parameters that stay in the addresses of its own pages, at most 32; all others are cut before anything is stored.
    #[serde(default = "query_allowed_default")]
    pub query_allowed: Vec<String>,
    /// The last rung of the ladder; at least one page.
    pub built_in: Vec<BuiltIn>,
}

/// Most names in `query_allowed`: each parameter of an address is held against all of them.
const QUERY_ALLOWED_MAX: usize = 32;

/// What names a campaign, and no reader.
fn query_allowed_default() -> Vec<String> {
    ["utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"].map(str::to_owned).to_vec()
}

impl Portal {
    /// Whether a query parameter stays in the addresses of its own pages.
    #[must_use]
    pub fn keeps_parameter(&self, name: &str) -> bool {
        self.query_allowed.iter().any(|allowed| allowed == name)
    }

    /// The Kinesis stream of its events.
    #[must_use]
    pub fn events_stream(&self) -> String {
        self.events_stream.clone().unwrap_or_else(|| format!("pulso-{}-events", self.id))
    }

    /// The Kinesis stream of its interactions.
    #[must_use]
    pub fn interactions_stream(&self) -> String {
        self.interactions_stream.clone().unwrap_or_else(|| format!("pulso-{}-interactions", self.id))
    }

    /// Whether an `Origin` may speak for it. `is_dev` admits `dev_origins` too.
    #[must_use]
    pub fn allows_origin(&self, origin: &str, is_dev: bool) -> bool {
        let dev_origins = if is_dev { self.dev_origins.as_slice() } else { &[] };
        self.origins.iter().chain(dev_origins).any(|pattern| pattern.matches(origin))
    }

    /// Whether an address is on a host of this portal.
    #[must_use]
    pub fn owns_url(&self, url: &str, is_dev: bool) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else { return false };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        self.allows_origin(&format!("{scheme}://{host}"), is_dev)
    }
}

/// All portals: the content of `portals.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portals {
    /// In the order of the file.
    #[serde(rename = "portal")]
    portals: Vec<Portal>,
}

impl Portals {
    /// Checks what a single entry cannot: at least one portal, ids that differ, a last rung each.
    ///
    /// # Errors
    /// A sentence that says what to change in `portals.toml`.
    pub fn check(&self) -> Result<(), String> {
        if self.portals.is_empty() {
            return Err("portals.toml has no [[portal]] entry".to_owned());
        }
        for (index, portal) in self.portals.iter().enumerate() {
            if self.portals.iter().take(index).any(|other| other.id == portal.id) {
                return Err(format!("portals.toml has two portals with the id {}", portal.id));
            }
            let is_name =
                |name: &String| (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if portal.query_allowed.len() > QUERY_ALLOWED_MAX || !portal.query_allowed.iter().all(is_name) {
                return Err(format!(
                    "portal {}: query_allowed takes at most {QUERY_ALLOWED_MAX} names of letters, digits, _, . and -",
                    portal.id
                ));
            }
            if portal.built_in.is_empty() {
                return Err(format!("portal {} needs at least one page in built_in", portal.id));
            }
        }
        Ok(())
    }

    /// The portal with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Portal> {
        self.portals.iter().find(|portal| portal.id.as_str() == id)
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Portal> {
        self.portals.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdomain_pattern_matches_subdomains_only() {
        let pattern = OriginPattern::parse("https://*.g1.example").unwrap();
        for (origin, expected) in [
            ("https://m.g1.example", true),
            ("https://a.b.g1.example", true),
            ("https://g1.example", false),
            ("https://evilg1.example", false),
            ("https://.g1.example", false),
            ("http://m.g1.example", false),
            ("https://m.g1.example:8443", false),
            ("https://m.g1.example/", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(pattern.matches(origin), expected, "{origin}");
        }
    }

    #[test]
    fn development_origins_do_not_count_in_production() {
        let portals: Portals = toml::from_str(include_str!("../../portals.toml")).unwrap();
        portals.check().unwrap();
        let g1 = portals.get("g1").unwrap();
        assert!(g1.allows_origin("http://g1.localhost:8787", true));
        assert!(!g1.allows_origin("http://g1.localhost:8787", false));
        assert!(!g1.allows_origin("http://ge.localhost:8787", true));
        assert!(g1.owns_url("https://s.g1.example/j.jpg?w=1", false));
        assert!(!g1.owns_url("https://ge.example/a", false));
        assert_eq!(g1.events_stream(), "pulso-g1-events");
    }

    #[test]
    fn only_campaigns_stay_in_an_address_unless_the_portal_says_so() {
        let entry = |line: &str| {
            let text = format!(
                "[[portal]]\nid = \"a\"\norigins = []\nconsent_default = \"full\"\n{line}\nbuilt_in = [{{ item = \"/\", url = \"/\", title = \"A\" }}]\n"
            );
            toml::from_str::<Portals>(&text).unwrap()
        };
        let keeps = |line: &str, name: &str| entry(line).get("a").unwrap().keeps_parameter(name);
        assert!(keeps("", "utm_source") && !keeps("", "q") && !keeps("", "utm_id"));
        assert!(keeps("query_allowed = [\"q\"]", "q") && !keeps("query_allowed = [\"q\"]", "utm_source"));
        assert_eq!(entry("").check(), Ok(()));
        assert!(entry("query_allowed = [\"a b\"]").check().unwrap_err().contains("query_allowed"));
        assert!(entry("query_allowed = [\"\"]").check().is_err());
    }

    #[test]
    fn any_port_is_a_port() {
        let pattern = OriginPattern::parse("http://g1.localhost:*").unwrap();
        for (port, expected) in [
            ("", true),
            (":1", true),
            (":65535", true),
            (":", false),
            (":65536", false),
            (":+1", false),
            (":80:80", false),
            (":*", false),
            (":80.evil.example", false),
            (":80\u{b}X-Evil: 1", false),
        ] {
            assert_eq!(pattern.matches(&format!("http://g1.localhost{port}")), expected, "{port:?}");
        }
    }

    #[test]
    fn what_a_browser_takes_for_another_host_is_not_the_portals() {
        let portals: Portals = toml::from_str(include_str!("../../portals.toml")).unwrap();
        let g1 = portals.get("g1").unwrap();
        for url in [
            "https://evil.example\\.g1.example/a",
            "https://evil.example\\@g1.example/a",
            "https://evil.example%2f.g1.example/a",
            "https://user@g1.example/a",
            "https://g1.example@evil.example/a",
            "https://g1.example.evil.example/a",
            "https://evil.example#.g1.example",
            "https://evil.example?.g1.example",
            "https:///g1.example/a",
            "https://\\g1.example/a",
            "https://evil .g1.example/a",
            "https://evil\u{3002}g1.example/a",
            "https://*.g1.example/a",
            "javascript://g1.example/%0aalert(1)",
            "//g1.example/a",
        ] {
            assert!(!g1.owns_url(url, false), "{url}");
        }
        assert!(g1.owns_url("https://WWW.g1.example/a", false) && g1.owns_url("https://my_blog.g1.example/a", false));
    }

    #[test]
    fn a_wrong_file_says_what_to_change() {
        let entry = "[[portal]]\nid = \"a\"\norigins = []\nconsent_default = \"full\"\nbuilt_in = []\n";
        let portals: Portals = toml::from_str(entry).unwrap();
        assert_eq!(portals.check().unwrap_err(), "portal a needs at least one page in built_in");
        let bad = entry.replace("origins = []", "origins = [\"g1.example\"]");
        assert!(toml::from_str::<Portals>(&bad).unwrap_err().to_string().contains("is no origin"));
    }
}
