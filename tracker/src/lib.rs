//! Measures a reader's attention in the page and posts it in batches.
//!
//! The core computes: it takes [`Signal`]s and the time, and answers with orders. It is all numbers, allocates nothing, reads no clock
//! and draws no random number; texts stay with the browser, which is better at them. Two shells obey it:
//! `browser` (on by default) is this crate for front ends in Rust, and the npm package made of it;
//! `script` is `/pulso.js`, the one file that portals embed.
//!
//! ```
//! use tracker::{Engagement, Flush, Orders, Signal, Visit};
//!
//! let mut visit = Visit::new();
//! let orders = visit.handle(Signal::Begin { idle_window_ms: tracker::IDLE_WINDOW_MS, is_counted: true }, 0);
//! assert_eq!(orders, Orders { is_event_taken: true, flush: Flush::Post, ..Orders::default() });
//! assert_eq!(visit.seal(), 0);
//! let shown = visit.handle(Signal::Attention { is_visible: true, has_focus: true }, 0);
//! assert_eq!(shown.flush, Flush::Hold);
//! assert_eq!(visit.wake_in_ms(0, None), Some(5_000));
//! let left = visit.handle(Signal::Attention { is_visible: false, has_focus: false }, 3_000);
//! assert_eq!(left.engagement, Some(Engagement { engaged_ms: 3_000, scroll_pct: 0 }));
//! assert_eq!(left.flush, Flush::Beacon);
//! ```
//!
//! In a front end (whole: `examples/front_end.rs`):
//!
//! ```no_run
//! # #[cfg(feature = "browser")]
//! # fn main() -> Result<(), tracker::Error> {
//! use tracker::{Config, Consent, PageKind, Scalar, Tracker};
//!
//! let tracker = Tracker::start(Config { page: Some(PageKind::Article), ..Config::new("g1", "https://pulso.g1.example") })?;
//! tracker.track("share", &[("network", Scalar::Text("whatsapp")), ("is_first", Scalar::Bool(true))]);
//! // The reader has agreed to be recognised: stored at once, sent from the next pageview on.
//! tracker.consent(Consent::Full);
//! // Kept for as long as the page is to be measured: dropping it ends it.
//! std::mem::forget(tracker);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "browser"))]
//! # fn main() {}
//! ```
#![cfg_attr(not(any(test, feature = "browser")), no_std)]

mod attention;
#[cfg(feature = "browser")]
mod browser;
mod click;
mod consent;
mod limits;
mod outbox;
#[cfg(test)]
mod random;
#[cfg(all(feature = "script", target_arch = "wasm32"))]
mod script;
mod scroll;
mod signal;
mod visit;

pub use attention::IDLE_WINDOW_MS;
#[cfg(feature = "browser")]
pub use browser::{Config, Error, PageKind, Scalar, Tracker};
pub use click::{FILE_ENDINGS, Link, LinkKind};
pub use consent::Consent;
pub use limits::{
    AT_MS_MAX, AT_MS_MIN, IMPRESSION_ITEMS_MAX, IMPRESSION_MS, IMPRESSION_RATIO, ITEM_BYTES_MAX, TEXT_BYTES_MAX, URL_BYTES_MAX,
    VISITOR_MS_MAX,
};
pub use outbox::{LETTERS_MAX, Outbox};
pub use signal::Signal;
pub use visit::{Engagement, Flush, Orders, Visit};
