//! What goes wrong in a run: rates and outages, drawn from the seed or written by hand.

use super::rng::Rng;

pub(crate) const SECOND_MS: u64 = 1_000;
pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

/// What Kinesis may do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutFault {
    /// Some records are refused, the others stored; the answer says which.
    Partial,
    /// Nothing is stored, and the answer says so.
    Refused(u16, &'static str),
    /// Any of the records are stored, and the answer has another count, or no records at all.
    Lie,
    /// Everything is stored, and the answer is cut.
    Cut,
    /// The records are stored after the deadline.
    LateStored,
    /// An answer after the deadline, and nothing stored.
    LateLost,
    /// Neither records nor answer.
    Never,
    /// Everything is stored; the connection breaks before the answer.
    StoredThenReset,
    /// The connection breaks before the records arrive.
    Reset,
}

/// What an outage takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The streams: all, or that of one portal.
    Streams(Option<&'static str>, PutFault),
    /// Sending to the queues, by this fault.
    Sends(SendFault),
    /// The object store.
    Store,
}

/// What a queue may do with a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendFault {
    /// Not taken, and says so.
    Refused,
    /// Not taken, and silent for a minute.
    Hangs,
    /// Taken, and silent for a minute.
    TakenThenHangs,
    /// Taken, and says that it was not.
    TakenThenFails,
}

/// From when to when, milliseconds after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) part: Part,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

/// One run. Rates are in permille, and fall to nothing when everything heals.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) events: usize,
    pub(crate) events_per_pageview: u64,
    pub(crate) span_ms: u64,
    pub(crate) isolates: usize,
    pub(crate) queues: u32,
    pub(crate) max_retries: u32,
    /// `max_batch_size` of `wrangler.toml`.
    pub(crate) batch_max: usize,
    pub(crate) has_full_batches: bool,
    pub(crate) outages: Vec<Outage>,
    /// How long rates go on after the last outage, while the backlog drains.
    pub(crate) lingers_ms: u64,
    pub(crate) puts: Vec<(PutFault, u32)>,
    pub(crate) sends: Vec<(SendFault, u32)>,
    /// `GROUP_COMMIT`.
    pub(crate) gathers: bool,
    /// Of those who send a flight.
    pub(crate) senders_die: u32,
    /// Of those who posted.
    pub(crate) clients_leave: u32,
    pub(crate) request_lost: u32,
    pub(crate) answer_lost: u32,
    pub(crate) posted_twice: u32,
    pub(crate) message_twice: u32,
    pub(crate) message_delayed: u32,
    pub(crate) message_delay_ms: u64,
    pub(crate) store_fails: u32,
    pub(crate) kills: usize,
    pub(crate) kill_at_await: Option<u64>,
    pub(crate) edge_clocks_ms: Vec<i64>,
    pub(crate) reader_clock_ms: u64,
    pub(crate) poison: usize,
    pub(crate) hides: u32,
    pub(crate) bad_events: u32,
    pub(crate) backend_crashes: u32,
    pub(crate) cron_ms: u64,
}

impl Plan {
    /// A fair day: nothing goes wrong.
    pub(crate) fn fair(events: usize) -> Self {
        Self {
            events,
            events_per_pageview: 20,
            span_ms: 2 * MINUTE_MS,
            isolates: 2,
            queues: 1,
            max_retries: 100,
            batch_max: 30,
            has_full_batches: false,
            outages: Vec::new(),
            lingers_ms: 0,
            puts: Vec::new(),
            sends: Vec::new(),
            gathers: false,
            senders_die: 0,
            clients_leave: 0,
            request_lost: 0,
            answer_lost: 0,
            posted_twice: 0,
            message_twice: 0,
            message_delayed: 0,
            message_delay_ms: 0,
            store_fails: 0,
            kills: 0,
            kill_at_await: None,
            edge_clocks_ms: Vec::new(),
            reader_clock_ms: 0,
            poison: 0,
            hides: 0,
            bad_events: 0,
            backend_crashes: 0,
            cron_ms: MINUTE_MS,
        }
    }

    /// A day as the seed wants it.
    pub(crate) fn drawn(rng: &mut Rng, events: usize) -> Self {
        let mut plan = Self::fair(events);
        plan.isolates = 1 + rng.below(4);
        plan.queues = u32::try_from(rng.within(1, 3)).unwrap_or(1);
        plan.events_per_pageview = rng.within(2, 60);
        // In a short run much is under way at the same time, and batches are full.
        let longest_ms = if rng.is(400) { 30 * SECOND_MS } else { 15 * MINUTE_MS };
        plan.span_ms = rng.within(5 * SECOND_MS, longest_ms);
        plan.gathers = rng.is(500);
        if plan.gathers && rng.is(700) {
            // Flights gather where many post to one isolate at once.
            plan.isolates = 1;
            plan.events_per_pageview = rng.within(2, 5);
            plan.span_ms = rng.within(SECOND_MS, 4 * SECOND_MS);
        }
        plan.lingers_ms = rng.within(0, 20 * MINUTE_MS);
        plan.backend_crashes = if rng.is(500) { 200 } else { 0 };
        if rng.is(125) {
            plan.puts = vec![(PutFault::Partial, 500)];
            let part = Part::Streams(None, PutFault::Refused(503, "ServiceUnavailable"));
            plan.outages.push(Outage { part, from_ms: 0, to_ms: rng.within(0, 2 * MINUTE_MS) });
            return plan;
        }
        plan.max_retries = u32::try_from(rng.within(3, 100)).unwrap_or(100);
        plan.draw_rates(rng);
        for _ in 0..rng.below(4) {
            let outage = plan.draw_outage(rng);
            plan.outages.push(outage);
        }
        if plan.heals_at_ms() > HOUR_MS {
            plan.cron_ms = 15 * MINUTE_MS;
        }
        plan
    }

