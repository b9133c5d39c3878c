//! The little that the core needs to know of URLs. Browsers hand over serialised ones: lower-case scheme and host.

/// Longest URL that the wire accepts, in bytes.
pub(crate) const URL_BYTES_MAX: usize = 2048;

/// Whether it is an absolute `http` or `https` URL. Referrers such as `android-app://…` are none.
#[must_use]
pub fn is_web_url(url: &[u8]) -> bool {
    after_scheme(url).is_some_and(|rest| rest.first().is_some_and(|&byte| byte != b'/'))
}

/// Host and port.
pub(crate) fn host(url: &[u8]) -> &[u8] {
    let rest = after_scheme(url).unwrap_or_default();
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    authority.rsplit(|&byte| byte == b'@').next().unwrap_or_default()
}

/// From the first `/`, without query and fragment.
pub(crate) fn path(url: &[u8]) -> &[u8] {
    let rest = after_scheme(url).unwrap_or_default();
    let authority_len = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let path = rest.get(authority_len..).unwrap_or_default();
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// Without the fragment.
pub(crate) fn without_fragment(url: &[u8]) -> &[u8] {
    url.split(|&byte| byte == b'#').next().unwrap_or_default()
}

fn after_scheme(url: &[u8]) -> Option<&[u8]> {
    url.strip_prefix(b"https://").or_else(|| url.strip_prefix(b"http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https_are_web_urls() {
        for (url, expected) in [
            ("https://g1.example/", true),
            ("http://g1.localhost:9100", true),
            ("https:///x", false),
            ("https://", false),
            ("android-app://com.google.android.gm/", false),
            ("javascript:alert(1)", false),
            ("/a", false),
            ("", false),
        ] {
            assert_eq!(is_web_url(url.as_bytes()), expected, "{url}");
        }
    }

    #[test]
    fn a_url_comes_apart() {
        let url = b"https://user:pw@g1.example:8443/a/b.pdf?x=/1#top";
        assert_eq!(host(url), b"g1.example:8443");
        assert_eq!(path(url), b"/a/b.pdf");
        assert_eq!(without_fragment(url), b"https://user:pw@g1.example:8443/a/b.pdf?x=/1");
        assert_eq!(path(b"https://g1.example?x=/1"), b"");
        assert_eq!(host(b"https://g1.example?x=/1"), b"g1.example");
    }
}
