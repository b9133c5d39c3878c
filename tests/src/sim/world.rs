//! Everything that a run consists of, and the trace that it leaves.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use edge::breaker::Breaker;
use edge::config::{Config, Environment};
use edge::counters::Counters;
use edge::delivery::lanes::Lanes;
use wire::{Envelope, PortalId};

use super::kernel::Kernel;
use super::kinesis::Streams;
use super::ledger::Ledger;
use super::mutant::Mutant;
use super::plan::{Outage, Plan};
use super::queues::Queues;
use super::rng::Rng;
use super::store::Store;

/// The run begins on 22 November 2026.
pub(crate) const T0_MS: u64 = 1_795_337_000_000;

/// What one isolate remembers; it dies with it.
#[derive(Debug, Default)]
pub(crate) struct Isolate {
    pub(crate) breakers: BTreeMap<PortalId, Breaker>,
    pub(crate) clock_offset_ms: i64,
    pub(crate) counters: Counters,
    pub(crate) lanes: Lanes,
    /// Flights whose sender came to its end.
    pub(crate) sent: BTreeSet<u32>,
}

/// What is counted for the totals.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) retried: u64,
    pub(crate) spilled: u64,
    pub(crate) kills: u64,
    pub(crate) given_up: u64,
    pub(crate) refused_503: u64,
    /// Records that left with others.
    pub(crate) gathered: u64,
    /// Flights that a follower sent.
    pub(crate) taken_over: u64,
    /// Records of flights that nobody came back from.
    pub(crate) rescued: u64,
    pub(crate) puts: u64,
}

pub(crate) struct Step {
    pub(crate) at_ms: u64,
    pub(crate) text: String,
}

pub(crate) struct World {
    pub(crate) kernel: Rc<Kernel>,
    pub(crate) rng: RefCell<Rng>,
    pub(crate) plan: Plan,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) config: Arc<Config>,
    pub(crate) isolates: RefCell<Vec<Isolate>>,
    pub(crate) streams: RefCell<Streams>,
    pub(crate) queues: RefCell<Queues>,
    pub(crate) store: RefCell<Store>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) counts: Cell<Counts>,
    pub(crate) pages_open: Cell<usize>,
    /// Which records of the next calls are stored, for those who script it.
    pub(crate) script: RefCell<VecDeque<Vec<bool>>>,
    pub(crate) steps: Option<RefCell<Vec<Step>>>,
}

impl World {
    pub(crate) fn new(plan: Plan, rng: Rng, mutant: Option<Mutant>, config: Arc<Config>, is_traced: bool) -> Rc<Self> {
        let isolates = (0..plan.isolates).map(|_| Isolate::default()).collect();
        let queues = Queues::new(plan.queues);
        let kernel = Rc::new(Kernel::new(T0_MS));
        if let Some(number) = plan.kill_at_await {
            kernel.kill_at_await(number);
        }
        Rc::new(Self {
            kernel,
            rng: RefCell::new(rng),
            plan,
            mutant,
            config,
            isolates: RefCell::new(isolates),
            streams: RefCell::default(),
            queues: RefCell::new(queues),
            store: RefCell::default(),
            ledger: RefCell::default(),
            counts: Cell::default(),
            pages_open: Cell::new(0),
            script: RefCell::default(),
            steps: is_traced.then(RefCell::default),
        })
    }

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.kernel.now_ms()
    }

    /// Milliseconds since the run began.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.now_ms() - T0_MS
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.elapsed_ms() >= self.plan.heals_at_ms()
    }

    /// Whether a fault of this rate strikes now.
    pub(crate) fn strikes(&self, permille: u32) -> bool {
        permille > 0 && !self.is_healed() && self.rng.borrow_mut().is(permille)
    }

    /// One of several faults with rates, or none.
    pub(crate) fn draw<T: Copy>(&self, rates: &[(T, u32)]) -> Option<T> {
        rates.iter().find(|(_, permille)| self.strikes(*permille)).map(|(fault, _)| *fault)
    }

    /// The outage of now that is meant, if there is one.
    pub(crate) fn outage<T>(&self, is_meant: impl Fn(&Outage) -> Option<T>) -> Option<T> {
        let elapsed_ms = self.elapsed_ms();
        let is_on = |outage: &&Outage| (outage.from_ms..outage.to_ms).contains(&elapsed_ms);
        self.plan.outages.iter().filter(is_on).find_map(is_meant)
    }

    /// An isolate's own clock.
    pub(crate) fn edge_now_ms(&self, isolate: usize) -> u64 {
        let error_ms = self.plan.edge_clocks_ms.get(isolate).copied().unwrap_or(0);
        self.now_ms().saturating_add_signed(error_ms)
    }

    pub(crate) fn with_isolate<T>(&self, isolate: usize, act: impl FnOnce(&mut Isolate) -> T) -> T {
        match self.isolates.borrow_mut().get_mut(isolate) {
            Some(known) => act(known),
            None => act(&mut Isolate::default()),
        }
    }

    pub(crate) fn random(&self, low: u64, high: u64) -> u64 {
        self.rng.borrow_mut().within(low, high)
    }

    pub(crate) fn count(&self, act: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        act(&mut counts);
        self.counts.set(counts);
    }

    /// An isolate dies, with everything that runs in it and everything that it remembers.
    pub(crate) fn kill(&self, isolate: usize) {
        self.note(|| format!("isolate {isolate} DIES"));
        self.kernel.kill(isolate);
        self.with_isolate(isolate, |isolate| *isolate = Isolate::default());
        self.count(|counts| counts.kills += 1);
    }

    pub(crate) fn note(&self, text: impl FnOnce() -> String) {
        if let Some(steps) = &self.steps {
            steps.borrow_mut().push(Step { at_ms: self.elapsed_ms(), text: text() });
        }
    }

    /// Runs until a time.
    pub(crate) fn run_until(&self, until_ms: u64) {
        while self.kernel.step(until_ms) {
            if let Some(isolate) = self.kernel.take_doomed() {
                self.kill(isolate);
            }
        }
        self.kernel.advance(until_ms);
    }
}

/// The configuration of every run: two portals, an access key.
pub(crate) fn config(queues: u32) -> Option<Arc<Config>> {
    let environment = Environment {
        aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
        aws_secret_access_key: Some("hush".to_owned()),
        retry_queues: Some(queues.to_string()),
        ..Environment::default()
    };
    Config::parse(environment).ok().map(Arc::new)
}

/// `p3#0,1,2` for a record or a message, to be found in a trace.
pub(crate) fn label(text: &str) -> String {
    let record = if text.starts_with("{\"v\":1,\"batch\"") { text } else { text.split_once('\n').map_or("", |(_, record)| record) };
    let Ok(envelope) = Envelope::parse(record.as_bytes()) else { return "poison".to_owned() };
    let mut label = format!("p{}#", envelope.batch.pageview.bits() & 0xffff_ffff);
    for event in &envelope.batch.events {
        let _ = write!(label, "{},", event.seq);
    }
    label
}

/// Labels of several.
pub(crate) fn labels<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(label).collect::<Vec<_>>().join(" ")
}
