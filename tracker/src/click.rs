//! Which link was followed, and whose page it leads to.

/// Kinds of files that portals offer, as alternatives of a regular expression; a page's own `.html`, `.ghtml`, `.php` are none.
pub const FILE_ENDINGS: &str = "pdf|zip|docx?|xlsx?|csv|pptx?|mp[34]";

/// What the shell knows of a link that was followed: facts that the browser's own URL tells.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all sixteen combinations occur")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link {
    /// `http` or `https`.
    pub is_web: bool,
    /// Its host is the page's own, but for a leading `www.`, or one is a subdomain of the other: `m.g1.example` and `g1.example`
    /// are one portal, as far as a page can tell.
    pub is_same_site: bool,
    /// Only its fragment differs from the page's address.
    pub is_jump: bool,
    /// It has the `download` attribute, or its path ends on one of [`FILE_ENDINGS`].
    pub is_file: bool,
}

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// A page of the same portal.
    Internal,
    /// Another site.
    Outbound,
    /// A file.
    Download,
}

impl Link {
    /// Whose page the link leads to; `None` when following it is no navigation of the web (`mailto:`, a jump within the page).
    #[must_use]
    pub const fn kind(self) -> Option<LinkKind> {
        if !self.is_web || self.is_jump {
            None
        } else if self.is_file {
            Some(LinkKind::Download)
        } else if self.is_same_site {
            Some(LinkKind::Internal)
        } else {
            Some(LinkKind::Outbound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Link = Link { is_web: true, is_same_site: false, is_jump: false, is_file: false };

    #[test]
    fn a_link_is_internal_or_outbound() {
        assert_eq!(WEB.kind(), Some(LinkKind::Outbound));
        assert_eq!(Link { is_same_site: true, ..WEB }.kind(), Some(LinkKind::Internal));
    }

    #[test]
    fn files_are_downloads_wherever_they_lie() {
        assert_eq!(Link { is_file: true, ..WEB }.kind(), Some(LinkKind::Download));
        assert_eq!(Link { is_file: true, is_same_site: true, ..WEB }.kind(), Some(LinkKind::Download));
    }

    #[test]
    fn what_is_no_navigation_is_no_click() {
        assert_eq!(Link { is_web: false, is_file: true, ..WEB }.kind(), None);
        assert_eq!(Link { is_jump: true, is_same_site: true, ..WEB }.kind(), None);
    }
}
