//! Rows of the fault matrix as plans: one fault each, many seeds, and what has to come of it besides the invariants.

use super::plan::{DAY_MS, HOUR_MS, MINUTE_MS, Outage, Part, Plan, PutFault, SECOND_MS, SendFault};
use super::rng::Rng;
use super::run::{self, Played};

/// A row that a plan can say.
pub(crate) struct Case {
    pub(crate) row: &'static str,
    pub(crate) what: &'static str,
    /// How many seeds the matrix wants.
    pub(crate) seeds: u64,
    plan: fn(&mut Plan),
    holds: fn(&Played) -> bool,
}

impl Case {
    /// Plays one seed; what broke.
    pub(crate) fn play(&self, seed: u64) -> Vec<String> {
        let mut plan = Plan::fair(100);
        (self.plan)(&mut plan);
        let Some(played) = run::play(plan, Rng::new(seed), None, false, |_| {}) else { return vec!["no configuration".to_owned()] };
        let mut broken = played.broken.clone();
        if !(self.holds)(&played) {
            broken.push(format!("the row does not hold: {:?}", played.totals));
        }
        broken
    }
}

fn streams_down(plan: &mut Plan, fault: PutFault, lasts_ms: u64) {
    plan.outages.push(Outage { part: Part::Streams(None, fault), from_ms: 5 * SECOND_MS, to_ms: 5 * SECOND_MS + lasts_ms });
    if lasts_ms > HOUR_MS {
        plan.cron_ms = 15 * MINUTE_MS;
    }
}

fn sends_down(plan: &mut Plan, fault: SendFault) {
    plan.outages.push(Outage { part: Part::Sends(fault), from_ms: 0, to_ms: 10 * MINUTE_MS });
}

fn always(_: &Played) -> bool {
    true
}

/// The page was never told to wait.
fn no_503(played: &Played) -> bool {
    played.totals.counts.refused_503 == 0
}

/// Many readers at once in one isolate, so that flights gather.
fn crowded(plan: &mut Plan) {
    plan.gathers = true;
    plan.isolates = 1;
    plan.events_per_pageview = 3;
    plan.span_ms = SECOND_MS;
}

