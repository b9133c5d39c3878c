//! Everything the backend knows of one portal, and how one record of its stream changes it.

use serde::{Deserialize, Serialize};
use wire::{Envelope, EventKind, PageKind, Portal, PortalId};

use crate::cards::{self, CardIndex};
use crate::dedup::{self, Dedup, Sighting};
use crate::loss::{self, Loss};
use crate::top_pages::TopPages;

/// One portal's state. The same records in the same order make the same state.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PortalState {
    pub(crate) counts: Counts,
    pub(crate) top_pages: TopPages,
    pub(crate) cards: CardIndex,
    pub(crate) dedup: Dedup,
    /// Absent in snapshots from before losses were counted.
    #[serde(default)]
    pub(crate) loss: Loss,
    /// Grows with every change that a reader of the model could notice.
    pub(crate) model_revision: u64,
}

/// What was read since the beginning.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Records that were envelopes of this portal.
    pub(crate) records: u64,
    /// Records that were not.
    pub(crate) poison: u64,
    /// Events seen for the first time.
    pub(crate) events: u64,
    /// Events seen again.
    pub(crate) duplicates: u64,
    /// Events with a `seq` that the edge refuses.
    pub(crate) out_of_range: u64,
    /// Events that came more than a day after the edge had them: archived only.
    #[serde(default)]
    pub(crate) late: u64,
    /// New events of batches that said a program drives the browser.
    pub(crate) bot_events: u64,
    /// Events that trackers had to forget, by their own account; a batch that is sent again counts again.
    pub(crate) dropped: u64,
    /// New events by kind.
    pub(crate) by_kind: ByKind,
}

/// New events by kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ByKind {
    pub(crate) pageview: u64,
    pub(crate) engagement: u64,
    pub(crate) click: u64,
    pub(crate) impression: u64,
    pub(crate) custom: u64,
}

/// Why a record is none of this stream's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Poison {
    #[error("{0}")]
    Unreadable(wire::Error),
    #[error("the record is of portal {0}")]
    OtherPortal(PortalId),
}

impl Poison {
    /// For logs: where it is wrong, without the reader's data that a full message could quote.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Unreadable(wire::Error::MalformedJson { line, column, .. }) => format!("malformed_json at line {line} column {column}"),
            Self::Unreadable(error) => error.code().to_owned(),
            Self::OtherPortal(portal) => format!("other_portal {portal}"),
        }
    }
}

/// Parses a record of a portal's stream.
///
/// # Errors
/// [`Poison`] when it is not an envelope of this portal.
pub(crate) fn read_record(data: &[u8], portal: &PortalId) -> Result<Envelope, Poison> {
    let envelope = Envelope::parse(data).map_err(Poison::Unreadable)?;
    if envelope.batch.portal == *portal { Ok(envelope) } else { Err(Poison::OtherPortal(envelope.batch.portal)) }
}

impl PortalState {
    /// Takes one envelope. `arrived_at_ms` is when Kinesis got the record, which is the same in a replay.
    pub(crate) fn apply(&mut self, envelope: &Envelope, arrived_at_ms: u64, portal: &Portal, is_dev: bool) {
        let batch = &envelope.batch;
        self.counts.records += 1;
        self.counts.dropped += u64::from(batch.dropped);
        if dedup::is_beyond_memory(envelope.edge.received_at_ms, arrived_at_ms) {
            self.counts.late += u64::try_from(batch.events.len()).unwrap_or(0);
            return;
        }
        let (class, mut settled) = (loss::class(&envelope.edge.browser), Vec::new());
        for event in &batch.events {
            match self.dedup.note(batch.pageview, class, event.seq, arrived_at_ms, &mut settled) {
                Sighting::New => {}
                Sighting::Duplicate => {
                    self.counts.duplicates += 1;
                    continue;
                }
                Sighting::OutOfRange => {
                    self.counts.out_of_range += 1;
                    continue;
                }
            }
            self.counts.events += 1;
            self.counts.bot_events += u64::from(batch.bot);
            self.counts.by_kind.add(&event.kind);
            if matches!(event.kind, EventKind::Pageview) && batch.page == PageKind::Article && !batch.bot {
                let at_ms = corrected_at_ms(event.at_ms, envelope, arrived_at_ms);
                self.view(envelope, at_ms, portal, is_dev);
            }
        }
        for settled in settled {
            self.loss.add(settled);
        }
    }

    fn view(&mut self, envelope: &Envelope, at_ms: u64, portal: &Portal, is_dev: bool) {
        let batch = &envelope.batch;
        let Some(item) = batch.item() else { return };
        self.top_pages.view(&item, at_ms);
        if let Some(card) = batch.meta.as_ref().and_then(|meta| cards::card(batch, &item, meta, portal, is_dev)) {
            self.cards.note(&item, card, at_ms);
        }
        self.model_revision += 1;
    }
}

