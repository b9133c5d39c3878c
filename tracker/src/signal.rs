//! What the shell tells the core: small enums and numbers, so that any shell can speak it.

/// Something that happened in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A pageview begins; the one before was left and sealed. Its own `pageview` event is the first to write.
    Begin {
        /// How long a sign of the reader counts, milliseconds.
        idle_window_ms: u32,
        /// There is none to write for the rest of a showing whose beginning was counted under another identity.
        is_counted: bool,
    },
    /// The reader scrolled, pointed, typed, touched, or media is playing. Never gives an order.
    Activity,
    /// Visibility or focus may have changed; to be told again when the time has come that
    /// [`Visit::wake_in_ms`](crate::Visit::wake_in_ms) named. Hidden means that the page may never come back.
    Attention {
        /// `document.visibilityState` is `visible` and the page is not being left.
        is_visible: bool,
        /// `document.hasFocus()`.
        has_focus: bool,
    },
    /// Where the lower edge of the window is in the document or in the element that the portal named, and how long that is now.
    /// Never gives an order.
    Scroll {
        /// Distance from its top to the window's lower edge, CSS pixels; below 0 when it is still further down.
        bottom_px: i32,
        /// Its height, CSS pixels.
        height_px: i32,
    },
    /// An event that the shell wants to write: a click, an impression, one of the portal's own.
    Event {
        /// How long its JSON is.
        bytes: u32,
    },
    /// This pageview ends, but the document lives on: a navigation within a single-page application.
    Leave,
}
