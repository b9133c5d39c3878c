//! What forged clients can do to what is recommended after a page: honest sessions and theirs, played through influence and the counts.
//!
//! The ranker does not learn here: it would take minutes in a debug build, and small differences move its order. What is published without
//! it is the base score, of the same counts that the ranker is given.

use std::sync::LazyLock;

use wire::model::{Context, Model, Ranker, Request, Scratch};
use wire::{Interaction, InteractionKind, Item, NetworkId, PageviewId, ScoredItem, VisitorId};

use super::{Click, Lists, Recommender};
use crate::influence::simulation::{FORGED_NETWORKS, LISTED, Random, item, network_of, number, ranks_lost};
use crate::influence::{Influence, Limits};

const T0: u64 = 1_795_338_000_000;
const MINUTE: u64 = 60_000;
const MINUTES: u64 = 50;
/// The attack begins when what follows a page has settled: more than a half-life of the fast count.
const ATTACK_FROM: u64 = 30;
const SESSIONS_A_MINUTE: u64 = 1_500;
const READERS: u64 = 90_000;
const ARTICLES: u64 = 1_000;
/// The pages that are attacked: the three that are read most.
const POPULAR: u64 = 3;
/// Articles that stand below a page, of which readers choose the next.
const LINKS: u64 = 60;
const FORGED_CLIENTS: u64 = 10_000;
/// Each posts so many sessions: a popular page, then what it wants to be shown there.
const FORGED_SESSIONS_EACH: u64 = 2;

/// Articles that nobody else reads.
const OWN: u64 = 5;

/// A page that somebody opened.
#[derive(Debug, Clone, Copy)]
struct Step {
    at_ms: u64,
    article: u64,
    visitor: u64,
    network: u64,
    session: u64,
    /// Whether the learner is told. It is told of sessions that begin with a popular page: only these say what follows one.
    is_taught: bool,
}

/// What is pushed as a follower of popular pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pushed {
    /// What nobody else reads.
    Own,
    /// What stands below the list: ranks 21 to 40.
    Next,
}

/// A number below `count`, where `n` comes as often as `1 / (n + 3)`, nearly.
fn ranked(random: &mut Random, count: u64) -> u64 {
    let float = |number: u64| f64::from(u32::try_from(number).unwrap());
    let share = float(random.below(1 << 20)) / f64::from(1 << 20);
    let number = 3.0 * ((float(count) + 3.0) / 3.0).powf(share) - 3.0;
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `count`")]
    (number as u64).min(count - 1)
}

/// The articles below a page.
fn link(page: u64, nth: u64) -> u64 {
    Random(page << 8 | nth).below(ARTICLES)
}

/// Visits of three pages: the first is a popular one or any, the others mostly from what stands below the page before.
fn honest() -> Vec<Step> {
    let mut random = Random(1);
    let mut steps = Vec::new();
    for session in 0..MINUTES * SESSIONS_A_MINUTE {
        let visitor = random.below(READERS);
        let mut at_ms = T0 + session * MINUTE / SESSIONS_A_MINUTE;
        let mut article = ranked(&mut random, ARTICLES);
        let is_taught = article < POPULAR;
        for _ in 0..3 {
            steps.push(Step { at_ms, article, visitor, network: network_of(visitor), session, is_taught });
            at_ms += 20_000 + random.below(2 * MINUTE);
            let is_link = random.below(10) < 8;
            article = if is_link { link(article, ranked(&mut random, LINKS)) } else { ranked(&mut random, ARTICLES) };
        }
    }
    steps.sort_by_key(|step| step.at_ms);
    steps
}

fn forged(pushed: Pushed, before: &[Vec<ScoredItem>]) -> Vec<Step> {
    let mut random = Random(2);
    let mut steps = Vec::new();
    for nth in 0..FORGED_CLIENTS * FORGED_SESSIONS_EACH {
        let client = nth % FORGED_CLIENTS;
        let page = random.below(POPULAR);
        let target = match pushed {
            Pushed::Own => ARTICLES + random.below(OWN),
            Pushed::Next => {
                let below: Vec<&ScoredItem> = before[usize::try_from(page).unwrap()].iter().skip(LISTED).take(LISTED).collect();
                let chosen = below[usize::try_from(random.below(below.len().try_into().unwrap())).unwrap()];
                number(&chosen.item)
            }
        };
        let at_ms = T0 + ATTACK_FROM * MINUTE + random.below((MINUTES - ATTACK_FROM - 1) * MINUTE);
        let step = |at_ms, article| Step {
            at_ms,
            article,
            visitor: 1_000_000 + client,
            network: 1_000_000 + client % FORGED_NETWORKS,
            session: 1_000_000_000 + nth,
            is_taught: true,
        };
        steps.extend([step(at_ms, page), step(at_ms + 30_000, target)]);
    }
    steps
}

