//! The streams: they take signed calls as they are on the wire, and answer in every way that they may.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use edge::aws::kinesis::{Call, RECORDS_MAX};
use edge::delivery::world::Reply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::kernel::Owner;
use super::mutant::Mutant;
use super::plan::{Part, PutFault};
use super::world::{World, labels};

/// The deadline of `edge/src/platform/transport.rs`.
const DEADLINE_MS: u64 = 3_000;
/// A signature holds so long, both ways.
const SIGNATURE_MS: u64 = 300_000;
/// Most bytes of one call, by the service's own limit.
const CALL_BYTES_MAX: usize = 5 * 1024 * 1024;

/// A stored record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) at_ms: u64,
    pub(crate) key: String,
    pub(crate) data: String,
}

/// By the stream's name, in the order of storing.
#[derive(Debug, Default)]
pub(crate) struct Streams(pub(crate) BTreeMap<String, Vec<Record>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords {
    stream_name: String,
    records: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: String,
    partition_key: String,
}

/// What the service will do with a call.
struct Course {
    stored: Vec<bool>,
    store_after_ms: u64,
    /// `None`: the connection breaks, or nothing ever comes.
    answer: Option<(u16, String)>,
    answer_after_ms: u64,
    is_reset: bool,
}

type Slot = Rc<RefCell<Option<Result<Reply, String>>>>;

/// Sends a call, and waits for its answer until the deadline.
pub(crate) async fn send(world: &Rc<World>, call: Call) -> Result<Reply, String> {
    let kernel = Rc::clone(&world.kernel);
    kernel.sleep(world.random(0, 20)).await;
    world.count(|counts| counts.puts += 1);
    let slot: Slot = Rc::default();
    let service = serve(Rc::clone(world), call, Rc::clone(&slot));
    kernel.spawn(Owner::World, Some(kernel.current()), service);
    let deadline_ms = world.now_ms() + DEADLINE_MS;
    loop {
        let answer = slot.borrow_mut().take();
        if let Some(answer) = answer {
            return answer;
        }
        if world.now_ms() >= deadline_ms {
            world.note(|| "put: no answer within the deadline".to_owned());
            if world.is(Mutant::TimeoutIsSuccess) {
                return Ok(Reply { status: 200, body: "timeout".to_owned(), at_ms: None });
            }
            return Err("timeout".to_owned());
        }
        kernel.rest(Some(deadline_ms)).await;
    }
}

/// The service's side; it goes on when the caller is gone.
async fn serve(world: Rc<World>, call: Call, slot: Slot) {
    let Ok(request) = serde_json::from_str::<PutRecords>(&call.body) else {
        return world.ledger.borrow_mut().breaks("I7", "a call is no PutRecords");
    };
    if request.records.len() > RECORDS_MAX || call.body.len() > CALL_BYTES_MAX {
        let what = format!("a call of {} records and {} bytes", request.records.len(), call.body.len());
        world.ledger.borrow_mut().breaks("I7", &what);
    }
    let course = course(&world, &call, &request);
    world.kernel.sleep(course.store_after_ms).await;
    store(&world, &request, &course.stored);
    world.kernel.sleep(course.answer_after_ms).await;
    // The Date header has whole seconds.
    let at_ms = Some(world.now_ms() / 1_000 * 1_000);
    let answer = match course.answer {
        Some((status, body)) => Some(Ok(Reply { status, body, at_ms })),
        None => course.is_reset.then(|| Err("network".to_owned())),
    };
    *slot.borrow_mut() = answer;
}

fn store(world: &World, request: &PutRecords, stored: &[bool]) {
    let mut streams = world.streams.borrow_mut();
    let stream = streams.0.entry(request.stream_name.clone()).or_default();
    for (entry, _) in request.records.iter().zip(stored).filter(|(_, is_stored)| **is_stored) {
        let data = STANDARD.decode(&entry.data).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        world.note(|| format!("{} stores {}", request.stream_name, labels([data.as_str()].into_iter())));
        stream.push(Record { at_ms: world.now_ms(), key: entry.partition_key.clone(), data });
    }
}

fn course(world: &World, call: &Call, request: &PutRecords) -> Course {
    let count = request.records.len();
    let (store_after_ms, answer_after_ms) = (world.random(1, 40), world.random(1, 60));
    let fair = Course { stored: vec![true; count], store_after_ms, answer: None, answer_after_ms, is_reset: true };
    let nothing = || Course { stored: vec![false; count], answer: None, ..fair_like(store_after_ms, answer_after_ms) };
    if is_skewed(world, call) {
        let body = json!({"__type": "InvalidSignatureException", "message": "Signature expired"}).to_string();
        return Course { answer: Some((400, body)), ..nothing() };
    }
    let scripted = world.script.borrow_mut().pop_front();
    if let Some(stored) = scripted.filter(|stored| stored.len() == count) {
        let code = |is_stored: &bool| (!is_stored).then_some("ProvisionedThroughputExceededException");
        let codes: Vec<_> = stored.iter().map(code).collect();
        return Course { stored, answer: Some((200, answer(&codes))), ..fair };
    }
    let fault = fault_now(world, &request.stream_name);
    world.note(|| format!("{} gets {count} records, fault: {fault:?}", request.stream_name));
    let whole = || answer(&vec![None; count]);
    match fault {
        None => Course { answer: Some((200, whole())), ..fair },
        Some(PutFault::Partial) => partial(world, &fair),
        Some(PutFault::Refused(status, kind)) => {
            let body = if kind.is_empty() { "oops".to_owned() } else { json!({ "__type": kind }).to_string() };
            Course { answer: Some((status, body)), ..nothing() }
        }
        Some(PutFault::Lie) => lie(world, &fair),
        Some(PutFault::Cut) => {
            let text = whole();
            let cut: String = text.chars().take(world.rng.borrow_mut().below(text.len())).collect();
            Course { answer: Some((200, cut)), ..fair }
        }
        Some(PutFault::LateStored) => {
            let late = DEADLINE_MS + world.random(1, 60_000);
            Course { store_after_ms: late, answer: Some((200, whole())), ..fair }
        }
        Some(PutFault::LateLost) => {
            let body = "{}".to_owned();
            Course { answer: Some((500, body)), answer_after_ms: DEADLINE_MS + 1, ..nothing() }
        }
        Some(PutFault::Never) => Course { is_reset: false, ..nothing() },
        Some(PutFault::StoredThenReset) => fair,
        Some(PutFault::Reset) => nothing(),
    }
}

fn fair_like(store_after_ms: u64, answer_after_ms: u64) -> Course {
    Course { stored: Vec::new(), store_after_ms, answer: None, answer_after_ms, is_reset: true }
}

fn fault_now(world: &World, stream: &str) -> Option<PutFault> {
    let outage = world.outage(|outage| match outage.part {
        Part::Streams(None, fault) => Some(fault),
        Part::Streams(Some(portal), fault) => stream.split('-').any(|part| part == portal).then_some(fault),
        Part::Sends(_) | Part::Store => None,
    });
    outage.or_else(|| world.draw(&world.plan.puts))
}

/// Some of the records are refused: at least one.
fn partial(world: &World, fair: &Course) -> Course {
    let mut rng = world.rng.borrow_mut();
    let codes: Vec<Option<&str>> = fair
        .stored
        .iter()
        .map(|_| match rng.below(4) {
            0 => Some("ProvisionedThroughputExceededException"),
            1 => Some("InternalFailure"),
            _ => None,
        })
        .collect();
    let stored = codes.iter().map(Option::is_none).collect();
    Course { stored, answer: Some((200, answer(&codes))), ..fair_like(fair.store_after_ms, fair.answer_after_ms) }
}

/// Any records are stored, and the answer does not tell which.
fn lie(world: &World, fair: &Course) -> Course {
    let mut rng = world.rng.borrow_mut();
    let count = fair.stored.len();
    let stored = fair.stored.iter().map(|_| rng.is(500)).collect();
    let body = match rng.below(7) {
        0 => json!({"FailedRecordCount": 0}).to_string(),
        1 => json!({"FailedRecordCount": 0, "Records": []}).to_string(),
        2 => answer(&vec![None; count + 1 + rng.below(3)]),
        3 if count > 1 => answer(&vec![None; count - 1]),
        4 => json!({"FailedRecordCount": "none", "Records": vec![json!({}); count]}).to_string(),
        5 => json!({"FailedRecordCount": 0, "Records": vec![json!({"SequenceNumber": ""}); count]}).to_string(),
        _ => json!({"FailedRecordCount": 0, "Records": {"0": {"SequenceNumber": "1"}}}).to_string(),
    };
    Course { stored, answer: Some((200, body)), ..fair_like(fair.store_after_ms, fair.answer_after_ms) }
}

/// An answer that tells the truth of each record; its count of failures need not.
pub(crate) fn answer(codes: &[Option<&str>]) -> String {
    let record = |(index, code): (usize, Option<&str>)| match code {
        None => json!({"SequenceNumber": format!("49{index:018}"), "ShardId": "shardId-000000000000"}),
        Some(code) => json!({"ErrorCode": code, "ErrorMessage": "slow down"}),
    };
    let records: Vec<Value> = codes.iter().copied().enumerate().map(record).collect();
    json!({"FailedRecordCount": codes.iter().flatten().count(), "Records": records}).to_string()
}

/// Whether the service finds the signature's time too far from its own.
fn is_skewed(world: &World, call: &Call) -> bool {
    let date = call.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-date")).map(|(_, date)| date.as_str());
    let signed_at_ms = date.and_then(unix_ms).unwrap_or(0);
    signed_at_ms.abs_diff(world.now_ms()) > SIGNATURE_MS
}

/// `20261122T151500Z` as Unix milliseconds.
fn unix_ms(date: &str) -> Option<u64> {
    let part = |from: usize, to: usize| date.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    // Years that begin in March: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (days.checked_sub(719_468)? * 24 + part(9, 11)?) * 3_600 + part(11, 13)? * 60 + part(13, 15)?;
    Some(seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signatures_date_is_read() {
        assert_eq!(unix_ms("19700101T000000Z"), Some(0));
        assert_eq!(unix_ms("20261122T084320Z"), Some(1_795_337_000_000));
        assert_eq!(unix_ms("20240229T000001Z"), Some(1_709_164_801_000));
    }
}
