//! How far our clock is from the service's: a signature holds for five minutes, and a wrong clock makes every one wrong.

use crate::aws::kinesis::Outcome;

/// A smaller difference is the network's, not the clock's.
const SKEW_MIN_MS: u64 = 30_000;

/// What to add to our clock for signing, if an answer shows that it is needed and by how much.
///
/// `offset_ms` is what was added so far; `service_at_ms` the answer's `Date` header, if it had one.
#[must_use]
pub fn learn(outcomes: &[Outcome], service_at_ms: Option<u64>, now_ms: u64, offset_ms: i64) -> Option<i64> {
    let is_clock = |outcome: &Outcome| matches!(outcome, Outcome::Failed { reason } if is_about_time(reason));
    if !outcomes.iter().any(is_clock) {
        return None;
    }
    let service_at_ms = i64::try_from(service_at_ms?).ok()?;
    let needed_ms = service_at_ms.checked_sub(i64::try_from(now_ms).ok()?)?;
    (needed_ms.abs_diff(offset_ms) >= SKEW_MIN_MS).then_some(needed_ms)
}

/// Kinesis says `InvalidSignatureException` ("Signature expired"), other services the other two.
fn is_about_time(reason: &str) -> bool {
    matches!(reason, "InvalidSignatureException" | "RequestExpired" | "RequestTimeTooSkewed" | "SignatureDoesNotMatch")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_337_005_301;

    fn learnt(reason: &str, service_at_ms: Option<u64>, offset_ms: i64) -> Option<i64> {
        learn(&[Outcome::Stored, Outcome::failed(reason)], service_at_ms, NOW_MS, offset_ms)
    }

    #[test]
    fn the_difference_is_learnt_in_both_directions() {
        for minutes in [4_i64, 6, 15, 1_440, -4, -6, -15, -1_440] {
            let service_at_ms = NOW_MS.checked_add_signed(minutes * 60_000).unwrap();
            assert_eq!(learnt("InvalidSignatureException", Some(service_at_ms), 0), Some(minutes * 60_000));
        }
    }

    #[test]
    fn a_wrong_secret_is_not_a_wrong_clock() {
        assert_eq!(learnt("InvalidSignatureException", Some(NOW_MS + 900), 0), None, "our clock is right");
        assert_eq!(learnt("InvalidSignatureException", Some(NOW_MS + 360_000), 360_000), None, "and it was set right before");
        assert_eq!(learnt("AccessDeniedException", Some(NOW_MS + 360_000), 0), None);
        assert_eq!(learnt("InvalidSignatureException", None, 0), None);
    }
}
