//! Which link was followed, and whose page it leads to.

use crate::web_url;

/// A link that was followed.
#[derive(Debug, Clone, Copy)]
pub struct Click<'a> {
    /// Where it leads: the absolute URL.
    pub href: &'a [u8],
    /// Where the reader is: the absolute URL.
    pub page_url: &'a [u8],
    /// The link has the `download` attribute.
    pub is_download: bool,
    /// `data-pulso-rec-id` of an element around it; empty when there is none.
    pub rec_id: &'a [u8],
    /// `data-pulso-position` of an element around it.
    pub position: Option<u16>,
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    Internal,
    Outbound,
    Download,
}

impl Click<'_> {
    /// Whose page the link leads to; `None` when following it is no navigation of the web (`mailto:`, a jump within the page).
    pub(crate) fn link(&self) -> Option<LinkKind> {
        if !web_url::is_web_url(self.href) || self.is_jump() {
            return None;
        }
        if self.is_download || is_file(web_url::path(self.href)) {
            return Some(LinkKind::Download);
        }
        let is_internal = is_same_site(web_url::host(self.href), web_url::host(self.page_url));
        Some(if is_internal { LinkKind::Internal } else { LinkKind::Outbound })
    }

    /// The recommendation that was clicked, if it was one.
    pub(crate) fn rec_id(&self) -> Option<&[u8]> {
        let is_lower_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        (self.rec_id.len() == 16 && self.rec_id.iter().all(is_lower_hex)).then_some(self.rec_id)
    }

    fn is_jump(&self) -> bool {
        self.href.contains(&b'#') && web_url::without_fragment(self.href) == web_url::without_fragment(self.page_url)
    }
}

impl LinkKind {
    pub(crate) const fn name(self) -> &'static [u8] {
        match self {
            Self::Internal => b"internal",
            Self::Outbound => b"outbound",
            Self::Download => b"download",
        }
    }
}

/// Equal, or one is a subdomain of the other: `m.g1.example` and `g1.example` are one portal, as far as a page can tell.
fn is_same_site(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (without_www(a), without_www(b));
    a == b || is_subdomain(a, b) || is_subdomain(b, a)
}

fn is_subdomain(host: &[u8], of: &[u8]) -> bool {
    // A parent without a dot (`localhost`, `com`) is no site.
    of.contains(&b'.') && host.strip_suffix(of).is_some_and(|rest| rest.last() == Some(&b'.'))
}

fn without_www(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"www.").unwrap_or(host)
}

/// Kinds of files that portals offer; a page's own `.html`, `.ghtml`, `.php` are none.
const FILE_ENDINGS: [&[u8]; 18] = [
    b"pdf", b"zip", b"rar", b"7z", b"gz", b"doc", b"docx", b"xls", b"xlsx", b"csv", b"ppt", b"pptx", b"mp3", b"mp4", b"apk", b"dmg",
    b"exe", b"ics",
];

fn is_file(path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut parts = name.rsplit(|&byte| byte == b'.');
    let ending = parts.next().unwrap_or_default();
    parts.next().is_some() && FILE_ENDINGS.iter().any(|file| ending.eq_ignore_ascii_case(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click<'a>(href: &'a str, page_url: &'a str) -> Click<'a> {
        Click { href: href.as_bytes(), page_url: page_url.as_bytes(), is_download: false, rec_id: b"", position: None }
    }

    #[test]
    fn a_link_is_internal_outbound_or_a_download() {
        let page = "https://www.g1.example/a.ghtml?x=1";
        for (href, expected) in [
            ("https://www.g1.example/b.ghtml", Some(LinkKind::Internal)),
            ("https://g1.example/b.ghtml", Some(LinkKind::Internal)),
            ("https://m.g1.example/b.ghtml", Some(LinkKind::Internal)),
            ("https://evilg1.example/", Some(LinkKind::Outbound)),
            ("https://g1.example.evil.com/", Some(LinkKind::Outbound)),
            ("https://g1.example@evil.com/", Some(LinkKind::Outbound)),
            ("https://other.example/report.pdf", Some(LinkKind::Download)),
            ("https://g1.example/IMPOSTO.PDF?v=2", Some(LinkKind::Download)),
            ("https://g1.example/pdf", Some(LinkKind::Internal)),
            ("https://www.g1.example/a.ghtml?x=1#comments", None),
            ("https://www.g1.example/a.ghtml?x=1", Some(LinkKind::Internal)),
            ("mailto:a@g1.example", None),
            ("javascript:void(0)", None),
            ("", None),
        ] {
            assert_eq!(click(href, page).link(), expected, "{href}");
        }
    }

    #[test]
    fn two_sites_under_a_bare_name_are_strangers() {
        assert_eq!(click("http://ge.localhost:9100/", "http://g1.localhost:9100/").link(), Some(LinkKind::Outbound));
        assert_eq!(click("http://localhost/", "http://g1.localhost/").link(), Some(LinkKind::Outbound));
    }

    #[test]
    fn the_download_attribute_makes_a_download() {
        let click = Click { is_download: true, ..click("https://g1.example/x", "https://g1.example/") };
        assert_eq!(click.link(), Some(LinkKind::Download));
    }

    #[test]
    fn only_a_well_formed_rec_id_is_carried() {
        for (rec_id, expected) in [("9a1f03c2d4e5b6a7", true), ("9A1F03C2D4E5B6A7", false), ("9a1f", false), ("", false)] {
            let click = Click { rec_id: rec_id.as_bytes(), ..click("https://g1.example/x", "https://g1.example/") };
            assert_eq!(click.rec_id().is_some(), expected, "{rec_id}");
        }
    }
}
