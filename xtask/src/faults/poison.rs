//! What can never be stored, in the queue among what can: a dead letter each, at once, and nothing else is held up.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use wire::{Batch, Edge, Envelope, RetryHeader, RetryMessage, Source, Via};

use super::bucket;
use super::long_outage::drain;
use super::outbox::Outbox;
use super::report::Done;
use super::rows::Bounds;
use super::trial::FaultTrial;
use crate::beacon::now_ms;

/// In the retry queue.
pub(super) const POISON: &str = "23";
/// In the dead letter queue.
pub(super) const GIVEN_UP: &str = "23d";
/// Good messages that are delivered more than once.
pub(super) const TWICE: &str = "21";

const RETRY_QUEUE: &str = "pulso-retry-0";
const DEAD_QUEUE: &str = "pulso-retry-dead";
/// How long a batch may take: the dead letter queue gathers for 5 s.
const PATIENCE: Duration = Duration::from_secs(20);
/// Kinds of [`poisons`].
const KINDS: usize = 11;
/// Nothing of what was sent may be there twice.
const ONCE: Bounds = Bounds { is_safe_at_once: true, has_no_duplicates: true, faults_min: 1 };

/// A message that can never be stored, and the dead letter that it has to become.
pub(super) struct Poison {
    /// As the producer takes it.
    message: Value,
    reason: &'static str,
    attempts: u32,
    /// What the dead letter says it was.
    pub body: String,
    /// What a person who mends it would write in its place.
    pub mended: Option<String>,
}

/// A batch of good messages and poison into each queue. Gives back the poison.
pub(super) fn run(trial: &mut FaultTrial, goods: usize, of_each_kind: usize) -> Result<(Vec<Poison>, Outbox)> {
    let begun = Instant::now();
    let (good, given_up) = (trial.outbox(goods), trial.outbox(goods));
    let spoiled = trial.outbox(KINDS * of_each_kind);
    let poisons = poisons(&spoiled.bring_in())?;
    let half = poisons.len() / 2;
    let (of_dead_queue, of_retry_queue) = poisons.split_at(half);
    trial.produce(DEAD_QUEUE, &mixed(&given_up, of_dead_queue)?)?;
    let applied = trial.proxy.tally()?.records_applied;
    trial.produce(RETRY_QUEUE, &mixed(&good, of_retry_queue)?)?;
    let pending = trial.await_queue(0, PATIENCE)?;
    ensure!(pending == 0, "{pending} messages are still in the queues {} s after poison came", PATIENCE.as_secs());
    let stored = trial.proxy.tally()?.records_applied - applied;
    ensure!(stored == u64::try_from(goods)?, "{stored} of the {goods} good messages beside poison are in the streams");
    let found = bucket::spilled_events(&trial.stack, "spill/")?;
    ensure!(found == given_up.accepted(), "R2 spill/ has not exactly the good messages of the dead letter queue");
    are_dead(trial, &poisons)?;
    drain(trial, "spill/")?;
    trial.dead_wanted += u64::try_from(poisons.len())?;

    let count = |poisons: &[Poison]| u64::try_from(poisons.len());
    let expected = "each poison is one dead letter after one try, whole and with its reason; the good are stored at once";
    let done = Done::new(POISON, "poison of 11 kinds among good messages of one batch", expected, ONCE, count(of_retry_queue)?);
    trial.enter(done, &[good], begun)?;
    let expected = "poison: a dead letter each; the good are set aside and drained";
    let done = Done::new(GIVEN_UP, "the same in the dead letter queue", expected, ONCE, count(of_dead_queue)?);
    trial.enter(done, &[given_up], begun)?;
    Ok((poisons, spoiled))
}

/// The queue delivers every message two to five times.
pub(super) fn twice(trial: &mut FaultTrial, goods: usize) -> Result<()> {
    let begun = Instant::now();
    let outbox = trial.outbox(goods);
    let messages = mixed(&outbox, &[])?;
    for _ in 0..2 {
        trial.produce(RETRY_QUEUE, &messages)?;
    }
    let few = messages.get(..goods.min(20)).unwrap_or_default();
    trial.produce(RETRY_QUEUE, &[few, few, few].concat())?;
    let pending = trial.await_queue(0, PATIENCE)?;
    ensure!(pending == 0, "{pending} messages are still in the queue");
    let bounds = Bounds { has_no_duplicates: false, ..ONCE };
    let repeated = u64::try_from(goods + 3 * few.len())?;
    let expected = "duplicates in the stream, counted once by the backend";
    trial.enter(Done::new(TWICE, "the queue delivers messages 2 and 5 times", expected, bounds, repeated), &[outbox], begun)
}

/// `dead/` has one letter for each, and nothing else.
fn are_dead(trial: &FaultTrial, poisons: &[Poison]) -> Result<()> {
    let mut wanted: Vec<_> = poisons.iter().map(|poison| (poison.body.clone(), poison.reason.to_owned(), poison.attempts)).collect();
    let mut found = Vec::new();
    for object in bucket::objects(&trial.stack, "dead/")? {
        let letter = object.letter()?;
        found.push((letter.body, letter.reason, letter.attempts));
    }
    wanted.sort();
    found.sort();
    for (wanted, found) in wanted.iter().zip(&found) {
        ensure!(wanted == found, "a dead letter is\n  {found:?}, not\n  {wanted:?}");
    }
    ensure!(wanted.len() == found.len(), "{} dead letters of {} poisons", found.len(), wanted.len());
    Ok(())
}

