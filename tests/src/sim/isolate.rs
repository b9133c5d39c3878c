//! An isolate of the worker: what delivery needs of the world, in virtual time. Delivery itself is the code that ships.

use std::rc::Rc;

use edge::aws::kinesis::Call;
use edge::breaker::Breaker;
use edge::collect::{self, Client};
use edge::config::Config;
use edge::counters::Counters;
use edge::delivery::world::{Reply, World as Outside};
use edge::delivery::{Parcel, Verdict, drain, queue};
use edge::retry::SPILL_PREFIX;
use edge::salt::Salt;
use wire::{CollectAnswer, PortalId, Tally};

use super::mutant::{self, Mutant};
use super::queues::{Batch, Decision};
use super::world::{World, labels};
use super::{flight, kinesis, queues, store};

/// One of the isolates of a world.
pub(crate) struct Isolate {
    pub(super) world: Rc<World>,
    pub(super) number: usize,
}

/// What a page is answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) answer: Option<CollectAnswer>,
}

impl Isolate {
    pub(crate) fn new(world: &Rc<World>, number: usize) -> Self {
        Self { world: Rc::clone(world), number }
    }

    /// A posted body; `None` when the request dies over it.
    pub(crate) async fn collect(&self, origin: &str, body: &[u8]) -> Option<Answered> {
        let received_at_ms = self.now_ms();
        self.world.kernel.sleep(self.world.random(0, 5)).await;
        let accepted = match collect::accept(self.config(), Some(origin), Some("text/plain"), body) {
            Ok(accepted) => accepted,
            Err(error) => return Some(Answered { status: error.status(), answer: None }),
        };
        let client = Client { ip: "192.0.2.7".to_owned(), country: "BR".to_owned(), has_fetch_site: true, ..Client::default() };
        let answer = accepted.answer();
        let envelope = accepted.into_envelope(self.config(), &client, &Salt::shared("salt"), received_at_ms);
        let Ok(parcel) = Parcel::first(&envelope) else { return Some(Answered { status: 503, answer: None }) };
        self.world.note(|| format!("isolate {} is posted {}", self.number, labels([parcel.data.as_str()].into_iter())));
        let (verdict, told) = flight::ride(self, parcel, answer.clone()).await?;
        let answered = match verdict {
            Verdict::Safe => Answered { status: 202, answer: Some(told) },
            Verdict::Kept { .. } if self.world.is(Mutant::Answer202Instead503) => Answered { status: 202, answer: Some(answer) },
            Verdict::Kept { .. } => {
                self.world.count(|counts| counts.refused_503 += 1);
                Answered { status: 503, answer: None }
            }
        };
        Some(answered)
    }

    /// One invocation of the queue handler.
    pub(crate) async fn consume(&self, batch: Rc<Batch>) {
        self.world.kernel.sleep(self.world.random(0, 20)).await;
        let messages = || Batch::messages(&batch, &self.world);
        if batch.is_dead && self.world.is(Mutant::DeadLetterQueueDrops) {
            (0..batch.messages.len()).for_each(|index| batch.decide(index, Decision::Ack));
        } else if batch.is_dead {
            queue::settle_given_up(self, messages()).await;
        } else {
            queue::retry_all(self, messages()).await;
        }
        batch.is_finished.set(true);
    }

    /// The cron's run.
    pub(crate) async fn drain(self) {
        drain::drain(&self).await;
    }
}

impl Outside for Isolate {
    fn config(&self) -> &Config {
        &self.world.config
    }

    fn now_ms(&self) -> u64 {
        self.world.edge_now_ms(self.number)
    }

    fn random(&self) -> u32 {
        self.world.rng.borrow_mut().u32()
    }

    fn with_breaker<T>(&self, portal: &PortalId, act: impl FnOnce(&mut Breaker) -> T) -> T {
        self.world.with_isolate(self.number, |isolate| act(isolate.breakers.entry(portal.clone()).or_default()))
    }

    fn clock_offset_ms(&self) -> i64 {
        self.world.with_isolate(self.number, |isolate| isolate.clock_offset_ms)
    }

    fn keep_clock_offset(&self, offset_ms: i64) {
        self.world.note(|| format!("isolate {} learns that its clock is {offset_ms} ms off", self.number));
        self.world.with_isolate(self.number, |isolate| isolate.clock_offset_ms = offset_ms);
    }

    fn count(&self, act: impl FnOnce(&mut Counters)) {
        self.world.with_isolate(self.number, |isolate| act(&mut isolate.counters));
    }

    /// What is told of a portal decides nothing.
    fn tally(&self, _portal: &PortalId, act: impl FnOnce(&mut Tally)) {
        act(&mut Tally::default());
    }

    fn log(&self, what: &str, circumstances: &[(&str, &str)]) {
        self.world.note(|| format!("isolate {} logs {what} {circumstances:?}", self.number));
    }

    async fn post(&self, call: Call) -> Result<Reply, String> {
        if let Some(mutant) = self.world.mutant {
            return mutant::post(&self.world, mutant, call).await;
        }
        kinesis::send(&self.world, call).await
    }

    async fn send(&self, queue: u32, texts: Vec<String>, delay_s: u32) -> bool {
        self.world.is(Mutant::EnqueueSkipped) || queues::send(&self.world, queue, texts, delay_s).await
    }

    async fn put_object(&self, key: &str, text: String) -> Result<(), String> {
        if key.starts_with(SPILL_PREFIX) {
            self.world.note(|| format!("isolate {} sets aside {key}", self.number));
            self.world.count(|counts| counts.spilled += u64::try_from(text.lines().count() / 2).unwrap_or(0));
            if self.world.is(Mutant::SpillNotWritten) {
                return Ok(());
            }
            if self.world.is(Mutant::SpillDeletedThoughSomeAreLeft) && self.world.store.borrow().0.contains_key(key) {
                return self.delete_object(key).await;
            }
        }
        store::put(&self.world, key, text).await
    }

    async fn object(&self, key: &str) -> Result<Option<String>, String> {
        store::get(&self.world, key).await
    }

    async fn delete_object(&self, key: &str) -> Result<(), String> {
        store::delete(&self.world, key).await
    }

    async fn keys(&self, prefix: &str, limit: usize) -> Result<Vec<String>, String> {
        store::keys(&self.world, prefix, limit).await
    }
}
