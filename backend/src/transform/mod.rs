//! Events to interactions: each event once, sessions by reader, interactions once per pageview and kind, with ids that are the
//! same whenever and wherever the same events are read.

mod erasure;
mod memory;
mod pageview;
mod record;
mod session;
mod totals;
mod weight;

use std::collections::VecDeque;

use hashbrown::HashMap;
use wire::{
    Card, EdgeView, EnvelopeView, EventKindView, Interaction, InteractionKind, Item, NetworkId, PageKind, PageviewId, Portal, PortalId,
    ReaderContext, Tally, Via, VisitorId,
};

use crate::cards;
use crate::feedback::{Answers, Doer};
use crate::influence::{self, Limits};
use crate::loss;

pub(crate) use erasure::Erased;
pub(crate) use memory::{KEEP_MS, Memory, Remembered, is_beyond_memory};
pub(crate) use pageview::{Pageview, Settled};
pub(crate) use record::{read_record, view_record};
pub(crate) use session::Visitor;
pub(crate) use totals::{Counts, EdgeCounts, Totals};
pub(crate) use weight::{bit, weight};

/// How long a reader is: as long as late events may find their session.
pub(crate) const KEEP_VISITOR_MS: u64 = session::LATE_MS + session::GAP_MS;
/// Who takes over a shard without its memory reads so far back before it goes on: a session's gap, and what comes late in a storm.
pub(crate) const REWIND_MS: u64 = session::GAP_MS + 600_000;
/// How long a pageview has to be quiet, by the stream's time, before its gaps are settled: longer than a page waits between two
/// tries of its outbox (five minutes at most).
pub(crate) const QUIET_MS: u64 = 600_000;
/// What a page says of itself goes into the second stream when it changes, and otherwise so often in so long, each time from another
/// network: several have to say the same before it is shown.
const CARD_AGAIN_MS: u64 = 60_000;
const CARD_NETWORKS: usize = 2 * cards::QUORUM;
/// Cards whose last sending is remembered.
const CARDS_MAX: usize = 20_000;

/// The transform of one shard. The same records in the same order make the same interactions.
#[derive(Debug)]
pub(crate) struct Transform {
    portal: Portal,
    is_dev: bool,
    pub(crate) pageviews: Memory<PageviewId, Pageview>,
    pub(crate) visitors: Memory<VisitorId, Visitor>,
    pub(crate) totals: Totals,
    pub(crate) erased: Erased,
    /// Pageviews that may have unsettled events, by when they were put here.
    open: VecDeque<(PageviewId, u64)>,
    /// What isolates of the edge told in records that brought something new, until somebody takes it.
    pub(crate) tally: Tally,
    quiet_ms: u64,
    latest_ms: u64,
    /// Pageviews that began earlier are known in part: what of them is missing says nothing.
    since_ms: u64,
    cards: HashMap<Item, SentCard>,
    answers: Answers,
}

/// What was sent last of an article, when first, and of which networks.
#[derive(Debug)]
struct SentCard {
    card: Card,
    at_ms: u64,
    networks: Vec<Option<NetworkId>>,
}

/// One reader's pageview, while its record is taken.
struct Visit<'a> {
    envelope: &'a EnvelopeView<'a>,
    arrived_at_ms: u64,
    item: Option<Item>,
}

impl Transform {
    /// Of a portal's shard, nothing read.
    pub(crate) fn new(portal: Portal, is_dev: bool) -> Self {
        Self {
            portal,
            is_dev,
            pageviews: Memory::default(),
            visitors: Memory::default(),
            totals: Totals::default(),
            erased: Erased::default(),
            open: VecDeque::new(),
            tally: Tally::default(),
            quiet_ms: QUIET_MS,
            latest_ms: 0,
            since_ms: 0,
            cards: HashMap::new(),
            answers: Answers::default(),
        }
    }

    /// Gaps of a pageview are settled when it was quiet for so long, in place of [`QUIET_MS`].
    pub(crate) const fn settling_after(mut self, quiet_ms: u64) -> Self {
        self.quiet_ms = quiet_ms;
        self
    }

    /// Whose shard.
    pub(crate) const fn portal(&self) -> &wire::PortalId {
        &self.portal.id
    }

    /// The latest arrival, by the stream's time.
    pub(crate) const fn latest_ms(&self) -> u64 {
        self.latest_ms
    }

