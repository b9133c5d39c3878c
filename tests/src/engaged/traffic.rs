//! What made visits send by the tracker's core, and what the edge's core makes of it: for `cargo xtask cost`.

use anyhow::{Context, Result};
use edge::collect::{self, Client};
use edge::config::{Config, Environment};
use edge::limit::Pace;
use edge::salt::Salt;
use serde::Serialize;
use wire::{Batch, Event, EventKind, RecId};

use crate::ours::Ours;
use crate::play::play;
use crate::rng::Rng;
use crate::visit::Visit;

/// What is in a page: addresses, title, section, picture, referrer.
const BATCH: &str = include_str!("../../../wire/tests/golden/batch.json");
/// Articles of the list that a reader sees.
const ITEMS: usize = 6;
/// Of a hundred visits so many follow a link.
const FOLLOWS_PCT: u64 = 30;
/// Records are billed in steps: streams on demand by 1 KiB, provisioned ones by units of 25 KiB, Firehose by 5 KiB.
const KIB: usize = 1_024;

/// Sums over all visits.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Traffic {
    visits: u64,
    posts: u64,
    events: u64,
    body_bytes: u64,
    record_bytes: u64,
    on_demand_kib: u64,
    put_units: u64,
    firehose_kib: u64,
}

/// Plays the visits.
pub(crate) fn of(seed: u64, visits: u64) -> Result<Traffic> {
    let config = Config::parse(Environment::default())?;
    let template = Batch::parse(BATCH.as_bytes())?.batch;
    let mut traffic = Traffic { visits, ..Traffic::default() };
    for nth in 0..visits {
        let mut ours = Ours::new(tracker::IDLE_WINDOW_MS);
        play(&Visit::make(seed, nth), &mut ours, &mut Rng::new(seed ^ nth.rotate_left(32)));
        let follows = Rng::new(seed ^ nth).within(0, 99) < FOLLOWS_PCT;
        let last = ours.posts().len().saturating_sub(1);
        let mut seq = 0;
        for (post, written) in ours.posts().iter().enumerate() {
            let mut kinds = kinds(*written, post == 0);
            if post == 1.min(last) {
                kinds.push(impression());
            }
            if post == last && follows {
                kinds.push(click(&template)?);
            }
            traffic.add(&config, &template, &mut seq, kinds)?;
        }
    }
    Ok(traffic)
}

/// The first event of a visit is the pageview, the others are engagements.
fn kinds(written: u32, is_first: bool) -> Vec<EventKind> {
    let engagement = EventKind::Engagement { engaged_ms: 12_345, scroll_pct: 43 };
    (0..written).map(|nth| if is_first && nth == 0 { EventKind::Pageview } else { engagement.clone() }).collect()
}

fn impression() -> EventKind {
    let item = |nth: usize| wire::Item::parse(&format!("/economia/noticia/2026/11/22/manchete-de-um-artigo-{nth}.ghtml"));
    EventKind::Impression { rec_id: RecId::from_bits(1), placement: "leia-tambem".to_owned(), items: (0..ITEMS).filter_map(item).collect() }
}

fn click(template: &Batch) -> Result<EventKind> {
    let is_click = |event: &&Event| matches!(event.kind, EventKind::Click { .. });
    Ok(template.events.iter().find(is_click).context("the golden batch has no click")?.kind.clone())
}

impl Traffic {
    fn add(&mut self, config: &Config, template: &Batch, seq: &mut u32, kinds: Vec<EventKind>) -> Result<()> {
        let mut batch = template.clone();
        batch.events.clear();
        if *seq > 0 {
            // The script says once what the page says of itself.
            batch.meta = None;
        }
        for kind in kinds {
            batch.events.push(Event { seq: *seq, at_ms: batch.sent_at_ms - 1, kind });
            *seq += 1;
        }
        self.events += u64::try_from(batch.events.len())?;
        let body = serde_json::to_vec(&batch)?;
        let accepted = collect::accept(config, Some("https://g1.example"), Some("text/plain"), &body)?;
        let record = accepted.into_envelope(config, &client(), &Salt::shared(&"5a".repeat(32)), batch.sent_at_ms).to_record()?;
        let steps = |kib: usize| u64::try_from(record.len().div_ceil(kib * KIB));
        self.posts += 1;
        self.body_bytes += u64::try_from(body.len())?;
        self.record_bytes += u64::try_from(record.len())?;
        self.on_demand_kib += steps(1)?;
        self.put_units += steps(25)?;
        self.firehose_kib += 5 * steps(5)?;
        Ok(())
    }
}

fn client() -> Client {
    Client {
        ip: "203.0.113.7".to_owned(),
        user_agent: Some(
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36".to_owned(),
        ),
        country: "BR".to_owned(),
        region: "RJ".to_owned(),
        has_fetch_site: true,
        is_no_script: false,
        bot_score: None,
        pace: Pace::Ordinary,
        has_gpc: false,
    }
}
