//! The figures of `GET /metrics`, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write as _;

use crate::feedback::{self, Feedback};
use crate::loss::{Loss, Tally};
use crate::transform::{Counts, EdgeCounts};

/// What is shown of one portal.
#[derive(Debug)]
pub(crate) struct PortalMetrics {
    pub(crate) portal: String,
    pub(crate) counts: Counts,
    pub(crate) loss: Loss,
    pub(crate) feedback: Feedback,
    pub(crate) edge: EdgeCounts,
    /// Of the shard that is furthest behind; `None` before the first read.
    pub(crate) behind_ms: Option<u64>,
}

type CountOf = fn(&Counts) -> u64;
type EdgeOf = fn(&EdgeCounts) -> u64;
type LossOf = fn(Tally) -> u64;
type FeedbackOf = fn(feedback::Tally) -> u64;

/// Name, help and value of the counters of a portal.
const COUNTERS: [(&str, &str, CountOf); 13] = [
    ("pulso_records_total", "Records of the portal's stream that were envelopes.", |counts| counts.records),
    ("pulso_probe_records_total", "Those of them without events, by which the edge looks whether the stream is there.", |counts| {
        counts.probes
    }),
    ("pulso_retried_records_total", "Those of them with events that came through a retry queue or were set aside.", |counts| {
        counts.retried
    }),
    ("pulso_poison_records_total", "Records of the portal's stream that were none.", |counts| counts.poison),
    ("pulso_events_total", "Events, each counted once.", |counts| counts.events),
    ("pulso_duplicate_events_total", "Events that were there already.", |counts| counts.duplicates),
    ("pulso_late_events_total", "Events that came more than a day late, which are archived only.", |counts| counts.late),
    ("pulso_out_of_range_events_total", "Events with a seq that no tracker sends.", |counts| counts.out_of_range),
    ("pulso_bot_events_total", "New events of browsers that a program drives.", |counts| counts.bot_events),
    ("pulso_erased_events_total", "Events of readers who had themselves erased.", |counts| counts.erased),
    ("pulso_sessions_total", "Sessions begun.", |counts| counts.sessions),
    ("pulso_interactions_total", "Interactions made, each once.", |counts| counts.interactions),
    ("pulso_dropped_events_total", "Events that trackers had to forget, by their own account.", |counts| counts.dropped),
];

const LOSSES: [(&str, &str, LossOf); 3] = [
    (
        "pulso_loss_events_total",
        "Gaps in the seq of pageviews that were quiet for ten minutes. A lower bound of what was lost: what never left the device, and a \
         lost end of a pageview, is not seen. Subtract pulso_loss_recovered_events_total.",
        |tally| tally.lost,
    ),
    (
        "pulso_loss_expected_events_total",
        "Events up to the highest seq of pageviews that were quiet for ten minutes, lost ones included: what the lower bound \
         pulso_loss_events_total is a part of.",
        |tally| tally.expected,
    ),
    (
        "pulso_loss_recovered_events_total",
        "Events counted in pulso_loss_events_total that came later, for example from a retry queue.",
        |tally| tally.recovered,
    ),
];

/// What the edge told of itself in records.
const EDGE: [(&str, &str, EdgeOf); 12] = [
    ("pulso_edge_posts_total", "Posts that the edge answered.", |edge| edge.posts),
    ("pulso_edge_posts_refused_total", "Of those: refused.", |edge| edge.refused),
    ("pulso_edge_posts_unavailable_total", "Of those: answered 503.", |edge| edge.unavailable),
    ("pulso_edge_puts_total", "Attempts to put a record into the stream.", |edge| edge.puts),
    ("pulso_edge_puts_failed_total", "Of those: not taken.", |edge| edge.put_failed),
    ("pulso_edge_put_milliseconds_total", "Time that all calls to the stream took.", |edge| edge.put_ms),
    ("pulso_edge_put_calls_total", "Calls to the stream.", |edge| edge.put_calls),
    ("pulso_edge_queued_total", "Records that the retry queue took.", |edge| edge.queued),
    ("pulso_edge_lists_total", "Lists of recommendations that were answered.", |edge| edge.lists),
    ("pulso_edge_lists_fallback_total", "Of those: from a lower rung than was asked for.", |edge| edge.fallback),
    ("pulso_edge_lists_slow_total", "Of those: took longer than 200 ms.", |edge| edge.slow_lists),
    ("pulso_edge_dead_letters_total", "Records that the edge gave up.", |edge| edge.dead),
];

const FEEDBACK: [(&str, &str, FeedbackOf); 4] = [
    ("pulso_recommendation_lists_total", "Lists of recommendations that were seen.", |tally| tally.lists),
    ("pulso_recommendation_lists_clicked_total", "Those of them in which something was followed.", |tally| tally.lists_clicked),
    ("pulso_recommendation_items_total", "Recommended items that were seen.", |tally| tally.items),
    ("pulso_recommendation_clicks_total", "Recommended items that were followed, each once a list.", |tally| tally.clicks),
];

