//! The rounds: faults that do not touch each other are played at the same time, on different portals.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use wire::RetryHeader;

use super::by_hand::{self, ByHand};
use super::trial::{AlarmTrial, portal};
use super::watch::Fires;
use super::watch::Fires::{Child, May, Page, Ticket};
use crate::beacon::now_ms;
use crate::rotate;
use crate::stack::{Queue, StoreFault};

/// A fault, and what has to come of it.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    /// Its number in the fault matrix, or a name.
    pub row: &'static str,
    pub what: &'static str,
    pub fires: &'static [Fires],
}

/// Faults that are played together.
#[derive(Clone, Copy)]
pub(super) struct Round {
    pub faults: &'static [Fault],
    pub inject: fn(&mut AlarmTrial) -> Result<()>,
    pub heal: fn(&mut AlarmTrial) -> Result<()>,
    /// Figures that are put again and again meanwhile, and whether over their limits.
    pub by_hand: &'static [ByHand],
    pub is_over: bool,
    /// How long is listened on once everything has fired.
    pub linger: Duration,
    /// How long everything may take to fire.
    pub patience: Duration,
    /// Whether it is over only when all alarms are OK again.
    pub is_calm_wanted: bool,
}

/// What a round is that says nothing else: five periods beyond the first.
const ROUND: Round = Round {
    faults: &[],
    inject: |_| Ok(()),
    heal: |_| Ok(()),
    by_hand: &[],
    is_over: false,
    linger: Duration::from_secs(20),
    patience: Duration::from_secs(150),
    is_calm_wanted: true,
};

impl Round {
    /// What has to fire.
    pub(super) fn expected(&self) -> Vec<Fires> {
        let of_faults = self.faults.iter().flat_map(|fault| fault.fires.iter().copied());
        of_faults.chain(by_hand::expected(if self.is_over { self.by_hand } else { &[] })).collect()
    }

    /// The figures that are put.
    pub(super) fn figures(&self) -> Vec<Value> {
        self.by_hand.iter().map(|figure| figure.datum(self.is_over)).collect()
    }
}

/// For the suite: a stream that is down beside one with poison in it.
pub(super) const QUICK: Round = Round {
    faults: &[
        Fault { row: "2", what: "Kinesis answers 500 for g1's stream alone", fires: &[Page("pulso-g1-stream-down")] },
        Fault { row: "poison", what: POISON, fires: &[Page("pulso-ge-losing-data"), Child("pulso-ge-poison")] },
    ],
    inject: |trial| {
        trial.stack.put_poison("pulso-ge-events")?;
        trial.proxy.plan(&always("pulso-g1-events", &json!({ "kind": "status", "status": 500, "code": "InternalFailure" })))
    },
    heal: |trial| trial.proxy.heal(),
    linger: Duration::from_secs(10),
    ..ROUND
};

const POISON: &str = "a record in ge's stream that is no envelope";

/// All rounds.
pub(super) fn all() -> Vec<Round> {
    vec![
        quiet(),
        stream_down(),
        lost_and_silent(),
        queue_down(),
        queue_and_stream_down(),
        worker_killed(),
        backend_killed(),
        put_hangs(),
        secret_refused(),
        store_down(),
        slow_reader(),
        by_hand(),
        // Played first, for it is from the last on: who puts messages into a queue finds that of a worker that was never started again.
        throttled_and_undecodable(),
    ]
}

fn quiet() -> Round {
    Round {
        faults: &[Fault { row: "-", what: "light traffic, and every figure that can be put by hand at its limit", fires: &[] }],
        inject: |trial| trial.cron_rests(true),
        heal: |trial| trial.cron_rests(false),
        by_hand: by_hand::ALL,
        linger: Duration::from_secs(100),
        ..ROUND
    }
}

fn by_hand() -> Round {
    Round {
        faults: &[Fault { row: "by hand", what: "figures over their limits, put by hand", fires: &[] }],
        is_over: true,
        linger: ROUND.linger,
        patience: Duration::from_secs(260),
        ..quiet()
    }
}

fn stream_down() -> Round {
    Round {
        faults: &[
            Fault { row: "2", what: "Kinesis answers 500 for g1's stream alone, for ten periods", fires: &[Page("pulso-g1-stream-down")] },
            Fault { row: "poison", what: POISON, fires: &[Page("pulso-ge-losing-data"), Child("pulso-ge-poison")] },
        ],
        linger: Duration::from_secs(70),
        ..QUICK
    }
}

fn queue_down() -> Round {
    Round {
        faults: &[Fault { row: "15", what: "every send to the queue fails, Kinesis is healthy", fires: &[] }],
        inject: |trial| trial.stack.replace_queue(Queue::Absent),
        heal: |trial| trial.stack.replace_queue(Queue::Cloudflare),
        linger: Duration::from_mins(1),
        ..ROUND
    }
}

fn queue_and_stream_down() -> Round {
    Round {
        faults: &[Fault {
            row: "16",
            what: "every send to the queue fails and Kinesis answers 500 for g1",
            fires: &[
                Page("pulso-g1-losing-data"),
                Child("pulso-g1-unavailable"),
                Page("pulso-g1-stream-down"),
                // After five periods, if the breaker's probes fell into each of them.
                May("pulso-g1-put-failing"),
            ],
        }],
        inject: |trial| {
            trial.stack.replace_queue(Queue::Absent)?;
            trial.proxy.plan(&always("pulso-g1-events", &json!({ "kind": "status", "status": 500, "code": "InternalFailure" })))
        },
        heal: |trial| {
            trial.proxy.heal()?;
            trial.stack.replace_queue(Queue::Cloudflare)
        },
        ..ROUND
    }
}

