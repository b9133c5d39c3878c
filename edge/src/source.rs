//! The class of a referrer.

use wire::{Portal, Source};

/// Search engines, by the label before the public suffix or by host.
const SEARCH: &[&str] = &["google", "bing", "duckduckgo", "yahoo", "ecosia", "yandex", "baidu", "brave", "qwant", "startpage"];
/// Social networks and messengers, by registrable host.
const SOCIAL: &[&str] = &[
    "facebook.com",
    "fb.com",
    "instagram.com",
    "threads.net",
    "threads.com",
    "t.co",
    "twitter.com",
    "x.com",
    "linkedin.com",
    "lnkd.in",
    "pinterest.com",
    "reddit.com",
    "tiktok.com",
    "youtube.com",
    "whatsapp.com",
    "wa.me",
    "t.me",
    "telegram.org",
    "bsky.app",
    "kwai.com",
];

/// Where a reader came from.
#[must_use]
pub fn classify(referrer: Option<&str>, portal: &Portal, is_dev: bool) -> Source {
    let Some(referrer) = referrer else { return Source::Direct };
    if portal.owns_url(referrer, is_dev) {
        return Source::Internal;
    }
    let host = host(referrer);
    if SOCIAL.iter().any(|site| is_within(&host, site)) {
        Source::Social
    } else if is_search(&host) {
        Source::Search
    } else {
        Source::Referral
    }
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

fn is_within(host: &str, site: &str) -> bool {
    host.strip_suffix(site).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `www.google.com.br`, `search.brave.com`, `br.search.yahoo.com`; but not `mail.google.com` or `google.evil.example`.
fn is_search(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let Some(at) = labels.iter().position(|label| SEARCH.contains(label)) else { return false };
    let (before, after) = (labels.get(..at).unwrap_or_default(), labels.get(at + 1..).unwrap_or_default());
    let is_front = before.iter().all(|label| matches!(*label, "www" | "search" | "m" | "news" | "cn") || label.len() == 2);
    // A public suffix: `com`, `de`, `com.br`.
    let is_suffix =
        matches!(after, [suffix] if suffix.len() <= 3) || matches!(after, [kind, country] if kind.len() <= 3 && country.len() == 2);
    is_front && is_suffix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn referrers_have_classes() {
        let config = Config::parse(Environment::default()).unwrap();
        let g1 = config.portals.get("g1").unwrap();
        for (referrer, expected) in [
            (None, Source::Direct),
            (Some("https://g1.example/a"), Source::Internal),
            (Some("https://m.g1.example/"), Source::Internal),
            (Some("https://www.google.com/"), Source::Search),
            (Some("https://www.google.com.br/search"), Source::Search),
            (Some("https://br.search.yahoo.com/"), Source::Search),
            (Some("https://duckduckgo.com/"), Source::Search),
            (Some("https://search.brave.com/"), Source::Search),
            (Some("https://mail.google.com/"), Source::Referral),
            (Some("https://google.evil.example/"), Source::Referral),
            (Some("https://t.co/abc"), Source::Social),
            (Some("https://L.Instagram.com/"), Source::Social),
            (Some("https://notx.com/"), Source::Referral),
            (Some("https://ge.example/"), Source::Referral),
        ] {
            assert_eq!(classify(referrer, g1, false), expected, "{referrer:?}");
        }
    }
}
