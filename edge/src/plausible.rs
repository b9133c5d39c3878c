//! Whether what a batch says of time and attention can be: the tracker's figures never fall, and nobody reads for longer than the page is there.

use wire::{Batch, EventKind};

use crate::trust::{Sign, Signs};

/// Clocks are set while a page is open, and `performance.now` drifts from them: so much is no sign, milliseconds.
const TOLERANCE_MS: u64 = 5_000;
/// One batch holds what happened between two sends; a tab that sleeps for longer sends before it does.
const SPREAD_MS_MAX: u64 = 86_400_000;

/// What speaks against a batch, by its own figures.
#[must_use]
pub fn signs(batch: &Batch) -> Signs {
    let began_at_ms = began_at_ms(batch);
    let (mut earliest, mut latest) = (u64::MAX, 0);
    let mut signs = Signs::default();
    // The engagement before: its place, engaged time and depth.
    let mut before = None;
    for event in &batch.events {
        (earliest, latest) = (earliest.min(event.at_ms), latest.max(event.at_ms));
        let EventKind::Engagement { engaged_ms, scroll_pct } = event.kind else { continue };
        let there_ms = event.at_ms.saturating_sub(began_at_ms);
        signs = signs.and(Sign::EngagedTooLong, engaged_ms > there_ms.saturating_add(TOLERANCE_MS));
        let now = (event.seq, engaged_ms, scroll_pct);
        signs = signs.and(Sign::FigureFell, before.is_some_and(|before| has_fallen(before, now)));
        before = Some(now);
    }
    let is_off = earliest.saturating_add(TOLERANCE_MS) < began_at_ms
        || latest > batch.sent_at_ms.saturating_add(TOLERANCE_MS)
        || latest.saturating_sub(earliest) > SPREAD_MS_MAX;
    signs.and(Sign::TimesOff, is_off)
}

/// When the pageview began: its first event says so; in later batches, which do not have that event, its id.
fn began_at_ms(batch: &Batch) -> u64 {
    let first = batch.events.iter().find(|event| event.kind == EventKind::Pageview);
    first.map_or_else(|| batch.pageview.started_at_ms(), |event| event.at_ms)
}

/// Whether the later of two engagements, in whatever order they stand, says less.
fn has_fallen(one: (u32, u64, u8), other: (u32, u64, u8)) -> bool {
    let (earlier, later) = if one.0 < other.0 { (one, other) } else { (other, one) };
    later.1 < earlier.1 || later.2 < earlier.2
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../wire/tests/golden/batch.json");
    /// When the golden pageview began, by its id; its events were made up for another day.
    const BEGAN_MS: u64 = 1_795_360_927_867;

    fn of(events: &[(u32, u64, u64, u8)]) -> Signs {
        let mut batch = Batch::parse(GOOD.as_bytes()).unwrap().batch;
        assert_eq!(batch.pageview.started_at_ms(), BEGAN_MS);
        let event = |&(seq, after_ms, engaged_ms, scroll_pct): &(u32, u64, u64, u8)| {
            let kind = EventKind::Engagement { engaged_ms, scroll_pct };
            wire::Event { seq, at_ms: BEGAN_MS + after_ms, kind }
        };
        batch.events = events.iter().map(event).collect();
        batch.sent_at_ms = batch.events.iter().map(|event| event.at_ms).max().unwrap();
        signs(&batch)
    }

    #[test]
    fn the_golden_batch_is_plausible() {
        assert_eq!(signs(&Batch::parse(GOOD.as_bytes()).unwrap().batch), Signs::default());
    }

    #[test]
    fn nobody_reads_for_longer_than_the_page_is_there() {
        assert_eq!(of(&[(1, 10_000, 15_000, 0)]), Signs::default());
        assert!(of(&[(1, 10_000, 15_001, 0)]).has(Sign::EngagedTooLong));
        assert!(of(&[(1, 0, 60_000, 100)]).has(Sign::EngagedTooLong));
    }

    #[test]
    fn figures_do_not_fall_in_whatever_order_they_come() {
        assert_eq!(of(&[(1, 1_000, 500, 10), (2, 2_000, 500, 10), (3, 3_000, 900, 40)]), Signs::default());
        assert_eq!(of(&[(2, 2_000, 900, 40), (1, 1_000, 500, 10)]), Signs::default());
        assert!(of(&[(1, 1_000, 500, 10), (2, 2_000, 400, 10)]).has(Sign::FigureFell));
        assert!(of(&[(1, 1_000, 500, 10), (2, 2_000, 600, 9)]).has(Sign::FigureFell));
        assert!(of(&[(2, 2_000, 400, 10), (1, 1_000, 500, 10)]).has(Sign::FigureFell));
    }

    #[test]
    fn events_are_neither_before_their_pageview_nor_after_their_batch_nor_days_apart() {
        let with = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            signs(&Batch::parse(GOOD.replace(from, to).as_bytes()).unwrap().batch).has(Sign::TimesOff)
        };
        assert!(with("\"at_ms\":1795337000123", "\"at_ms\":1795337010123"));
        assert!(with("\"sent_at_ms\":1795337005210", "\"sent_at_ms\":1795336999000"));
        assert!(!with("\"sent_at_ms\":1795337005210", "\"sent_at_ms\":1795337003000"));
        let mut early = Batch::parse(GOOD.as_bytes()).unwrap().batch;
        early.events.remove(0);
        assert!(signs(&early).has(Sign::TimesOff), "before the time of its id");
        assert!(of(&[(1, 1_000, 0, 0), (2, 86_401_001, 0, 0)]).has(Sign::TimesOff));
    }
}