fn backend_killed() -> Round {
    Round {
        faults: &[Fault { row: "backend", what: "SIGKILL of the backend", fires: &[Page("pulso-backend-silent")] }],
        inject: |trial| trial.stack.kill("backend"),
        heal: |trial| trial.stack.revive("backend"),
        linger: Duration::from_secs(40),
        ..ROUND
    }
}

fn throttled_and_undecodable() -> Round {
    Round {
        faults: &[
            Fault { row: "3", what: "20 % of g1's puts are throttled", fires: &[Ticket("pulso-g1-put-failing")] },
            Fault {
                row: "23",
                what: "poison of ge in the retry queue",
                fires: &[Page("pulso-ge-losing-data"), Child("pulso-ge-dead-letters")],
            },
            Fault { row: "23", what: "poison in the retry queue that names no portal", fires: &[Page("pulso-letters-unknown")] },
        ],
        inject: |trial| {
            let header = RetryHeader {
                v: 1,
                portal: portal("ge")?,
                key: "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e".to_owned(),
                attempts: 1,
                first_failed_at_ms: now_ms(),
                reason: "status_500".to_owned(),
            };
            let known = format!("{}\n{{\"v\":1,", serde_json::to_string(&header)?);
            let messages = [known, "no retry message".to_owned()].map(|body| json!({ "body": body, "contentType": "text" }));
            // It looks for the worker's queues when it starts, and another round may have started the worker again since.
            trial.stack.kill("producer")?;
            trial.stack.revive("producer")?;
            trial.stack.produce("pulso-retry-0", &messages)?;
            let throttled = json!({ "kind": "partial", "codes": ["ProvisionedThroughputExceededException"] });
            let rules = json!([{ "when": { "rate_pct": 20 }, "faults": [throttled] }]);
            trial.proxy.plan(&json!({ "only_stream": "pulso-g1-events", "rules": rules }))
        },
        heal: |trial| {
            let lines = trial.stack.edge_said("dead_letter")?;
            ensure!(lines == 2, "two messages became dead letters, and /pulso/edge has {lines} lines about it");
            trial.proxy.heal()
        },
        ..ROUND
    }
}

fn lost_and_silent() -> Round {
    Round {
        faults: &[
            Fault {
                row: "loss",
                what: "every 5th put of g1 is answered as stored, and forgotten",
                fires: &[Page("pulso-g1-losing-data"), Child("pulso-g1-events-lost")],
            },
            Fault { row: "silence", what: "ge has no readers", fires: &[Page("pulso-ge-silent")] },
        ],
        inject: |trial| {
            trial.traffic.silence(&[portal("ge")?]);
            let rules = json!([{ "when": { "every_nth": 5 }, "faults": [{ "kind": "drop" }] }]);
            trial.proxy.plan(&json!({ "only_stream": "pulso-g1-events", "rules": rules }))
        },
        heal: |trial| {
            trial.traffic.silence(&[]);
            trial.proxy.heal()
        },
        patience: Duration::from_secs(260),
        ..ROUND
    }
}

fn worker_killed() -> Round {
    Round {
        faults: &[Fault {
            row: "19",
            what: "SIGKILL of the worker",
            fires: &[Page("pulso-edge-silent"), May("pulso-g1-model-old"), May("pulso-ge-model-old")],
        }],
        inject: |trial| trial.stack.kill("worker"),
        heal: |trial| trial.stack.revive("worker"),
        linger: Duration::from_secs(40),
        ..ROUND
    }
}

fn put_hangs() -> Round {
    Round {
        faults: &[Fault {
            row: "put",
            what: "the backend's puts into g1's interactions are never answered",
            fires: &[Page("pulso-g1-stage-slow-put")],
        }],
        inject: |trial| trial.backend_proxy.plan(&always("pulso-g1-interactions", &json!({ "kind": "silent", "is_applied": false }))),
        heal: |trial| trial.backend_proxy.heal(),
        linger: Duration::from_secs(15),
        ..ROUND
    }
}

fn secret_refused() -> Round {
    Round {
        faults: &[Fault {
            row: "secret",
            what: "the backend's admin secret is another than the worker's",
            fires: &[Ticket("pulso-g1-model-old"), Ticket("pulso-ge-model-old")],
        }],
        inject: |trial| rotate::write_secret(&trial.stack.folder().join(rotate::ADMIN_SECRET_FILE), "another-secret"),
        heal: |trial| rotate::write_secret(&trial.stack.folder().join(rotate::ADMIN_SECRET_FILE), crate::stack::ADMIN_SECRET),
        ..ROUND
    }
}

fn store_down() -> Round {
    Round {
        faults: &[Fault {
            row: "25",
            what: "the worker's key-value store fails, and its memory is new",
            fires: &[Ticket("pulso-g1-fallback"), Ticket("pulso-ge-fallback"), Ticket("pulso-g1-model-old"), Ticket("pulso-ge-model-old")],
        }],
        inject: |trial| trial.stack.replace_store(StoreFault::Down),
        heal: |trial| trial.stack.replace_store(StoreFault::None),
        patience: Duration::from_secs(200),
        ..ROUND
    }
}

fn slow_reader() -> Round {
    Round {
        faults: &[Fault {
            row: "reader",
            what: "the backend gets one record a second of each shard, fewer than come",
            fires: &[Ticket("pulso-g1-behind"), Ticket("pulso-ge-behind")],
        }],
        inject: |trial| trial.backend_proxy.plan(&json!({ "slow_reads_ms": 1_000 })),
        heal: |trial| trial.backend_proxy.heal(),
        patience: Duration::from_secs(260),
        ..ROUND
    }
}

/// All puts into this stream get it.
fn always(stream: &str, fault: &Value) -> Value {
    json!({ "only_stream": stream, "rules": [{ "when": "always", "faults": [fault] }] })
}