pub(crate) const CASES: &[Case] = &[
    Case {
        row: "3g",
        what: "group commit, k of n records fail: no stored record is sent twice",
        seeds: 1_000,
        plan: |plan| {
            crowded(plan);
            plan.puts = vec![(PutFault::Partial, 600)];
        },
        holds: |played| no_503(played) && played.totals.duplicates == 0 && played.totals.counts.gathered > 0,
    },
    Case {
        row: "19g",
        what: "group commit, leaders die before and after their call, and followers leave",
        seeds: 1_000,
        plan: |plan| {
            crowded(plan);
            plan.puts = vec![(PutFault::Partial, 200), (PutFault::Never, 100)];
            plan.senders_die = 400;
            plan.clients_leave = 300;
        },
        holds: |played| played.totals.counts.gathered > 0,
    },
    Case {
        row: "2",
        what: "500 for 10 minutes, then heal",
        seeds: 1_000,
        plan: |plan| streams_down(plan, PutFault::Refused(500, ""), 10 * MINUTE_MS),
        holds: |played| no_503(played) && played.totals.duplicates == 0,
    },
    Case {
        row: "4",
        what: "throttles mixed with InternalFailure: no stored record is sent twice",
        seeds: 1_000,
        plan: |plan| {
            plan.puts = vec![(PutFault::Partial, 800)];
            plan.lingers_ms = 10 * MINUTE_MS;
            streams_down(plan, PutFault::Refused(500, ""), MINUTE_MS);
        },
        holds: |played| no_503(played) && played.totals.duplicates == 0,
    },
    Case { row: "5", what: "wrong counts", seeds: 50, plan: |plan| plan.puts = vec![(PutFault::Lie, 500)], holds: no_503 },
    Case { row: "6", what: "answers cut anywhere", seeds: 50, plan: |plan| plan.puts = vec![(PutFault::Cut, 500)], holds: no_503 },
    Case {
        row: "7",
        what: "no answer, late answers, late writes",
        seeds: 100,
        plan: |plan| plan.puts = vec![(PutFault::Never, 200), (PutFault::LateLost, 200), (PutFault::LateStored, 200)],
        holds: no_503,
    },
    Case {
        row: "8",
        what: "stored, then the connection breaks",
        seeds: 200,
        plan: |plan| plan.puts = vec![(PutFault::StoredThenReset, 500)],
        holds: |played| no_503(played) && played.totals.duplicates > 0,
    },
    Case { row: "9", what: "the connection breaks", seeds: 100, plan: |plan| plan.puts = vec![(PutFault::Reset, 500)], holds: no_503 },
    Case {
        row: "12",
        what: "tries again long after a signature's five minutes",
        seeds: 50,
        plan: |plan| streams_down(plan, PutFault::Refused(503, "ServiceUnavailable"), 40 * MINUTE_MS),
        holds: no_503,
    },
    Case {
        row: "13",
        what: "readers' clocks up to a year off",
        seeds: 1_000,
        plan: |plan| plan.reader_clock_ms = 365 * DAY_MS,
        holds: no_503,
    },
    Case {
        row: "14",
        what: "access denied for 2 hours: not tried hot",
        seeds: 100,
        plan: |plan| streams_down(plan, PutFault::Refused(400, "AccessDeniedException"), 2 * HOUR_MS),
        // Two isolates, two streams, a probe in half a minute at most, and each batch once before and once after.
        holds: |played| no_503(played) && played.totals.counts.puts <= 4 * (2 * 120 + 15) + 200,
    },
    Case {
        row: "15",
        what: "sends fail while Kinesis is up: no effect",
        seeds: 200,
        plan: |plan| sends_down(plan, SendFault::Refused),
        holds: |played| no_503(played) && played.totals.counts.retried == 0,
    },
    Case {
        row: "16",
        what: "sends fail and Kinesis is down: 503, the outbox keeps",
        seeds: 500,
        plan: |plan| {
            sends_down(plan, SendFault::Refused);
            streams_down(plan, PutFault::Refused(500, ""), 10 * MINUTE_MS);
        },
        holds: |played| !no_503(played),
    },
    Case {
        row: "17",
        what: "sends hang and Kinesis is down: 503",
        seeds: 50,
        plan: |plan| {
            sends_down(plan, SendFault::Hangs);
            streams_down(plan, PutFault::Reset, 10 * MINUTE_MS);
        },
        holds: |played| !no_503(played),
    },
    Case {
        row: "21",
        what: "every message is delivered 2 to 5 times",
        seeds: 500,
        plan: |plan| {
            plan.message_twice = 1_000;
            streams_down(plan, PutFault::Refused(500, ""), MINUTE_MS);
        },
        holds: |played| played.totals.duplicates > 0,
    },
    Case {
        row: "22",
        what: "messages out of order and up to a day late",
        seeds: 500,
        plan: |plan| {
            (plan.message_delayed, plan.message_delay_ms) = (500, DAY_MS);
            streams_down(plan, PutFault::Refused(500, ""), MINUTE_MS);
        },
        holds: always,
    },
    Case {
        row: "23",
        what: "poison among good messages: dead after one try",
        seeds: 200,
        plan: |plan| {
            plan.poison = 6;
            plan.queues = 3;
        },
        holds: |played| played.totals.counts.retried == 0 && played.totals.dead == 6,
    },
    Case {
        row: "24",
        what: "3 days down, retries exhausted",
        seeds: 50,
        plan: |plan| {
            (plan.max_retries, plan.kills) = (3, 20);
            streams_down(plan, PutFault::Never, 3 * DAY_MS);
            plan.outages.push(Outage { part: Part::Store, from_ms: 0, to_ms: 20 * MINUTE_MS });
        },
        holds: |played| played.totals.counts.given_up > 0,
    },
    Case { row: "27", what: "each POST up to 6 times at once", seeds: 200, plan: |plan| plan.posted_twice = 1_000, holds: no_503 },
    Case {
        row: "41",
        what: "the backend dies before checkpoints",
        seeds: 1_000,
        plan: |plan| {
            plan.backend_crashes = 500;
            plan.events_per_pageview = 2;
            plan.puts = vec![(PutFault::StoredThenReset, 300)];
        },
        holds: always,
    },
];
