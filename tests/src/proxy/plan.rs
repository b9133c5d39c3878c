//! Which call gets which fault.

use serde::Deserialize;

/// What to do to PutRecords calls until the next plan.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// The first that fits a call is taken; a call that none fits is passed on.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Access key id that is put in the place of the caller's. The stand-in's own key `test` is believed whatever the signature.
    #[serde(default)]
    pub pass_as: Option<String>,
    /// Calls to any other stream are passed on, and no rule counts them.
    #[serde(default)]
    pub only_stream: Option<String>,
    /// Each `GetRecords` waits so long, milliseconds, and brings one record: a reader that is slower than what comes.
    #[serde(default)]
    pub slow_reads_ms: Option<u64>,
}

/// Faults and their turn.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Which calls.
    pub when: When,
    /// One after the other, then from the first again.
    pub faults: Vec<Fault>,
}

/// Which of the calls that reach a rule it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// All.
    Always,
    /// The n-th, 2n-th, 3n-th …
    EveryNth(u64),
    /// The first n.
    Next(u64),
    /// The n-th alone.
    Call(u64),
    /// So many of a hundred, by chance.
    RatePct(u64),
}

/// What is done to a call. Its name is what the tally counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// Refused as a whole with an AWS error body, or a page of HTML when there is no code. Nothing is applied.
    Status { status: u16, code: Option<String> },
    /// k of n records fail with these codes in turn and are not passed on, the others are; k goes from 1 to n.
    Partial { codes: Vec<String> },
    /// As `partial` with throttles, but `FailedRecordCount` says 0.
    HiddenFailures,
    /// Applied; the answer has an entry less than there are records.
    ShortList,
    /// Applied; the answer has an entry more.
    LongList,
    /// Applied; the answer has no `Records`.
    NoList,
    /// Applied; the answer's JSON ends in the middle.
    Truncated,
    /// Applied; the answer is no JSON.
    NotJson,
    /// No answer ever.
    Silent { is_applied: bool },
    /// Half of the answer's body, then nothing ever.
    Endless { is_applied: bool },
    /// Applied; the answer comes at one byte a second.
    Trickle,
    /// The connection is reset when the head of the request is there.
    ResetBeforeBody,
    /// The connection is reset when the request is there; it is not applied.
    ResetBeforeApply,
    /// The connection is reset while the request is being applied.
    ResetDuringApply,
    /// Applied; the connection is reset instead of an answer.
    ResetAfterApply,
    /// Applied; the connection is reset in the middle of the answer.
    ResetMidAnswer,
    /// The service's clock differs: what is signed more than five minutes away from it is refused.
    Clock { ahead_s: i64 },
    /// Answered as stored, and forgotten. No service may do that; it shows that the oracle sees a loss.
    Drop,
}

/// Applies a plan to one call after the other.
#[derive(Debug)]
pub(crate) struct Chooser {
    plan: Plan,
    /// Per rule: calls that reached it, and that it took.
    counts: Vec<(u64, u64)>,
    dice: u64,
}

impl Chooser {
    /// At the plan's beginning.
    pub(crate) fn new(plan: Plan) -> Self {
        let counts = vec![(0, 0); plan.rules.len()];
        Self { plan, counts, dice: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The stream that the plan is about, if it is not about all.
    pub(crate) fn only_stream(&self) -> Option<String> {
        self.plan.only_stream.clone()
    }

    /// How long a read waits for its one record, when reads are slow.
    pub(crate) fn slow_reads_ms(&self) -> Option<u64> {
        self.plan.slow_reads_ms
    }

    /// The next call's fault, if any, and whose name it is passed on with.
    pub(crate) fn next(&mut self) -> (Option<Fault>, Option<String>) {
        (self.next_fault(), self.plan.pass_as.clone())
    }

    fn next_fault(&mut self) -> Option<Fault> {
        for (rule, (reached, taken)) in self.plan.rules.iter().zip(&mut self.counts) {
            *reached += 1;
            // Xorshift: the same plan does the same to the same calls.
            self.dice ^= self.dice << 13;
            self.dice ^= self.dice >> 7;
            self.dice ^= self.dice << 17;
            let is_taken = match rule.when {
                When::Always => true,
                When::EveryNth(n) => reached.is_multiple_of(n.max(1)),
                When::Next(n) => *reached <= n,
                When::Call(n) => *reached == n,
                When::RatePct(pct) => self.dice % 100 < pct,
            };
            if is_taken {
                let turn = usize::try_from(*taken).unwrap_or(0) % rule.faults.len().max(1);
                *taken += 1;
                return rule.faults.get(turn).cloned();
            }
        }
        None
    }
}

impl Fault {
    /// As the tally counts it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Status { status, code } => code.as_ref().map_or_else(|| status.to_string(), |code| format!("{status} {code}")),
            Self::Partial { .. } => "partial".to_owned(),
            Self::HiddenFailures => "hidden_failures".to_owned(),
            Self::ShortList => "short_list".to_owned(),
            Self::LongList => "long_list".to_owned(),
            Self::NoList => "no_list".to_owned(),
            Self::Truncated => "truncated".to_owned(),
            Self::NotJson => "not_json".to_owned(),
            Self::Silent { is_applied } => format!("silent{}", if *is_applied { "_applied" } else { "" }),
            Self::Endless { is_applied } => format!("endless{}", if *is_applied { "_applied" } else { "" }),
            Self::Trickle => "trickle".to_owned(),
            Self::ResetBeforeBody => "reset_before_body".to_owned(),
            Self::ResetBeforeApply => "reset_before_apply".to_owned(),
            Self::ResetDuringApply => "reset_during_apply".to_owned(),
            Self::ResetAfterApply => "reset_after_apply".to_owned(),
            Self::ResetMidAnswer => "reset_mid_answer".to_owned(),
            Self::Clock { ahead_s } => format!("clock {ahead_s:+} s"),
            Self::Drop => "drop".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(when: When, calls: usize) -> Vec<usize> {
        let mut chooser = Chooser::new(Plan { rules: vec![Rule { when, faults: vec![Fault::Drop] }], ..Plan::default() });
        (1..=calls).filter(|_| chooser.next().0.is_some()).collect::<Vec<_>>()
    }

    #[test]
    fn each_kind_of_turn_takes_its_calls() {
        assert_eq!(taken(When::Always, 3), [1, 2, 3]);
        assert_eq!(taken(When::EveryNth(3), 7), [3, 6]);
        assert_eq!(taken(When::Next(2), 5), [1, 2]);
        assert_eq!(taken(When::Call(4), 9), [4]);
        assert!((250..350).contains(&taken(When::RatePct(30), 1_000).len()));
    }

    #[test]
    fn faults_of_a_rule_take_turns_and_the_first_rule_that_fits_wins() {
        let plan = r#"{"rules":[{"when":{"next":3},"faults":[{"kind":"short_list"},{"kind":"silent","is_applied":true}]},
            {"when":"always","faults":[{"kind":"status","status":503,"code":null}]}]}"#;
        let mut chooser = Chooser::new(serde_json::from_str(plan).unwrap());
        let names: Vec<_> = (0..5).filter_map(|_| chooser.next().0).map(|fault| fault.name()).collect();
        assert_eq!(names, ["short_list", "silent_applied", "short_list", "503", "503"]);
    }

    #[test]
    fn a_plan_with_a_typing_error_is_refused() {
        assert!(serde_json::from_str::<Plan>(r#"{"rule":[]}"#).is_err());
    }
}
