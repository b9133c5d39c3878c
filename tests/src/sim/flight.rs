//! Group commit in virtual time: what `edge/src/platform/page.js` does around the code that ships, `edge::delivery::lanes`.
//! Who sends a flight may die before and after its call, and so may those who wait for it.

use std::collections::BTreeSet;
use std::rc::Rc;

use edge::aws::kinesis::{self, Call};
use edge::aws::sign::Payload;
use edge::delivery::lanes::{Claim, FOLLOWER_DEADLINE_MS, GATHER_MAX_MS, Lanes, Role, Seat};
use edge::delivery::stream::{self, Underway};
use edge::delivery::world::World as _;
use edge::delivery::{Holder, Parcel, Verdict};
use wire::CollectAnswer;

use super::isolate::Isolate;
use super::kernel::{Owner, TaskId};
use super::mutant::Mutant;

/// How often one who waits looks, milliseconds.
const LOOK_MS: u64 = 20;
/// Within which time after it began a sender dies that does.
const DIES_WITHIN_MS: u64 = 400;

/// Takes a record to safety; `None` when the request dies over it.
pub(super) async fn ride(isolate: &Isolate, parcel: Parcel, answer: CollectAnswer) -> Option<(Verdict, CollectAnswer)> {
    let may_gather = isolate.world.plan.gathers;
    let now_ms = isolate.now_ms();
    if isolate.world.is(Mutant::FollowerToldAtOnce) && may_gather {
        isolate.lanes(|lanes| lanes.board(parcel, answer.clone(), may_gather, now_ms));
        return Some((Verdict::Safe, answer));
    }
    let (seat, role) = isolate.lanes(|lanes| lanes.board(parcel, answer, may_gather, now_ms));
    match role {
        Role::Lead { after } => lead(isolate, seat.flight, after).await?,
        Role::Follow => until_sent(isolate, seat.flight, FOLLOWER_DEADLINE_MS).await,
    }
    let first = told(isolate, seat).await;
    if first.is_some() {
        return first;
    }
    isolate.world.count(|counts| counts.taken_over += 1);
    lead(isolate, seat.flight, None).await?;
    told(isolate, seat).await
}

/// Has the flight sent by a task of its own, which outlives the request (`waitUntil`); `None` when that dies, for then so has the request.
async fn lead(isolate: &Isolate, flight: u32, after: Option<u32>) -> Option<()> {
    let world = &isolate.world;
    let sender = Isolate::new(world, isolate.number);
    let owner = Owner::Isolate(isolate.number);
    let task = world.kernel.spawn(owner, Some(world.kernel.current()), async move { send(&sender, flight, after).await });
    if world.strikes(world.plan.senders_die) {
        end_within(isolate, task, DIES_WITHIN_MS);
    }
    while world.kernel.is_alive(task) {
        world.kernel.rest(None).await;
    }
    isolate.sent(|sent| sent.contains(&flight)).then_some(())
}

/// A task ends where it stands, some time soon.
pub(super) fn end_within(isolate: &Isolate, task: TaskId, ms: u64) {
    let killer = Rc::clone(&isolate.world);
    let after_ms = killer.random(0, ms);
    isolate.world.kernel.spawn(Owner::World, None, async move {
        killer.kernel.sleep(after_ms).await;
        killer.kernel.end(task);
    });
}

async fn until_sent(isolate: &Isolate, flight: u32, ms: u32) {
    let until_ms = isolate.world.now_ms() + u64::from(ms);
    while isolate.world.now_ms() < until_ms && !isolate.sent(|sent| sent.contains(&flight)) {
        isolate.world.kernel.sleep(LOOK_MS).await;
    }
}

async fn send(isolate: &Isolate, flight: u32, after: Option<u32>) {
    if let Some(after) = after {
        until_sent(isolate, after, GATHER_MAX_MS).await;
    }
    if let Some(parcels) = isolate.lanes(|lanes| lanes.depart(flight)) {
        if let (2.., Ok(count)) = (parcels.len(), u64::try_from(parcels.len())) {
            isolate.world.count(|counts| counts.gathered += count);
        }
        isolate.world.note(|| format!("isolate {} sends flight {flight} with {} records", isolate.number, parcels.len()));
        if let Some(mut verdicts) = sent(isolate, flight, parcels).await {
            if isolate.world.is(Mutant::NeighboursVerdict) {
                let by = usize::from(verdicts.len() > 1);
                verdicts.rotate_right(by);
            }
            isolate.lanes(|lanes| lanes.land(flight, verdicts));
        }
    }
    isolate.sent(|sent| sent.insert(flight));
}

async fn sent(isolate: &Isolate, flight: u32, parcels: Vec<Parcel>) -> Option<Vec<Verdict>> {
    let mut underway = Underway::start(isolate, Holder::Page, parcels)?;
    if let Some(body) = underway.body(isolate) {
        let headers = stream::headers(isolate, Payload::Bytes(body.as_bytes())).ok()?;
        isolate.lanes(|lanes| lanes.keep(flight, underway));
        let reply = isolate.post(Call { url: kinesis::url(&isolate.config().kinesis), headers, body }).await;
        underway = isolate.lanes(|lanes| lanes.take(flight))?;
        underway.landed(isolate, reply);
    }
    Some(underway.finish(isolate).await)
}

async fn told(isolate: &Isolate, seat: Seat) -> Option<(Verdict, CollectAnswer)> {
    match isolate.lanes(|lanes| lanes.claim(seat)) {
        Claim::Decided(verdict, answer) => Some((verdict, answer)),
        Claim::Unknown(_, answer) if isolate.world.is(Mutant::UnknownIsSafe) => Some((Verdict::Safe, answer)),
        Claim::Unknown(parcel, answer) => {
            isolate.world.count(|counts| counts.rescued += 1);
            Some((stream::enqueue_unknown(isolate, parcel).await, answer))
        }
        Claim::Waiting => None,
        Claim::Gone => {
            let answer = CollectAnswer { accepted: 0, rejected: Vec::new(), ignored: Vec::new() };
            Some((Verdict::Kept { reason: "no_verdict".to_owned(), delay_s: 0 }, answer))
        }
    }
}

impl Isolate {
    fn lanes<T>(&self, act: impl FnOnce(&mut Lanes) -> T) -> T {
        self.world.with_isolate(self.number, |isolate| act(&mut isolate.lanes))
    }

    /// The flights whose sender came to its end.
    fn sent<T>(&self, act: impl FnOnce(&mut BTreeSet<u32>) -> T) -> T {
        self.world.with_isolate(self.number, |isolate| act(&mut isolate.sent))
    }
}
