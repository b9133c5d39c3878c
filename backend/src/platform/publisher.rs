//! Publishes one portal's model and cards to the edge.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::platform::admin::Admin;
use crate::platform::clock::{now_ms, uptime};
use crate::platform::desk::Desk;
use crate::publish::{Publication, Schedule};
use crate::stages::{Stage, Volume};

/// How soon a change is noticed.
const LOOK: Duration = Duration::from_millis(250);

/// Publishes until `stop` is closed, and once more then if there is something new.
pub(crate) async fn publish(desk: Arc<Desk>, admin: Admin, every_ms: u64, mut stop: watch::Receiver<()>) {
    let mut schedule = Schedule::new(every_ms);
    loop {
        let is_stopping = tokio::select! {
            _ = stop.changed() => true,
            () = sleep(LOOK) => false,
        };
        let revision = desk.snapshot().state.model_revision;
        let now = now_ms();
        desk.facts().complete_at_ms = Some(now.saturating_sub(schedule.age_ms(revision, now)));
        // A state that is still being read again would publish a poor model over a good one.
        if !desk.facts().has_caught_up() {
            if is_stopping {
                return;
            }
            continue;
        }
        let is_due = if is_stopping { schedule.has_news(revision) } else { schedule.is_due(revision, now_ms()) };
        if is_due {
            turn(&desk, &admin, &mut schedule).await;
        }
        if is_stopping {
            return;
        }
    }
}

async fn turn(desk: &Desk, admin: &Admin, schedule: &mut Schedule) {
    let unit = desk.board.stages.begin(Stage::Publish, Some(&desk.portal.id), uptime());
    let (revision, made_at_ms, publication) = {
        let mut snapshot = desk.snapshot();
        let made_at_ms = now_ms();
        (snapshot.state.model_revision, made_at_ms, Publication::of(&mut snapshot.state, made_at_ms))
    };
    let outcome = send(desk, admin, schedule, &publication).await;
    if outcome.is_ok() {
        unit.done(uptime(), Volume { records_out: 1, bytes_out: publication.model.len(), ..Volume::default() });
    } else {
        unit.failed("refused_or_away");
    }
    let now_ms = now_ms();
    let mut facts = desk.facts();
    let portal = desk.portal.id.as_str();
    match outcome {
        Ok(()) => {
            schedule.succeeded(revision, made_at_ms, now_ms);
            facts.last_published_at_ms = now_ms;
            let (bytes, cards) = (publication.model.len(), publication.cards.cards.len());
            if facts.publish_trouble.take().is_some() {
                tracing::info!(portal, bytes, cards, "published again");
            } else {
                tracing::debug!(portal, bytes, cards, "published");
            }
        }
        Err(error) => {
            schedule.failed(now_ms);
            let since_ms = facts.publish_trouble.as_ref().map_or(now_ms, |(since_ms, _)| *since_ms);
            tracing::warn!(portal, "cannot publish, trying again: {error}");
            facts.publish_trouble = Some((since_ms, error));
        }
    }
}

/// Cards first, so that no list names an item whose card is not there yet.
async fn send(desk: &Desk, admin: &Admin, schedule: &mut Schedule, publication: &Publication) -> Result<(), String> {
    let portal = desk.portal.id.as_str();
    if schedule.wants_cards(&publication.cards, now_ms()) {
        admin.put(portal, "cards", &publication.cards).await?;
        schedule.cards_sent(publication.cards.clone(), now_ms());
    }
    admin.put_bytes(portal, "model", publication.model.clone()).await
}