    fn draw_rates(&mut self, rng: &mut Rng) {
        for fault in FAULTS {
            if rng.is(300) {
                self.puts.push((*fault, u32::try_from(rng.within(5, 200)).unwrap_or(0)));
            }
        }
        for fault in [SendFault::Refused, SendFault::Hangs, SendFault::TakenThenHangs, SendFault::TakenThenFails] {
            if rng.is(300) {
                self.sends.push((fault, u32::try_from(rng.within(5, 300)).unwrap_or(0)));
            }
        }
        let mut rate = |chance: u32, most: u64| if rng.is(chance) { u32::try_from(rng.within(1, most)).unwrap_or(0) } else { 0 };
        self.senders_die = rate(300, 150);
        self.clients_leave = rate(300, 150);
        self.request_lost = rate(300, 150);
        self.answer_lost = rate(300, 150);
        self.posted_twice = rate(200, 300);
        self.message_twice = rate(400, 500);
        self.message_delayed = rate(200, 200);
        self.store_fails = rate(400, 300);
        self.hides = rate(300, 300);
        self.bad_events = rate(200, 50);
        let longest_ms = if rng.is(100) { 20 * HOUR_MS } else { 10 * MINUTE_MS };
        self.message_delay_ms = rng.within(MINUTE_MS, longest_ms);
        self.kills = if rng.is(500) { rng.below(12) } else { 0 };
        self.poison = if rng.is(300) { 1 + rng.below(4) } else { 0 };
        self.reader_clock_ms = if rng.is(300) { 365 * DAY_MS } else { 2 * MINUTE_MS };
        if rng.is(200) {
            let minutes = [4, 6, 15, 1_440, -4, -6, -15, -1_440];
            self.edge_clocks_ms = (0..self.isolates).map(|_| rng.pick(&minutes).map_or(0, |minutes| minutes * 60_000)).collect();
        }
    }

    fn draw_outage(&self, rng: &mut Rng) -> Outage {
        let from_ms = rng.within(0, self.span_ms);
        let (part, longest_ms) = match rng.below(10) {
            0 | 1 => {
                let fault = rng.pick(&[SendFault::Refused, SendFault::Hangs, SendFault::TakenThenFails]);
                (Part::Sends(fault.copied().unwrap_or(SendFault::Refused)), 20 * MINUTE_MS)
            }
            2 | 3 => (Part::Store, 30 * MINUTE_MS),
            _ => {
                let portal = rng.pick(&[None, None, Some("g1"), Some("ge")]).copied().flatten();
                let fault = rng.pick(OUTAGES).copied().unwrap_or(PutFault::Never);
                let longest_ms = match rng.below(100) {
                    0 => 3 * DAY_MS,
                    1..=5 => 6 * HOUR_MS,
                    6..=30 => HOUR_MS,
                    _ => 10 * MINUTE_MS,
                };
                (Part::Streams(portal, fault), longest_ms)
            }
        };
        Outage { part, from_ms, to_ms: from_ms + rng.within(SECOND_MS, longest_ms) }
    }

    /// When everything heals, milliseconds after the beginning.
    pub(crate) fn heals_at_ms(&self) -> u64 {
        self.outages.iter().map(|outage| outage.to_ms).chain([self.span_ms]).max().unwrap_or(0) + self.lingers_ms + SECOND_MS
    }

    /// Whether every failure names its records: then no record may be stored twice.
    pub(crate) fn is_clear(&self) -> bool {
        let is_clear = |fault: &PutFault| matches!(fault, PutFault::Partial | PutFault::Refused(..));
        let rates =
            [self.senders_die, self.clients_leave, self.answer_lost, self.posted_twice, self.message_twice, self.store_fails, self.hides];
        self.puts.iter().all(|(fault, _)| is_clear(fault))
            && self.outages.iter().all(|outage| matches!(&outage.part, Part::Streams(_, fault) if is_clear(fault)))
            && rates.iter().all(|rate| *rate == 0)
            && self.sends.is_empty()
            && self.kills == 0
            && self.kill_at_await.is_none()
    }
}

const FAULTS: &[PutFault] = &[
    PutFault::Partial,
    PutFault::Refused(500, ""),
    PutFault::Refused(503, "ServiceUnavailable"),
    PutFault::Refused(400, "KMSThrottlingException"),
    PutFault::Lie,
    PutFault::Cut,
    PutFault::LateStored,
    PutFault::LateLost,
    PutFault::Never,
    PutFault::StoredThenReset,
    PutFault::Reset,
];

const OUTAGES: &[PutFault] = &[
    PutFault::Refused(500, ""),
    PutFault::Refused(503, "ServiceUnavailable"),
    PutFault::Refused(400, "AccessDeniedException"),
    PutFault::Refused(400, "ResourceNotFoundException"),
    PutFault::Refused(400, "ProvisionedThroughputExceededException"),
    PutFault::Never,
    PutFault::Reset,
    PutFault::LateLost,
    PutFault::StoredThenReset,
];