impl ByKind {
    fn add(&mut self, kind: &EventKind) {
        let count = match kind {
            EventKind::Pageview => &mut self.pageview,
            EventKind::Engagement { .. } => &mut self.engagement,
            EventKind::Click { .. } => &mut self.click,
            EventKind::Impression { .. } => &mut self.impression,
            EventKind::Custom { .. } => &mut self.custom,
        };
        *count += 1;
    }
}

/// The reader's clock set right, but never later than the arrival at the edge.
/// Nor later than the arrival on the stream: one absurd `received_at_ms` would make every other view look faded.
fn corrected_at_ms(at_ms: u64, envelope: &Envelope, arrived_at_ms: u64) -> u64 {
    at_ms.saturating_add_signed(envelope.edge.skew_ms).min(envelope.edge.received_at_ms).min(arrived_at_ms)
}

#[cfg(test)]
mod tests {
    use wire::{PageviewId, Portals};

    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../wire/tests/golden/envelope.json");
    const ARRIVED: u64 = 1_795_337_005_400;

    fn envelope(pageview: u128) -> Envelope {
        let mut envelope = Envelope::parse(GOLDEN).unwrap();
        envelope.batch.pageview = PageviewId::from_bits(pageview);
        envelope
    }

    fn state_after(envelopes: &[Envelope]) -> PortalState {
        let portals: Portals = toml::from_str(include_str!("../../portals.toml")).unwrap();
        let mut state = PortalState::default();
        for envelope in envelopes {
            state.apply(envelope, ARRIVED, portals.get("g1").unwrap(), false);
        }
        state
    }

    #[test]
    fn every_event_counts_once() {
        let state = state_after(&[envelope(1), envelope(1), envelope(2)]);
        let counts = &state.counts;
        assert_eq!((counts.records, counts.events, counts.duplicates), (3, 10, 5));
        let kinds = &counts.by_kind;
        assert_eq!((kinds.pageview, kinds.engagement, kinds.click, kinds.impression, kinds.custom), (2, 2, 2, 2, 2));
        assert!((state.top_pages.top(ARRIVED, 1)[0].score - 2.0).abs() < 0.01);
    }

    #[test]
    fn what_comes_a_day_late_is_archived_only() {
        let mut late = envelope(1);
        late.edge.received_at_ms = ARRIVED - dedup::KEEP_MS - 1;
        let mut in_time = envelope(2);
        in_time.edge.received_at_ms = ARRIVED - dedup::KEEP_MS;
        let state = state_after(&[late, in_time]);
        assert_eq!((state.counts.records, state.counts.events, state.counts.late), (2, 5, 5));
    }

    #[test]
    fn only_views_of_articles_by_people_make_top_pages() {
        let mut bot = envelope(1);
        bot.batch.bot = true;
        let mut front = envelope(2);
        front.batch.page = PageKind::Front;
        let mut engaged = envelope(3);
        engaged.batch.events.remove(0);
        let state = state_after(&[bot, front, engaged]);
        assert_eq!((state.counts.events, state.counts.bot_events), (14, 5));
        assert_eq!((state.top_pages.len(), state.cards.len(), state.model_revision), (0, 0, 0));
    }

    #[test]
    fn a_record_that_is_no_envelope_of_the_portal_is_poison() {
        let portal = PortalId::parse("g1").unwrap();
        assert!(read_record(GOLDEN, &portal).is_ok());
        let other = PortalId::parse("ge").unwrap();
        assert_eq!(read_record(GOLDEN, &other).unwrap_err().summary(), "other_portal g1");
        for (record, summary) in [
            (&b""[..], "malformed_json at line 1 column 0"),
            (b"{}", "malformed_json at line 1 column 2"),
            (&[0xff, 0x00], "malformed_json at line 1 column 1"),
            (&GOLDEN[..100], "malformed_json at line 1 column 100"),
        ] {
            assert_eq!(read_record(record, &portal).unwrap_err().summary(), summary);
        }
        let later = String::from_utf8(GOLDEN.to_vec()).unwrap().replacen("\"v\":1", "\"v\":2", 1);
        assert_eq!(read_record(later.as_bytes(), &portal).unwrap_err().summary(), "unsupported_version");
    }

    #[test]
    fn a_wrong_clock_is_corrected_and_nothing_happens_in_the_future() {
        let mut envelope = envelope(1);
        for (at_ms, skew_ms, received_at_ms, expected) in [
            (1_000, 91, 5_000, 1_091),
            (1_000, -400, 5_000, 600),
            (4_000, 2_000, 5_000, 5_000),
            (100, -400, 5_000, 0),
            (u64::MAX, i64::MAX, u64::MAX, 9_000),
        ] {
            envelope.edge.skew_ms = skew_ms;
            envelope.edge.received_at_ms = received_at_ms;
            assert_eq!(corrected_at_ms(at_ms, &envelope, 9_000), expected);
        }
    }
}
