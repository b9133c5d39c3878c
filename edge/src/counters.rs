//! What this isolate did with records since it began, as Prometheus text. Of one isolate: for development, and for a look;
//! what is exact travels in the records themselves.

use crate::aws::kinesis::Outcome;
use crate::delivery::{Effect, Input, is_configuration};

/// Records, by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// The stream confirmed them.
    pub stored: u64,
    /// The stream did not take them, or nobody knows.
    pub failed: u64,
    /// Of those: refused for a reason that a person has to mend.
    pub refused: u64,
    /// The retry queue confirmed them.
    pub queued: u64,
    /// They left the retry queue, for the stream or for a store.
    pub settled: u64,
    /// They were set aside in a long outage.
    pub set_aside: u64,
    /// They became dead letters.
    pub dead: u64,
}

impl Counters {
    /// Counts what came of an effect.
    pub fn note(&mut self, effect: &Effect, input: &Input) {
        match (effect, input) {
            (_, Input::Put { outcomes, .. }) => outcomes.iter().for_each(|outcome| self.note_outcome(outcome)),
            (Effect::Enqueue { messages, .. }, Input::Enqueued { is_safe: true }) => self.queued += count(messages),
            (Effect::Spill(messages), Input::Spilled { is_safe: true }) => self.set_aside += count(messages),
            (
                Effect::Put(_) | Effect::Answer(_) | Effect::Enqueue { .. } | Effect::Spill(_),
                Input::Enqueued { .. } | Input::Spilled { .. },
            ) => {}
        }
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Stored => self.stored += 1,
            Outcome::Failed { reason } => {
                self.failed += 1;
                self.refused += u64::from(is_configuration(reason));
            }
        }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let lines = [
            ("pulso_delivery_stored_total", "Records that Kinesis confirmed.", self.stored),
            ("pulso_delivery_failed_total", "Attempts that Kinesis did not confirm.", self.failed),
            ("pulso_delivery_refused_total", "Attempts refused for a reason that a person has to mend.", self.refused),
            ("pulso_retry_queued_total", "Records that the retry queue confirmed.", self.queued),
            ("pulso_retry_settled_total", "Records that left the retry queue for good.", self.settled),
            ("pulso_spilled_total", "Records set aside in a long outage.", self.set_aside),
            ("pulso_dead_letters_total", "Records given up.", self.dead),
        ];
        let line = |(name, help, value): (&str, &str, u64)| format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n");
        lines.map(line).concat()
    }
}

fn count(messages: &[String]) -> u64 {
    u64::try_from(messages.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_has_to_mend_is_counted_apart() {
        let mut counters = Counters::default();
        let outcomes = vec![Outcome::Stored, Outcome::failed("InvalidSignatureException"), Outcome::failed("status_500")];
        counters.note(&Effect::Put(vec![0, 1, 2]), &Input::Put { outcomes, has_learnt_skew: false });
        assert_eq!((counters.stored, counters.failed, counters.refused), (1, 2, 1));
        assert!(counters.to_prometheus().contains("\npulso_delivery_refused_total 1\n"));
    }

    #[test]
    fn only_what_is_confirmed_is_counted_as_queued() {
        let effect = Effect::Enqueue { messages: vec![String::new(); 3], delay_s: 0 };
        let mut counters = Counters::default();
        counters.note(&effect, &Input::Enqueued { is_safe: false });
        assert_eq!(counters, Counters::default());
        counters.note(&effect, &Input::Enqueued { is_safe: true });
        assert_eq!(counters.queued, 3);
    }
}