/// What is recommended after each popular page, every five minutes of the attack. `limits`: `None` is a portal without a guard.
fn played(steps: &[Step], limits: Option<&Limits>) -> Looks {
    let (mut influence, mut learner, mut looks) = (Influence::default(), Recommender::<u64>::new(), Vec::new());
    let mut view = Interaction::parse(include_bytes!("../../../wire/tests/golden/interaction.json")).unwrap();
    (view.card, view.context, view.kind, view.trust) = (None, None, InteractionKind::View, 100);
    let items: Vec<Item> = (0..ARTICLES + OWN).map(item).collect();
    let mut look_at_ms = T0 + (ATTACK_FROM + 5) * MINUTE;
    for (nth, step) in (0_u128..).zip(steps) {
        while step.at_ms >= look_at_ms && look_at_ms <= T0 + MINUTES * MINUTE {
            let model = Model::open(learner.publish("test".to_owned(), look_at_ms, &Lists::default())).unwrap();
            looks.push((0..POPULAR).map(|page| after(&model, page, look_at_ms)).collect());
            look_at_ms += 5 * MINUTE;
        }
        view.id = Interaction::id(PageviewId::from_bits(nth), InteractionKind::View);
        view.visitor = VisitorId::from_bits(step.visitor.into());
        view.network = Some(NetworkId::from_bits(step.network));
        view.item.clone_from(&items[usize::try_from(step.article).unwrap()]);
        view.at_ms = step.at_ms;
        let weight = limits.map_or(1.0, |limits| influence.weigh(&view, limits));
        if step.is_taught {
            open(&mut learner, step.session, &Click { item: &view.item, at_ms: view.at_ms, context: Context::default(), weight });
        }
    }
    looks
}

/// [`Recommender::learn`] without the ranker.
fn open(learner: &mut Recommender<u64>, session_key: u64, click: &Click<'_>) {
    if click.weight <= 0.0 && learner.counters.number(click.item).is_none() {
        return;
    }
    let mut session = learner.enter(&session_key, click.at_ms);
    let item = learner.counters.number_or_new(click.item);
    learner.count(&session, item, click.weight);
    session.open(item);
    learner.sessions.put(session_key, session);
}

/// Twice as many as matter, as the edge would have them from what is published.
fn after(model: &Model, page: u64, now_ms: u64) -> Vec<ScoredItem> {
    let number = model.index_of(item(page).as_str()).unwrap();
    let request = Request { read: &[number], context: Context::default(), now_ms };
    let ranked = model.rank(&request, Ranker::Full, &mut Scratch::default());
    ranked.iter().take(2 * LISTED).map(|each| ScoredItem { item: Item::parse(model.item(each.item)).unwrap(), score: each.score }).collect()
}

/// At each look, after each popular page: a list.
type Looks = Vec<Vec<Vec<ScoredItem>>>;

/// Honest steps, and what is recommended with the guard and without.
static HONEST: LazyLock<(Vec<Step>, [Looks; 2])> = LazyLock::new(|| {
    let steps = honest();
    let looks = [Some(&Limits::PRODUCTION), None].map(|limits| played(&steps, limits));
    (steps, looks)
});

/// Most ranks that one of the honest first twenty lost after any popular page at any look.
fn lost(pushed: Pushed, limits: Option<&Limits>) -> usize {
    let (steps, [guarded, open]) = &*HONEST;
    let before = if limits.is_some() { guarded } else { open };
    let mut all = [steps.as_slice(), &forged(pushed, before.last().unwrap())].concat();
    all.sort_by_key(|step| step.at_ms);
    let attacked = played(&all, limits);
    assert!(before.len() >= 3 && before.len() == attacked.len(), "several looks");
    let pages = before.iter().flatten().zip(attacked.iter().flatten());
    pages.map(|(before, after)| ranks_lost(before, after)).max().unwrap()
}

#[test]
fn what_nobody_else_reads_is_not_lifted_among_what_follows_popular_pages() {
    let guarded = lost(Pushed::Own, Some(&Limits::PRODUCTION));
    assert!(guarded <= 1, "lost {guarded}");
    let open = lost(Pushed::Own, None);
    assert!(open >= 5, "without the guard it has to be seen: lost {open}");
}

/// What stands just below differs by a handful of readings, and forged clients find it read by others: they can turn some of these ranks.
#[test]
fn what_stands_below_the_list_is_lifted_a_little() {
    let guarded = lost(Pushed::Next, Some(&Limits::PRODUCTION));
    assert!(guarded <= 5, "lost {guarded}");
    let open = lost(Pushed::Next, None);
    assert!(open >= 15, "without the guard it has to be seen: lost {open}");
}
