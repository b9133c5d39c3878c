//! A circuit breaker for one stream in one isolate: while Kinesis is down, records go straight to the queue, and a probe now and
//! then finds out when it is back.

/// Calls in a row without one stored record that open it: at a failure rate of a half that happens once in two thousand calls,
/// at nine tenths at once.
const FAILURES_TO_OPEN: u32 = 10;
/// Pause before the first probe, milliseconds; it doubles with each that fails.
const PROBE_FIRST_MS: u64 = 1_000;
/// Longest pause between probes: a stream that is back is used again within half a minute.
const PROBE_MAX_MS: u64 = 30_000;

/// Whether Kinesis may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes; report how it went.
    Through,
    /// No: it is down.
    Blocked {
        /// For so long, milliseconds.
        open_for_ms: u64,
    },
}

/// What one isolate knows of one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit ends every name")]
struct Open {
    since_ms: u64,
    pause_ms: u64,
    probe_at_ms: u64,
}

impl Breaker {
    /// Asks before a call. While open, one caller per pause is let through as the probe.
    pub fn permit(&mut self, now_ms: u64) -> Permit {
        match &mut self.open {
            None => Permit::Through,
            Some(open) if now_ms >= open.probe_at_ms => {
                // Whoever asks next waits for this probe's pause, also when the probe never reports.
                open.probe_at_ms = now_ms.saturating_add(open.pause_ms);
                Permit::Through
            }
            Some(open) => Permit::Blocked { open_for_ms: now_ms.saturating_sub(open.since_ms) },
        }
    }

    /// Tells how a call went: whether at least one record was stored.
    pub fn report(&mut self, is_stored: bool, now_ms: u64) {
        if is_stored {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        match &mut self.open {
            Some(open) => {
                open.pause_ms = (open.pause_ms * 2).min(PROBE_MAX_MS);
                open.probe_at_ms = now_ms.saturating_add(open.pause_ms);
            }
            None if self.failures >= FAILURES_TO_OPEN => {
                let probe_at_ms = now_ms.saturating_add(PROBE_FIRST_MS);
                self.open = Some(Open { since_ms: now_ms, pause_ms: PROBE_FIRST_MS, probe_at_ms });
            }
            None => {}
        }
    }

    /// Whether it is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened_at(now_ms: u64) -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            assert_eq!(breaker.permit(now_ms), Permit::Through);
            breaker.report(false, now_ms);
        }
        breaker
    }

    #[test]
    fn a_success_in_between_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for _ in 1..FAILURES_TO_OPEN {
                breaker.report(false, 0);
            }
            breaker.report(true, 0);
        }
        assert_eq!(breaker.permit(0), Permit::Through);
    }

    #[test]
    fn an_open_one_lets_one_probe_through_per_pause() {
        let mut breaker = opened_at(0);
        assert_eq!(breaker.permit(999), Permit::Blocked { open_for_ms: 999 });
        assert_eq!(breaker.permit(1_000), Permit::Through);
        assert_eq!(breaker.permit(1_000), Permit::Blocked { open_for_ms: 1_000 });
    }

    #[test]
    fn pauses_between_failing_probes_double_up_to_half_a_minute() {
        let mut breaker = opened_at(0);
        let (mut now_ms, mut pauses_ms) = (0, Vec::new());
        for _ in 0..8 {
            let from_ms = now_ms;
            while breaker.permit(now_ms) != Permit::Through {
                now_ms += 500;
            }
            pauses_ms.push(now_ms - from_ms);
            breaker.report(false, now_ms);
        }
        assert_eq!(pauses_ms, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn a_probe_that_never_reports_does_not_block_for_ever() {
        let mut breaker = opened_at(0);
        assert_eq!(breaker.permit(1_000), Permit::Through);
        assert_eq!(breaker.permit(2_000), Permit::Through);
    }

    #[test]
    fn a_stored_probe_closes_it() {
        let mut breaker = opened_at(0);
        assert_eq!(breaker.permit(1_000), Permit::Through);
        breaker.report(true, 1_010);
        assert!(!breaker.is_open());
        assert_eq!(breaker.permit(1_010), Permit::Through);
    }
}
