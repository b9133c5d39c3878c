//! What the cron tells CloudWatch each minute: that the edge is there, what waits in the queues and the store, which streams take records.
//! Traffic is told by the records themselves ([`crate::tally`]); this is for when there are none.

use wire::{Figure, PortalId};

use crate::aws::cloudwatch::Datum;

/// What waits in a retry queue, as the platform says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that were not acknowledged.
    pub messages: u32,
    /// When the oldest of them was sent, Unix milliseconds; `None` without one.
    pub oldest_at_ms: Option<u64>,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Of each retry queue that told.
    pub queues: Vec<Backlog>,
    /// Objects that were set aside in a long outage, as far as they were counted; `None` when the store did not answer.
    pub set_aside: Option<u32>,
    /// Whether each portal's stream took a record, or would have if it had not been too small ([`crate::probe::is_up`]).
    pub streams: Vec<(PortalId, bool)>,
}

/// Its figures.
#[must_use]
pub fn data(seen: &Seen, now_ms: u64) -> Vec<Datum> {
    let mut figures = vec![Figure::value("Heartbeat", "Count", 1.0)];
    if !seen.queues.is_empty() {
        let messages = seen.queues.iter().map(|queue| f64::from(queue.messages)).sum();
        let oldest = seen.queues.iter().filter_map(|queue| queue.oldest_at_ms).min();
        let age_s = oldest.map_or(0, |oldest_at_ms| now_ms.saturating_sub(oldest_at_ms) / 1_000);
        figures.push(Figure::value("QueueBacklog", "Count", messages));
        figures.push(Figure::value("QueueAge", "Seconds", f64::from(u32::try_from(age_s).unwrap_or(u32::MAX))));
    }
    figures.extend(seen.set_aside.map(|objects| Figure::value("SetAside", "Count", f64::from(objects))));
    let of_all = figures.into_iter().map(|figure| Datum { figure, portal: None });
    let of_streams = seen.streams.iter().map(|(portal, is_up)| {
        let figure = Figure::value("StreamUp", "Count", f64::from(u8::from(*is_up)));
        Datum { figure, portal: Some(portal.clone()) }
    });
    of_all.chain(of_streams).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_337_000_000;

    fn told(seen: &Seen) -> Vec<(&'static str, Option<String>, f64)> {
        let tell = |datum: Datum| (datum.figure.name, datum.portal.map(|portal| portal.to_string()), datum.figure.sum);
        data(seen, T0).into_iter().map(tell).collect()
    }

    #[test]
    fn queues_are_added_up_and_the_oldest_message_is_that_of_all() {
        let seen = Seen {
            queues: vec![
                Backlog { messages: 2, oldest_at_ms: Some(T0 - 61_000) },
                Backlog { messages: 0, oldest_at_ms: None },
                Backlog { messages: 3, oldest_at_ms: Some(T0 - 5_000) },
            ],
            set_aside: Some(7),
            streams: vec![(PortalId::parse("g1").unwrap(), true), (PortalId::parse("ge").unwrap(), false)],
        };
        let expected = [
            ("Heartbeat", None, 1.0),
            ("QueueBacklog", None, 5.0),
            ("QueueAge", None, 61.0),
            ("SetAside", None, 7.0),
            ("StreamUp", Some("g1".to_owned()), 1.0),
            ("StreamUp", Some("ge".to_owned()), 0.0),
        ];
        assert_eq!(told(&seen), expected);
    }

    #[test]
    fn what_nobody_knows_is_not_told_as_nothing() {
        assert_eq!(told(&Seen::default()), [("Heartbeat", None, 1.0)]);
    }
}
