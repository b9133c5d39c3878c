//! Measures a reader's attention in the page and posts it in batches.
//!
//! The core computes: it takes [`Signal`]s and two clocks, and writes the JSON bodies. It allocates nothing, reads no clock
//! and draws no random number. The shell (`browser`, on by default) listens to the page and talks to the network.
//!
//! ```
//! use tracker::{Consent, Flush, Now, Page, PageKind, Signal, Visit, pageview_id};
//!
//! let mut visit = Visit::new(tracker::IDLE_WINDOW_MS);
//! let now = |ms| Now { monotonic_ms: ms, unix_ms: 1_795_337_000_000 + ms };
//! let page = Page {
//!     portal: b"g1", visitor: None, consent: Consent::Cookieless, kind: PageKind::Article, url: b"https://g1.example/a",
//!     item: b"/a", referrer: b"", title: b"A", section: b"", image: b"", published_at_ms: 0, is_bot: false,
//! };
//! assert_eq!(visit.begin(&page, &pageview_id(now(0).unix_ms, [7; 10]), now(0)), Flush::Post);
//! let sealed = visit.seal(0, now(0)).expect("a pageview");
//! assert!(wire::Batch::parse(sealed.body).is_ok());
//! visit.clear();
//! let shown = Signal::Attention { is_visible: true, has_focus: true };
//! assert_eq!(visit.handle(shown, now(0)), Flush::Hold);
//! assert_eq!(visit.deadline_ms(0, None), Some(5_000));
//! ```
#![cfg_attr(not(any(test, feature = "browser")), no_std)]

mod attention;
mod batch;
#[cfg(feature = "browser")]
mod browser;
mod click;
mod consent;
mod identity;
mod json;
mod outbox;
#[cfg(test)]
mod random;
mod scroll;
mod signal;
mod visit;
mod web_url;

pub use attention::IDLE_WINDOW_MS;
pub use batch::{Page, PageKind, Sealed, restamp};
#[cfg(feature = "browser")]
pub use browser::{Config, Error, Tracker};
pub use click::Click;
pub use consent::Consent;
pub use identity::{Id, STORED_VISITOR_BYTES, kept_visitor, new_visitor, pageview_id};
pub use outbox::{Admission, LETTERS_MAX, Outbox, Outcome};
pub use signal::{Now, Signal};
pub use visit::{Flush, Visit};
pub use web_url::is_web_url;
