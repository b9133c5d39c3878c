//! Addresses: which parameters stay, and what is masked of the rest.

use wire::Portal;

use super::scan::{Place, is_suspicious, masked};

/// Whose address it is.
#[derive(Debug, Clone, Copy)]
pub enum Address<'a> {
    /// A page of this portal's own: what `query_allowed` names stays of its query.
    Own(&'a Portal),
    /// Another site's: only `utm_…` stays, which names a campaign.
    Foreign,
    /// A picture: its parameters say how large it is, and all stay.
    Picture,
}

impl Address<'_> {
    fn keeps(self, name: &str) -> bool {
        match self {
            Self::Own(portal) => portal.keeps_parameter(name),
            Self::Foreign => name.starts_with("utm_"),
            Self::Picture => true,
        }
    }
}

/// Whether [`cleaned`] would leave it as it is, told at a glance.
pub(super) fn is_plain(url: &str) -> bool {
    !url.bytes().any(|byte| matches!(byte, b'?' | b'#')) && !is_suspicious(url.as_bytes())
}

/// An address without user, fragment, the parameters that may not stay, and personal data. What is no address of the web is cut all the same.
#[must_use]
pub fn cleaned(url: &str, address: Address<'_>) -> String {
    if is_plain(url) {
        return url.to_owned();
    }
    let url = url.split('#').next().unwrap_or_default();
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut result = without_user(base);
    let path = result.find("://").and_then(|scheme| Some(scheme + 3 + result.get(scheme + 3..)?.find('/')?));
    if let Some(path) = path
        && let Some(masked) = result.get(path..).and_then(|path| masked(path, Place::Path))
    {
        result.truncate(path);
        result.push_str(&masked);
    }
    let mut separator = '?';
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name.is_empty() || !address.keeps(name) {
            continue;
        }
        result.push(separator);
        separator = '&';
        push_pair(&mut result, pair, value, address);
    }
    result
}

/// The value of `q` is what somebody typed; of a picture's parameters, hex words are signatures, without which it is not shown.
fn push_pair(result: &mut String, pair: &str, value: &str, address: Address<'_>) {
    let place = if matches!(address, Address::Picture) { Place::Path } else { Place::Text };
    // In a query a plus is a blank.
    let spaced = value.replace('+', " ");
    match masked(&spaced, place) {
        Some(masked) => {
            result.push_str(pair.get(..pair.len() - value.len()).unwrap_or_default());
            result.push_str(&masked.replace(' ', "+"));
        }
        None => result.push_str(pair),
    }
}

fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_cut() {
        for (url, expected) in [
            ("https://g1.example", "https://g1.example"),
            ("https://g1.example?x=1", "https://g1.example"),
            ("https://g1.example/a#b?c", "https://g1.example/a"),
            ("https://g1.example/a?b#c", "https://g1.example/a"),
            ("https://u:p@g1.example/@a?b", "https://g1.example/@a"),
            ("https://g1.example/a?x=1&utm_source=zap&utm_term=a%20b&y#utm_id=1", "https://g1.example/a?utm_source=zap&utm_term=a%20b"),
            ("https://g1.example/a?utm_term=ana%40mail.example+x", "https://g1.example/a?utm_term=(email)+x"),
            ("https://g1.example/a?UTM_TERM=x&utm%5Fterm=x&=x&utm_source", "https://g1.example/a?utm_source"),
        ] {
            assert_eq!(cleaned(url, Address::Foreign), expected);
        }
    }

    #[test]
    fn a_pictures_parameters_stay() {
        let url = "https://s.g1.example/j.jpg?w=1200&s=5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e";
        assert_eq!(cleaned(url, Address::Picture), url);
        assert_eq!(cleaned("https://s.g1.example/j.jpg?u=ana@mail.example", Address::Picture), "https://s.g1.example/j.jpg?u=(email)");
    }
}
