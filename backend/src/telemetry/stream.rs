//! What the records of a portal's stream told in a period: events, what is missing, how long they were under way, what the edge did.

use std::time::Duration;

use wire::{EnvelopeView, Figure, PortalId, Tally, Via};

use super::{Datum, Values, float};
use crate::loss;
use crate::transform::Totals;

/// Sums of a shard at one moment: the news of a page is the difference of two.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    events: u64,
    duplicates: u64,
    dropped: u64,
    bad: u64,
    poison: u64,
    loss: loss::Tally,
}

impl Marks {
    /// Of what was counted since the beginning.
    pub(crate) fn of(totals: &Totals) -> Self {
        let counts = &totals.counts;
        Self {
            events: counts.events,
            duplicates: counts.duplicates,
            dropped: counts.dropped,
            bad: counts.out_of_range,
            poison: counts.poison,
            loss: totals.loss.sum(),
        }
    }

    /// What came since then.
    pub(crate) const fn since(self, before: Self) -> Self {
        Self {
            events: self.events.saturating_sub(before.events),
            duplicates: self.duplicates.saturating_sub(before.duplicates),
            dropped: self.dropped.saturating_sub(before.dropped),
            bad: self.bad.saturating_sub(before.bad),
            poison: self.poison.saturating_sub(before.poison),
            loss: loss::Tally {
                expected: self.loss.expected.saturating_sub(before.loss.expected),
                lost: self.loss.lost.saturating_sub(before.loss.lost),
                recovered: self.loss.recovered.saturating_sub(before.loss.recovered),
            },
        }
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.dropped += other.dropped;
        self.bad += other.bad;
        self.poison += other.poison;
        self.loss.expected += other.loss.expected;
        self.loss.lost += other.loss.lost;
        self.loss.recovered += other.loss.recovered;
    }
}

/// How records came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    times: Values,
    records: u64,
    retried: u64,
}

impl Delivery {
    /// A record with events: a probe has none.
    pub(crate) fn see(&mut self, envelope: &EnvelopeView<'_>, arrived_at_ms: u64) {
        self.records += 1;
        self.retried += u64::from(envelope.edge.via != Via::Direct);
        self.times.add(Duration::from_millis(arrived_at_ms.saturating_sub(envelope.edge.received_at_ms)));
    }
}

/// All of it, of one portal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) marks: Marks,
    pub(crate) delivery: Delivery,
    pub(crate) edge: Tally,
}

impl News {
    /// Takes in those of another page or shard.
    pub(crate) fn add(&mut self, other: &Self) {
        self.marks.add(other.marks);
        self.delivery.times.merge(&other.delivery.times);
        self.delivery.records += other.delivery.records;
        self.delivery.retried += other.delivery.retried;
        self.edge.add(&other.edge);
    }

