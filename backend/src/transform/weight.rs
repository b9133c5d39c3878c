//! What each kind of interaction counts for. One table; the recommender's training looks here too.
//!
//! | kind | when | weight |
//! |---|---|--:|
//! | `view` | the page was shown | 0.2 |
//! | `click` | a link was followed | 0.5 |
//! | `read_15` | 15 engaged seconds | 1.0 |
//! | `read_75pct` | three quarters of the page seen | 1.5 |
//! | `read_60` | 60 engaged seconds | 2.0 |
//! | `share` | the page was shared | 3.0 |
//!
//! A reading of a quarter of a minute is the unit. A view alone says little: most who leave at once had followed a title.

use wire::InteractionKind;

/// Engaged time of `read_15`, milliseconds.
pub(crate) const READ_15_MS: u64 = 15_000;
/// Engaged time of `read_60`, milliseconds.
pub(crate) const READ_60_MS: u64 = 60_000;
/// Depth of `read_75pct`, percent.
pub(crate) const DEEP_PCT: u8 = 75;

/// The weight of a kind.
pub(crate) const fn weight(kind: InteractionKind) -> f32 {
    match kind {
        InteractionKind::View => 0.2,
        InteractionKind::Click => 0.5,
        InteractionKind::Read15 => 1.0,
        InteractionKind::Read75Pct => 1.5,
        InteractionKind::Read60 => 2.0,
        InteractionKind::Share => 3.0,
    }
}

/// Its bit in a pageview's memory; kept on disk: add, do not move.
pub(crate) const fn bit(kind: InteractionKind) -> u8 {
    match kind {
        InteractionKind::View => 1,
        InteractionKind::Read15 => 2,
        InteractionKind::Read60 => 4,
        InteractionKind::Read75Pct => 8,
        InteractionKind::Click => 16,
        InteractionKind::Share => 32,
    }
}
