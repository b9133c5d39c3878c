//! Datums on their way: cut to what one call takes, kept when CloudWatch is away, bounded.

use std::collections::VecDeque;

use super::Datum;

/// Limits of `PutMetricData`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>): 1,000 metrics and 1 MB a call; each has
/// at most 30 dimensions, ours have two, and 150 values ([`super::values::DISTINCT_MAX`]).
const DATUMS_MAX: usize = 1_000;
const CALL_BYTES_MAX: usize = 1_000_000;
/// A datum without its values, and a value with its count, in the longest encoding of the three that AWS has (the query protocol:
/// `&MetricData.member.1000.Dimensions.member.2.Value=` for every part), rounded up.
const DATUM_BYTES: usize = 800;
const VALUE_BYTES: usize = 120;
/// Calls that wait while CloudWatch is away: an hour of minutes for forty portals. Then the oldest go.
const CALLS_MAX: usize = 120;

/// What one call takes, of one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) at_ms: u64,
    pub(crate) datums: Vec<Datum>,
}

/// Calls that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Call>,
}

impl Outbox {
    /// The datums of a period; gives how many old ones had to go.
    pub(crate) fn add(&mut self, at_ms: u64, datums: Vec<Datum>) -> usize {
        self.waiting.extend(calls(datums).into_iter().map(|datums| Call { at_ms, datums }));
        let too_many = self.waiting.len().saturating_sub(CALLS_MAX);
        self.waiting.drain(..too_many).map(|call| call.datums.len()).sum()
    }

    /// What has to go next.
    pub(crate) fn next(&self) -> Option<&Call> {
        self.waiting.front()
    }

    /// CloudWatch has it.
    pub(crate) fn is_sent(&mut self) {
        self.waiting.pop_front();
    }
}

fn calls(datums: Vec<Datum>) -> Vec<Vec<Datum>> {
    let (mut calls, mut bytes) = (Vec::<Vec<Datum>>::new(), 0);
    for datum in datums {
        let size = DATUM_BYTES + datum.values.len() * VALUE_BYTES;
        match calls.last_mut() {
            Some(call) if call.len() < DATUMS_MAX && bytes + size <= CALL_BYTES_MAX => {
                bytes += size;
                call.push(datum);
            }
            _ => {
                bytes = size;
                calls.push(vec![datum]);
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::Figure;

    use super::*;
    use crate::telemetry::Values;

    fn plain(count: u16) -> Vec<Datum> {
        (0..count).map(|at| Datum::new("stream", None, Figure::value("Events", "Count", f64::from(at)))).collect()
    }

    fn full() -> Datum {
        let mut times = Values::default();
        (0..150).for_each(|us| times.add(Duration::from_micros(us * us)));
        Datum::times("put", None, "ExecutionTime", &times).unwrap()
    }

    #[test]
    fn a_call_holds_a_thousand_datums_or_a_megabyte() {
        let sizes = |datums| calls(datums).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(Vec::new()), [0; 0]);
        assert_eq!(sizes(plain(1_000)), [1_000]);
        assert_eq!(sizes(plain(2_001)), [1_000, 1_000, 1]);
        let values = full().values.len();
        let fit = CALL_BYTES_MAX / (DATUM_BYTES + values * VALUE_BYTES);
        assert_eq!(sizes(vec![full(); fit * 2 + 1]), [fit, fit, 1]);
        assert_eq!(calls(plain(1_500)).concat(), plain(1_500), "none is lost, and their order stays");
    }

    #[test]
    fn what_was_not_sent_stays_and_the_oldest_goes_when_there_is_too_much() {
        let mut outbox = Outbox::default();
        for at_ms in 0..120 {
            assert_eq!(outbox.add(at_ms, plain(2)), 0);
        }
        assert_eq!(outbox.add(120, plain(1_001)), 4);
        assert_eq!(outbox.next().map(|call| (call.at_ms, call.datums.len())), Some((2, 2)));
        outbox.is_sent();
        assert_eq!(outbox.next().map(|call| call.at_ms), Some(3));
    }
}