/// The whole text.
pub(crate) fn text(portals: &[PortalMetrics]) -> String {
    let mut text = String::new();
    for (name, help, value) in COUNTERS {
        head(&mut text, name, help, "counter");
        for one in portals {
            // A `String` takes everything. Portals are [a-z0-9-], families a closed list: nothing to escape.
            let _ = writeln!(text, "{name}{{portal=\"{}\"}} {}", one.portal, value(&one.counts));
        }
    }
    for (name, help, value) in EDGE {
        head(&mut text, name, help, "counter");
        for one in portals {
            let _ = writeln!(text, "{name}{{portal=\"{}\"}} {}", one.portal, value(&one.edge));
        }
    }
    for (name, help, value) in LOSSES {
        head(&mut text, name, help, "counter");
        for one in portals {
            for (browser, tally) in one.loss.families() {
                let _ = writeln!(text, "{name}{{portal=\"{}\",browser=\"{browser}\"}} {}", one.portal, value(tally));
            }
        }
    }
    for (name, help, value) in FEEDBACK {
        head(&mut text, name, help, "counter");
        for one in portals {
            for row in one.feedback.rows() {
                let (placement, set, source) = (row.placement, row.set, row.source);
                let labels = format!("portal=\"{}\",placement=\"{placement}\",set=\"{set}\",source=\"{source}\"", one.portal);
                let _ = writeln!(text, "{name}{{{labels}}} {}", value(row.tally));
            }
        }
    }
    let name = "pulso_recommendation_clicks_unattributed_total";
    head(&mut text, name, "Clicks on lists that nobody had said were seen.", "counter");
    for one in portals {
        let _ = writeln!(text, "{name}{{portal=\"{}\"}} {}", one.portal, one.feedback.unattributed);
    }
    let name = "pulso_behind_milliseconds";
    head(&mut text, name, "How far the reader of the slowest shard was behind the end of the stream at its last read.", "gauge");
    for one in portals {
        if let Some(behind_ms) = one.behind_ms {
            let _ = writeln!(text, "{name}{{portal=\"{}\"}} {behind_ms}", one.portal);
        }
    }
    text
}

/// The two lines before the samples of a metric.
pub(crate) fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use wire::{EventKindView, RecId, RecommendationSource, SetName};

    use super::*;
    use crate::feedback::{Answers, Doer};
    use crate::transform::Settled;

    fn seen() -> Feedback {
        let rec_id = RecId::stamped(0, RecommendationSource::Similar, SetName::A);
        let event = EventKindView::Impression { rec_id, placement: "leia-tambem".into(), items: vec!["/a".into()] };
        let mut feedback = Feedback::default();
        feedback.take(&mut Answers::default(), &event, Doer { visitor: 1, pageview: 1, is_believed: true, at_ms: 1 });
        feedback
    }

    #[test]
    fn every_line_is_a_sample_or_a_comment_and_labels_are_a_fixed_set() {
        let mut loss = Loss::default();
        loss.add(Settled { class: 1, expected: 5, lost: 2 });
        loss.add_recovered(1);
        let counts = Counts { events: 7, poison: 1, ..Counts::default() };
        let portals = [
            PortalMetrics {
                portal: "g1".to_owned(),
                counts,
                loss,
                feedback: seen(),
                edge: EdgeCounts { posts: 9, ..EdgeCounts::default() },
                behind_ms: Some(12),
            },
            PortalMetrics {
                portal: "ge".to_owned(),
                counts: Counts::default(),
                loss: Loss::default(),
                feedback: Feedback::default(),
                edge: EdgeCounts::default(),
                behind_ms: None,
            },
        ];
        let text = text(&portals);
        for line in [
            "pulso_events_total{portal=\"g1\"} 7",
            "pulso_poison_records_total{portal=\"g1\"} 1",
            "pulso_edge_posts_total{portal=\"g1\"} 9",
            "pulso_loss_events_total{portal=\"g1\",browser=\"chrome\"} 2",
            "pulso_loss_expected_events_total{portal=\"g1\",browser=\"chrome\"} 5",
            "pulso_loss_recovered_events_total{portal=\"g1\",browser=\"chrome\"} 1",
            "pulso_loss_events_total{portal=\"ge\",browser=\"other\"} 0",
            "pulso_recommendation_lists_total{portal=\"g1\",placement=\"leia-tambem\",set=\"a\",source=\"similar\"} 1",
            "pulso_recommendation_clicks_unattributed_total{portal=\"ge\"} 0",
            "pulso_behind_milliseconds{portal=\"g1\"} 12",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), (13 + 12) * 2 + 3 * 2 * 10 + 4 + 2 + 1);
        assert_eq!(text.lines().filter(|line| line.starts_with("# HELP ")).count(), 34);
        assert!(text.contains("# HELP pulso_loss_events_total Gaps") && text.contains("A lower bound"));
        assert!(text.ends_with('\n'));
    }
}