/// Good messages with poison spread among them.
fn mixed(outbox: &Outbox, poisons: &[Poison]) -> Result<Vec<Value>> {
    let good = outbox.bring_in();
    let mut messages: Vec<Value> = good.iter().map(|batch| Ok(text(&retry_message(batch)?.to_text()?))).collect::<Result<_>>()?;
    for (index, poison) in poisons.iter().enumerate() {
        messages.insert((2 * index).min(messages.len()), poison.message.clone());
    }
    Ok(messages)
}

/// One poison of each batch, the kinds in turn.
fn poisons(batches: &[Batch]) -> Result<Vec<Poison>> {
    batches.iter().enumerate().map(|(index, batch)| poison(index % KINDS, index, batch)).collect()
}

fn poison(kind: usize, index: usize, batch: &Batch) -> Result<Poison> {
    let message = retry_message(batch)?;
    let good = message.to_text()?;
    let (header, record) = good.split_once('\n').context("a retry message has two lines")?;
    let of_text = |reason, attempts, body: String, mended| Poison { message: text(&body), reason, attempts, body, mended };
    let undecodable = |attempts, body: String| of_text("undecodable", attempts, body, None);
    let with_key = |key: String| RetryMessage { header: RetryHeader { key, ..message.header.clone() }, record: message.record.clone() };
    let renamed = |portal: &str| good.replacen(&format!("\"portal\":\"{}\"", batch.portal), &format!("\"portal\":\"{portal}\""), 1);
    Ok(match kind {
        0 => undecodable(0, format!("no retry message {index}")),
        1 => undecodable(0, String::new()),
        2 => undecodable(0, good.replacen("\"v\":1", "\"v\":2", 1)),
        3 => undecodable(1, format!("{header}\n{}", record.replacen("\"v\":1", "\"v\":2", 1))),
        4 => undecodable(0, header.to_owned()),
        5 => {
            let cut = record.get(..record.len() / 2).unwrap_or_default();
            of_text("undecodable", 1, format!("{header}\n{cut}"), Some(good.clone()))
        }
        6 => of_text("unknown_portal", 1, renamed("gone"), Some(good.clone())),
        7 => of_text("other_portal", 1, renamed(if batch.portal.as_str() == "ge" { "g1" } else { "ge" }), None),
        8 => of_text("over_limit", 1, with_key("k".repeat(257)).to_text()?, None),
        9 => {
            let body = json!({ "no": { "text": index } });
            Poison { message: json!({ "body": body, "contentType": "json" }), body: body.to_string(), ..undecodable(0, String::new()) }
        }
        _ => Poison {
            // 0xff is nowhere in UTF-8.
            message: json!({ "bytes": [0, 255, 16], "contentType": "bytes" }),
            body: "data:application/octet-stream;base64,AP8Q".to_owned(),
            ..undecodable(0, String::new())
        },
    })
}

fn text(body: &str) -> Value {
    json!({ "body": body, "contentType": "text" })
}

/// As the worker would write it after a first try that failed.
fn retry_message(batch: &Batch) -> Result<RetryMessage> {
    let visitor = batch.visitor.context("a made batch has a visitor")?;
    let edge = Edge {
        received_at_ms: now_ms(),
        skew_ms: 0,
        visitor,
        network: None,
        country: "BR".to_owned(),
        region: "RJ".to_owned(),
        browser: "chrome".to_owned(),
        os: "android".to_owned(),
        device: "mobile".to_owned(),
        source: Source::Direct,
        trust: 90,
        bot: false,
        via: Via::Direct,
        attempts: 1,
        version: "0.1.0".to_owned(),
        tally: None,
    };
    let reason = "status_500".to_owned();
    let header =
        RetryHeader { v: 1, portal: batch.portal.clone(), key: visitor.to_string(), attempts: 1, first_failed_at_ms: now_ms(), reason };
    Ok(RetryMessage { header, record: Envelope { v: 1, batch: batch.clone(), edge }.to_record()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::PortalId;

    #[test]
    fn there_is_a_poison_of_each_kind_and_a_mended_one_is_good() {
        let outbox = Outbox::new(1, &[PortalId::parse("g1").unwrap(), PortalId::parse("ge").unwrap()], 2 * KINDS);
        let poisons = poisons(&outbox.bring_in()).unwrap();
        assert_eq!(poisons.len(), 2 * KINDS);
        for reason in ["undecodable", "unknown_portal", "other_portal", "over_limit"] {
            assert!(poisons.iter().any(|poison| poison.reason == reason), "{reason}");
        }
        let mended: Vec<_> = poisons.iter().filter_map(|poison| poison.mended.as_ref()).collect();
        assert_eq!(mended.len(), 4);
        for text in mended {
            let message = RetryMessage::parse(text).unwrap();
            assert_eq!(Envelope::parse(message.record.as_bytes()).unwrap().batch.portal, message.header.portal);
        }
    }
}