    /// Takes one envelope, and gives the interactions that it makes. `arrived_at_ms` is when Kinesis got the record,
    /// which is the same in a replay. What the store has of the record's pageview and reader has to be recalled before.
    pub(crate) fn apply(&mut self, envelope: &EnvelopeView<'_>, arrived_at_ms: u64, out: &mut Vec<Interaction>) {
        let batch = &envelope.batch;
        let counts = &mut self.totals.counts;
        counts.records += 1;
        counts.dropped += u64::from(batch.dropped);
        counts.retried += u64::from(envelope.edge.via != Via::Direct && !batch.events.is_empty());
        if batch.events.is_empty() {
            // The probe of a deep look at the edge's health: nobody's pageview.
            counts.probes += 1;
            return;
        }
        let events = u64::try_from(batch.events.len()).unwrap_or(0);
        if is_beyond_memory(envelope.edge.received_at_ms, arrived_at_ms) || is_old(envelope.edge.skew_ms) {
            counts.late += events;
            return;
        }
        if self.erased.covers(envelope.edge.visitor, envelope.edge.received_at_ms) {
            counts.erased += events;
            return;
        }
        // Shards are not in step: time never goes back here.
        self.latest_ms = self.latest_ms.max(arrived_at_ms);
        self.settle_quiet();
        let is_readable = batch.page == PageKind::Article && !envelope.is_bot();
        let visit = Visit { envelope, arrived_at_ms, item: if is_readable { batch.item().and_then(Item::parse) } else { None } };
        let made = out.len();
        self.take_events(&visit, out);
        self.totals.counts.interactions += u64::try_from(out.len() - made).unwrap_or(0);
    }

    fn take_events(&mut self, visit: &Visit<'_>, out: &mut Vec<Interaction>) {
        let (batch, edge) = (&visit.envelope.batch, &visit.envelope.edge);
        let (now_ms, key) = (self.latest_ms, batch.pageview);
        let is_known = self.pageviews.has(key);
        let since_ms = self.since_ms;
        let pageview = self.pageviews.touched(key, now_ms, || {
            let new = Pageview::new(edge.visitor.bits(), key.bits(), loss::class(&edge.browser));
            if key.started_at_ms() < since_ms { new.uncounted() } else { new }
        });
        let mut is_first = !is_known;
        if is_first || !pageview.is_open {
            pageview.is_open = true;
            self.open.push_back((key, now_ms));
        }
        let (mut visitor, mut is_news) = (None, false);
        let is_believed = influence::is_believed(edge.trust, &Limits::of(self.is_dev));
        let doer = Doer { visitor: edge.visitor.bits(), pageview: key.bits(), is_believed, at_ms: now_ms };
        for event in &batch.events {
            if !self.totals.note(pageview.see(event.seq), pageview.class) {
                continue;
            }
            is_news = true;
            let at_ms = visit.at_ms(event.at_ms);
            let counts = &mut self.totals.counts;
            if edge.received_at_ms.saturating_sub(at_ms) > KEEP_MS {
                counts.late += 1;
                continue;
            }
            counts.see(&event.kind, visit.envelope.is_bot());
            if visit.envelope.is_bot() {
                continue;
            }
            self.totals.feedback.take(&mut self.answers, &event.kind, doer);
            let (session, is_new) = match &mut visitor {
                None => {
                    let is_new = !self.visitors.has(edge.visitor);
                    let known = self.visitors.touched(edge.visitor, now_ms, || Visitor::new(key.bits(), at_ms));
                    let (session, has_begun) = known.act(key.bits(), at_ms);
                    visitor = Some(known);
                    (session, is_new || has_begun)
                }
                Some(known) => known.act(key.bits(), at_ms),
            };
            self.totals.counts.sessions += u64::from(is_new);
            if is_first {
                pageview.session = session;
                is_first = false;
            }
            let Some(item) = &visit.item else { continue };
            for kind in kinds(&event.kind).into_iter().flatten() {
                if pageview.make(weight::bit(kind)) {
                    let says = kind == InteractionKind::View;
                    let card = says.then(|| card(&self.portal, self.is_dev, &mut self.cards, visit, item)).flatten();
                    out.push(visit.interaction(&self.portal.id, kind, PageviewId::from_bits(pageview.session), item, at_ms, card));
                }
            }
        }
        // A copy of a record brings nothing new, and its tally was counted with the first.
        if let Some(tally) = edge.tally.filter(|_| is_news) {
            self.tally.add(&tally);
            self.totals.edge.add(&tally);
        }
    }

    /// As if a record had come at that time.
    #[cfg(test)]
    pub(crate) fn pass_time(&mut self, now_ms: u64) {
        self.latest_ms = now_ms;
    }

    /// The memory begins at that time.
    pub(crate) fn remember_since(&mut self, since_ms: u64) {
        self.since_ms = since_ms;
    }

    /// What was read again was settled before, or is settled by who reads a sibling.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }

    /// Forgets a reader, his sessions and his pageviews; the store has to do the same.
    pub(crate) fn forget(&mut self, visitor: VisitorId) {
        self.visitors.erase(|key, _| *key == visitor);
        self.pageviews.erase(|_, pageview| pageview.visitor == visitor.bits());
        self.answers.forget(visitor.bits());
    }

