//! One run: a plan from a seed, played until everything has healed and drained, then judged.

use std::rc::Rc;

use edge::retry::SPILL_PREFIX;

use super::isolate::Isolate;
use super::judge::{self, Totals};
use super::kernel::Owner;
use super::ledger::Poison;
use super::mutant::Mutant;
use super::plan::{MINUTE_MS, Plan};
use super::rng::Rng;
use super::world::{self, Step, T0_MS, World};
use super::{page, queues};

/// What a run left behind.
pub(crate) struct Played {
    pub(crate) totals: Totals,
    /// `I1: what`, in the order of finding.
    pub(crate) broken: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// Await points that isolates passed.
    pub(crate) awaits: u64,
    /// How long it took after the heal until all was still, beyond the platform's own delays of messages.
    pub(crate) drained_after_ms: u64,
}

/// Plays what the seed draws.
pub(crate) fn seed(seed: u64, events: usize, mutant: Option<Mutant>, is_traced: bool) -> Option<Played> {
    let mut rng = Rng::new(seed);
    let plan = Plan::drawn(&mut rng, events);
    play(plan, rng, mutant, is_traced, |_| {})
}

/// Plays a plan. `before` may put things into the world at its beginning. `None` without a configuration.
pub(crate) fn play(plan: Plan, rng: Rng, mutant: Option<Mutant>, is_traced: bool, before: impl FnOnce(&Rc<World>)) -> Option<Played> {
    let config = world::config(plan.queues)?;
    let world = World::new(plan, rng, mutant, config, is_traced);
    world.note(|| format!("{:?}", world.plan));
    queues::open(&world);
    page::open_all(&world);
    begin_kills(&world);
    begin_poison(&world);
    world.kernel.spawn(Owner::World, None, cron(Rc::clone(&world)));
    before(&world);
    let heals_at_ms = T0_MS + world.plan.heals_at_ms();
    world.run_until(heals_at_ms);
    world.note(|| "everything HEALS".to_owned());
    let drained_after_ms = settle(&world, heals_at_ms);
    let totals = judge::judge(&world);
    // Tasks hold the world, and the world holds the tasks.
    world.kernel.close();
    let broken = std::mem::take(&mut world.ledger.borrow_mut().broken);
    let steps = world.steps.as_ref().map(std::cell::RefCell::take).unwrap_or_default();
    Some(Played { totals, broken, steps, awaits: world.kernel.awaits(), drained_after_ms })
}

/// Runs on until all is still, but no longer than the backoffs allow (I8).
fn settle(world: &Rc<World>, heals_at_ms: u64) -> u64 {
    let backoff_ms = 15 * MINUTE_MS;
    let rounds = u64::try_from(world.plan.isolates).unwrap_or(1) + 2;
    let objects = u64::try_from(world.store.borrow().count(SPILL_PREFIX)).unwrap_or(0);
    let generating_ms = u64::try_from(world.plan.events).unwrap_or(0) * 20_000;
    let bound_ms = heals_at_ms + world.plan.message_delay_ms + rounds * backoff_ms + (objects / 100 + 10) * MINUTE_MS + generating_ms;
    let mut now_ms = heals_at_ms;
    while !is_still(world) && now_ms < bound_ms {
        now_ms += MINUTE_MS;
        world.run_until(now_ms);
    }
    // Puts that were late may still arrive.
    world.run_until(now_ms + 2 * MINUTE_MS);
    let platform_ms = if world.plan.message_delayed > 0 { world.plan.message_delay_ms } else { 0 };
    (now_ms - heals_at_ms).saturating_sub(platform_ms)
}

fn is_still(world: &World) -> bool {
    world.pages_open.get() == 0 && world.queues.borrow().pending() == 0 && world.store.borrow().count(SPILL_PREFIX) == 0
}

async fn cron(world: Rc<World>) {
    loop {
        world.kernel.sleep(if world.is_healed() { MINUTE_MS } else { world.plan.cron_ms }).await;
        if world.store.borrow().count(SPILL_PREFIX) > 0 {
            let isolate = world.rng.borrow_mut().below(world.plan.isolates);
            world.note(|| format!("isolate {isolate} drains"));
            world.kernel.spawn(Owner::Isolate(isolate), None, Isolate::new(&world, isolate).drain());
        }
    }
}

fn begin_kills(world: &Rc<World>) {
    for _ in 0..world.plan.kills {
        // Half of them while the readers read, when there is most to lose.
        let most_ms = if world.rng.borrow_mut().is(500) { world.plan.span_ms } else { world.plan.heals_at_ms() };
        let (at_ms, isolate) = (world.random(0, most_ms), world.rng.borrow_mut().below(world.plan.isolates));
        let killer = Rc::clone(world);
        world.kernel.spawn(Owner::World, None, async move {
            killer.kernel.sleep(at_ms).await;
            killer.kill(isolate);
        });
    }
}

/// Messages that nobody can ever store come into the queues.
fn begin_poison(world: &Rc<World>) {
    const KINDS: [(&str, &str); 5] = [
        ("not a message", "undecodable"),
        ("{\"v\":1,\"reason\":\"x\"}\n{}\n", "undecodable"),
        ("{\"v\":2,\"portal\":\"g1\",\"key\":\"k\",\"attempts\":1,\"first_failed_at_ms\":1,\"reason\":\"x\"}\n{}\n", "undecodable"),
        ("{\"v\":1,\"portal\":\"g1\",\"key\":\"k\",\"attempts\":1,\"first_failed_at_ms\":1,\"reason\":\"x\"}\n{}\n", "undecodable"),
        ("{\"v\":1,\"portal\":\"gone\",\"key\":\"k\",\"attempts\":1,\"first_failed_at_ms\":1,\"reason\":\"x\"}\n{}\n", "unknown_portal"),
    ];
    for number in 0..world.plan.poison {
        let (text, reason) = world.rng.borrow_mut().pick(&KINDS).copied().unwrap_or(("", "undecodable"));
        let body = text.replacen("\"reason\":\"x\"", &format!("\"reason\":\"x{number}\""), 1).replacen("not a", &format!("no {number}"), 1);
        world.ledger.borrow_mut().poison.push(Poison { body: body.clone(), reason });
        let at_ms = world.random(0, world.plan.span_ms);
        let queue = world.rng.borrow_mut().below(usize::try_from(world.plan.queues).unwrap_or(1));
        let sender = Rc::clone(world);
        world.kernel.spawn(Owner::World, None, async move {
            sender.kernel.sleep(at_ms).await;
            queues::enter(&sender, queue, &body, 0);
        });
    }
}