    /// The datums of the stages `stream`, `delivery` and `edge`.
    pub(crate) fn to_datums(&self, portal: &PortalId) -> Vec<Datum> {
        let Marks { events, duplicates, dropped, bad, poison, loss } = self.marks;
        let count = |name, count| Datum::count("stream", Some(portal), name, "Count", count);
        let ratio = |stage, name, of, count| {
            Figure::ratio(name, float(of), float(count)).map(|figure| Datum::new(stage, Some(portal.clone()), figure))
        };
        // What came of a loss that an earlier period told makes no later one smaller.
        let lost = loss.lost.saturating_sub(loss.recovered);
        let own = [
            count("Events", events),
            count("DuplicateEvents", duplicates),
            count("DroppedEvents", dropped),
            count("BadEvents", bad),
            count("PoisonRecords", poison),
            ratio("stream", "Lost", loss.expected, lost),
            Datum::times("delivery", Some(portal), "DeliveryTime", &self.delivery.times),
            ratio("delivery", "Retried", self.delivery.records, self.delivery.retried),
        ];
        let edge = self.edge.figures().into_iter().map(|figure| Datum::new("edge", Some(portal.clone()), figure));
        own.into_iter().flatten().chain(edge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../wire/tests/golden/envelope.json");

    fn portal() -> PortalId {
        PortalId::parse("g1").unwrap()
    }

    fn lines(news: &News) -> Vec<String> {
        news.to_datums(&portal()).iter().map(Datum::to_string).collect()
    }

    #[test]
    fn the_news_of_a_page_are_the_difference_of_two_moments() {
        let mut totals = Totals::default();
        totals.counts.events = 100;
        let before = Marks::of(&totals);
        totals.counts.events = 107;
        totals.counts.duplicates = 2;
        totals.counts.dropped = 3;
        totals.counts.out_of_range = 4;
        totals.counts.poison = 1;
        let news = News { marks: Marks::of(&totals).since(before), ..News::default() };
        assert_eq!(
            lines(&news),
            [
                "stream/g1 Events Count 1 7 7 7",
                "stream/g1 DuplicateEvents Count 1 2 2 2",
                "stream/g1 DroppedEvents Count 1 3 3 3",
                "stream/g1 BadEvents Count 1 4 4 4",
                "stream/g1 PoisonRecords Count 1 1 1 1",
            ]
        );
        assert_eq!(lines(&News::default()), [""; 0]);
    }

    #[test]
    fn recovered_events_are_no_loss_and_a_ratio_is_never_below_nothing() {
        let lost = |expected, lost, recovered| {
            let marks = Marks { loss: loss::Tally { expected, lost, recovered }, ..Marks::default() };
            lines(&News { marks, ..News::default() })
        };
        assert_eq!(lost(50, 5, 2), ["stream/g1 Lost Count 50 3 0 1"]);
        assert_eq!(lost(50, 2, 5), ["stream/g1 Lost Count 50 0 0 0"]);
        assert_eq!(lost(0, 0, 5), [""; 0]);
        assert_eq!(lost(3, 3, 0), ["stream/g1 Lost Count 3 3 1 1"]);
    }

    #[test]
    fn a_record_tells_its_way_and_how_long_it_took() {
        let mut delivery = Delivery::default();
        let text = String::from_utf8(GOLDEN.to_vec()).unwrap();
        let direct = EnvelopeView::parse(text.as_bytes()).unwrap();
        let received_at_ms = direct.edge.received_at_ms;
        delivery.see(&direct, received_at_ms + 120);
        delivery.see(&direct, received_at_ms + 121);
        // Clocks that disagree: it took no time.
        delivery.see(&direct, received_at_ms - 5);
        let mut retried = EnvelopeView::parse(text.as_bytes()).unwrap();
        retried.edge.via = Via::Queue;
        delivery.see(&retried, received_at_ms + 961_000);
        let news = News { delivery, ..News::default() };
        let datums = news.to_datums(&portal());
        assert_eq!(datums[0].values, [(0.0, 1.0), (0.12, 2.0), (960.0, 1.0)]);
        assert_eq!(
            datums.iter().map(Datum::to_string).collect::<Vec<_>>(),
            ["delivery/g1 DeliveryTime Seconds 4 960.24 0 960", "delivery/g1 Retried Count 4 1 0 1"]
        );
    }

    #[test]
    fn what_the_edge_told_is_added_up() {
        let mut news = News {
            edge: Tally { posts: 3, unavailable: 1, put_calls: 2, put_ms: 30, put_ms_max: 20, ..Tally::default() },
            ..News::default()
        };
        news.add(&News {
            edge: Tally { posts: 1, put_calls: 1, put_ms: 5, put_ms_max: 5, dead: 2, ..Tally::default() },
            ..News::default()
        });
        assert_eq!(
            lines(&news),
            [
                "edge/g1 Posts Count 1 4 4 4",
                "edge/g1 Unavailable Count 4 1 0 1",
                "edge/g1 PutTime Milliseconds 3 35 0 20",
                "edge/g1 DeadLetters Count 1 2 2 2",
            ]
        );
    }
}
