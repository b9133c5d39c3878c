//! What the shell tells the core: small enums, numbers and byte slices, so that any shell can speak it.

use crate::click::Click;

/// The two clocks of a page, read by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// `performance.now()`: durations are measured with it, because nobody sets it.
    pub monotonic_ms: u64,
    /// `Date.now()`: what events are stamped with.
    pub unix_ms: u64,
}

/// Something that happened in the page.
#[derive(Debug, Clone, Copy)]
pub enum Signal<'a> {
    /// The reader scrolled, pointed, typed, touched, or media is playing.
    Activity,
    /// Visibility or focus may have changed. Hidden means that the page may never come back.
    Attention {
        /// `document.visibilityState` is `visible` and the page is not being left.
        is_visible: bool,
        /// `document.hasFocus()`.
        has_focus: bool,
    },
    /// Where the lower edge of the window is in the document, and how long the document is now.
    Scroll {
        /// Distance from the document's top to the window's lower edge, CSS pixels.
        bottom_px: u32,
        /// Height of the document, CSS pixels.
        height_px: u32,
    },
    /// A link was followed.
    Click(Click<'a>),
    /// The time that [`Visit::deadline_ms`](crate::Visit::deadline_ms) named has come.
    Deadline,
    /// This pageview ends, but the document lives on: a navigation within a single-page application.
    Leave,
}