    fn settle_quiet(&mut self) {
        while let Some(&(key, queued_ms)) = self.open.front() {
            if queued_ms.saturating_add(self.quiet_ms) >= self.latest_ms {
                return;
            }
            self.open.pop_front();
            // What was dropped from memory meanwhile stays unsettled: the loss is a lower bound.
            let Some(last_ms) = self.pageviews.get(key).map(Remembered::last_ms) else { continue };
            if last_ms > queued_ms {
                self.open.push_back((key, last_ms));
            } else if let Some(pageview) = self.pageviews.changed(key) {
                pageview.is_open = false;
                self.totals.loss.add(pageview.settle());
            }
        }
    }

    /// Forgets what nothing more can come for, and, when there is too much, what was not touched for longest.
    /// Only after what changed was written: the store has the rest.
    pub(crate) fn trim(&mut self, pageviews_max: usize, visitors_max: usize) {
        self.pageviews.trim(self.latest_ms.saturating_sub(KEEP_MS), pageviews_max);
        self.visitors.trim(self.latest_ms.saturating_sub(KEEP_VISITOR_MS), visitors_max);
    }
}

impl Visit<'_> {
    /// The reader's clock set right, but never later than the arrival at the edge.
    /// Nor later than the arrival on the stream: one absurd `received_at_ms` would make every other event look old.
    fn at_ms(&self, at_ms: u64) -> u64 {
        let edge = &self.envelope.edge;
        at_ms.saturating_add_signed(edge.skew_ms).min(edge.received_at_ms).min(self.arrived_at_ms)
    }

    fn interaction(
        &self,
        portal: &PortalId,
        kind: InteractionKind,
        session: PageviewId,
        item: &Item,
        at_ms: u64,
        card: Option<Card>,
    ) -> Interaction {
        let (batch, edge) = (&self.envelope.batch, &self.envelope.edge);
        Interaction {
            v: 1,
            id: Interaction::id(batch.pageview, kind),
            portal: portal.clone(),
            visitor: edge.visitor,
            network: edge.network,
            session,
            item: item.clone(),
            kind,
            weight: weight::weight(kind),
            at_ms,
            trust: edge.trust,
            card,
            context: (kind == InteractionKind::View).then(|| context(edge)),
        }
    }
}

fn context(edge: &EdgeView<'_>) -> ReaderContext {
    ReaderContext {
        browser: edge.browser.to_string(),
        os: edge.os.to_string(),
        device: edge.device.to_string(),
        country: edge.country.to_string(),
        region: edge.region.to_string(),
        source: edge.source,
    }
}

/// Whether a batch left its browser more than a day before it came: what was recorded and is posted again would count twice, for nobody
/// remembers its pageview any more. A reader whose clock is a day behind looks the same, and is in the archive as well.
fn is_old(skew_ms: i64) -> bool {
    u64::try_from(skew_ms).is_ok_and(|skew_ms| skew_ms > KEEP_MS)
}

/// What an event amounts to.
fn kinds(kind: &EventKindView<'_>) -> [Option<InteractionKind>; 3] {
    match kind {
        EventKindView::Pageview => [Some(InteractionKind::View), None, None],
        EventKindView::Engagement { engaged_ms, scroll_pct } => [
            (*engaged_ms >= weight::READ_15_MS).then_some(InteractionKind::Read15),
            (*engaged_ms >= weight::READ_60_MS).then_some(InteractionKind::Read60),
            (*scroll_pct >= weight::DEEP_PCT).then_some(InteractionKind::Read75Pct),
        ],
        EventKindView::Click { .. } => [Some(InteractionKind::Click), None, None],
        EventKindView::Custom { name, .. } => [(name == "share").then_some(InteractionKind::Share), None, None],
        EventKindView::Impression { .. } => [None, None, None],
    }
}

/// What the page says of itself, when that is news.
fn card(portal: &Portal, is_dev: bool, sent: &mut HashMap<Item, SentCard>, visit: &Visit<'_>, item: &Item) -> Option<Card> {
    let batch = &visit.envelope.batch;
    let card = cards::card(batch, item, batch.meta.as_ref()?, portal, is_dev)?;
    let (network, at_ms) = (visit.envelope.edge.network, visit.arrived_at_ms);
    if let Some(before) = sent.get_mut(item)
        && before.card == card
        && at_ms < before.at_ms.saturating_add(CARD_AGAIN_MS)
    {
        let is_news = before.networks.len() < CARD_NETWORKS && !before.networks.contains(&network);
        before.networks.extend(is_news.then_some(network));
        return is_news.then_some(card);
    }
    // To forget all of them costs each a few more sendings.
    if sent.len() >= CARDS_MAX {
        sent.clear();
    }
    sent.insert(item.clone(), SentCard { card: card.clone(), at_ms, networks: vec![network] });
    Some(card)
}

#[cfg(test)]
mod tests;
