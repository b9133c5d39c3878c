//! What is published to CloudWatch: what was counted in a period becomes datums, named as [`wire::metric::METRICS`] says.

mod batch;
mod gauges;
mod stream;
mod values;

use std::fmt;

use wire::{Figure, PortalId};

pub(crate) use batch::Outbox;
pub(crate) use gauges::{Usage, iterator_age_ms, of_portal, of_process};
pub(crate) use stream::{Delivery, Marks, News};
pub(crate) use values::Values;

/// One figure of one stage: a value, a statistic set, or, when there are any, values with their counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datum {
    pub(crate) stage: &'static str,
    pub(crate) portal: Option<PortalId>,
    pub(crate) figure: Figure,
    pub(crate) values: Vec<(f64, f64)>,
}

impl Datum {
    /// Of a whole figure.
    pub(crate) const fn new(stage: &'static str, portal: Option<PortalId>, figure: Figure) -> Self {
        Self { stage, portal, figure, values: Vec::new() }
    }

    /// A count; nothing when there was nothing.
    pub(crate) fn count(
        stage: &'static str,
        portal: Option<&PortalId>,
        name: &'static str,
        unit: &'static str,
        count: u64,
    ) -> Option<Self> {
        (count > 0).then(|| Self::new(stage, portal.cloned(), Figure::value(name, unit, float(count))))
    }

    /// Times in seconds; nothing when there were none.
    pub(crate) fn times(stage: &'static str, portal: Option<&PortalId>, name: &'static str, times: &Values) -> Option<Self> {
        let values: Vec<_> = times.told().into_iter().map(|(us, count)| (float(us) / 1_000_000.0, float(count))).collect();
        let ((min, _), (max, _)) = (*values.first()?, *values.last()?);
        let (samples, sum) = values.iter().fold((0.0, 0.0), |(samples, sum), (value, count)| (samples + count, sum + value * count));
        let figure = Figure { name, unit: "Seconds", samples, sum, min, max };
        Some(Self { stage, portal: portal.cloned(), figure, values })
    }
}

/// For tests and the log: `stage/portal name samples sum min max`.
impl fmt::Display for Datum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figure { name, unit, samples, sum, min, max } = self.figure;
        let portal = self.portal.as_ref().map_or("-", PortalId::as_str);
        write!(formatter, "{}/{portal} {name} {unit} {samples} {sum} {min} {max}", self.stage)
    }
}

/// A count as CloudWatch takes it.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts below 2^53, and std has no other way")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use wire::Tally;
    use wire::metric::METRICS;

    use super::*;
    use crate::stages::{Stage, Stages, Volume};

    const EVERY_STAGE: [Stage; 8] =
        [Stage::Transform, Stage::Put, Stage::Commit, Stage::Learn, Stage::Publish, Stage::Snapshot, Stage::Lease, Stage::DeadLetter];

    /// What each stage's shell says that it carried: as in `platform/`.
    fn volume(stage: Stage) -> Volume {
        let both = Volume { records_in: 1, bytes_in: 1, records_out: 1, bytes_out: 1 };
        match stage {
            Stage::Transform => Volume { bytes_out: 0, ..both },
            Stage::Put | Stage::DeadLetter => both,
            Stage::Learn => Volume { records_out: 0, bytes_out: 0, ..both },
            Stage::Publish => Volume { records_in: 0, bytes_in: 0, ..both },
            Stage::Snapshot => Volume { bytes_out: 1, ..Volume::default() },
            Stage::Commit | Stage::Lease => Volume::default(),
        }
    }

    fn everything() -> Vec<Datum> {
        let portal = PortalId::parse("g1").unwrap();
        let stages = Stages::default();
        for stage in EVERY_STAGE {
            let whose = (stage != Stage::Lease).then_some(&portal);
            stages.begin(stage, whose, Duration::ZERO).done(Duration::from_secs(1), volume(stage));
            stages.failed(stage, whose, "away");
        }
        let envelope = wire::EnvelopeView::parse(include_bytes!("../../../wire/tests/golden/envelope.json")).unwrap();
        let mut delivery = Delivery::default();
        delivery.see(&envelope, envelope.edge.received_at_ms);
        let mut totals = crate::transform::Totals::default();
        let counts = &mut totals.counts;
        (counts.events, counts.duplicates, counts.dropped, counts.out_of_range, counts.poison) = (1, 1, 1, 1, 1);
        totals.loss.add(crate::transform::Settled { class: 1, expected: 2, lost: 1 });
        let every: serde_json::Map<_, _> = [
            "posts",
            "refused",
            "unavailable",
            "puts",
            "put_failed",
            "put_ms",
            "put_ms_max",
            "put_calls",
            "queued",
            "lists",
            "fallback",
            "slow_lists",
            "dead",
        ]
        .iter()
        .map(|name| ((*name).to_owned(), 1.into()))
        .collect();
        let edge: Tally = serde_json::from_value(every.into()).unwrap();
        let news = News { marks: Marks::of(&totals), delivery, edge };
        let mut datums = stages.end_period(Duration::from_secs(2));
        datums.extend(news.to_datums(&portal));
        datums.extend(of_portal(&portal, Some(1), Some(1)));
        datums.extend(of_process(Some(Usage::default()), Some(Usage::default()), Duration::from_mins(1)));
        datums
    }

    #[test]
    fn what_is_published_is_what_the_list_of_metrics_says() {
        let published: BTreeSet<_> =
            everything().iter().map(|datum| (datum.figure.name, datum.stage, datum.figure.unit, datum.portal.is_some())).collect();
        let of_backend = METRICS.iter().filter(|metric| metric.by.is_backend());
        let listed: BTreeSet<_> =
            of_backend.flat_map(|metric| metric.stages.iter().map(|stage| (metric.name, *stage, metric.unit, metric.has_portal))).collect();
        let missing: Vec<_> = listed.difference(&published).collect();
        let unknown: Vec<_> = published.difference(&listed).collect();
        assert!(missing.is_empty() && unknown.is_empty(), "not published {missing:?}, not in the list {unknown:?}");
    }

    #[test]
    fn no_metric_is_told_twice_in_a_period() {
        let datums = everything();
        let names: BTreeSet<_> = datums.iter().map(|datum| (datum.figure.name, datum.stage, datum.portal.clone())).collect();
        assert_eq!(names.len(), datums.len());
    }
}
