//! A flight of pages' records to their stream: sent, landed, and each seat told what became of it.

use wire::CollectAnswer;

use crate::answer::Answer;
use crate::aws::kinesis;
use crate::aws::sign::Payload;
use crate::cors;
use crate::delivery::lanes::{Claim, Seat};
use crate::delivery::stream::{self, Underway};
use crate::delivery::world::Reply;
use crate::delivery::{Holder, Parcel, Verdict};
use crate::error::Error;
use crate::platform::isolate::Isolate;
use crate::platform::{Env, memory};
use crate::salt::to_hex;

/// Longest body whose SHA-256 is made in wasm: what is longer the platform hashes faster, though it has to be waited for.
const HASHED_HERE_BYTES_MAX: usize = 8_192;

/// Names and values.
pub(crate) type Headers = Vec<(String, String)>;

/// What sending a flight begins with.
pub(crate) enum Departure {
    /// Somebody else has sent it.
    Gone,
    /// These bytes have to be put into the stream.
    Put {
        /// With these headers; `None`: [`sign`] makes them once the platform has hashed the bytes.
        headers: Option<Headers>,
        /// The bytes.
        body: String,
    },
    /// No call can be made now; [`finish`] does what is left.
    Finish,
}

/// What the page is told.
pub(crate) enum Told {
    /// Its events are safe: 202.
    Safe(CollectAnswer),
    /// They are not.
    Refused(Answer),
    /// Nobody knows: [`rescue`] makes the record safe.
    Unknown(Parcel, CollectAnswer),
    /// Nobody has sent the flight.
    Waiting,
}

/// Begins to send a flight.
pub(crate) fn depart(env: &Env, number: u32) -> Departure {
    let (Some(isolate), Some(parcels)) = (isolate(env), memory::with_lanes(|lanes| lanes.depart(number))) else { return Departure::Gone };
    let Some(underway) = Underway::start(&isolate, Holder::Page, parcels) else { return Departure::Gone };
    let body = underway.body(&isolate);
    memory::with_lanes(|lanes| lanes.keep(number, underway));
    let Some(body) = body else { return Departure::Finish };
    if body.len() > HASHED_HERE_BYTES_MAX {
        return Departure::Put { headers: None, body };
    }
    match stream::headers(&isolate, Payload::Bytes(body.as_bytes())) {
        Ok(headers) => Departure::Put { headers: Some(headers), body },
        Err(_) => Departure::Finish,
    }
}

/// Where the calls go.
pub(crate) fn url(env: &Env) -> String {
    memory::config(env).map(|config| kinesis::url(&config.kinesis)).unwrap_or_default()
}

/// The headers for bytes with this SHA-256.
pub(crate) fn sign(env: &Env, sha256: &[u8]) -> Option<Headers> {
    stream::headers(&isolate(env)?, Payload::Sha256(&to_hex(sha256))).ok()
}

/// What came of the call; whether every record is decided now, else [`finish`] has to follow.
pub(crate) fn land(env: &Env, number: u32, reply: Result<Reply, String>) -> bool {
    let (Some(isolate), Some(mut underway)) = (isolate(env), memory::with_lanes(|lanes| lanes.take(number))) else { return false };
    underway.landed(&isolate, reply);
    let verdicts = underway.verdicts().map(<[Verdict]>::to_vec);
    let is_decided = verdicts.is_some();
    memory::with_lanes(|lanes| match verdicts {
        Some(verdicts) => lanes.land(number, verdicts),
        None => lanes.keep(number, underway),
    });
    is_decided
}

/// Does what is left: another call, the retry queue.
pub(crate) async fn finish(env: Env, number: u32) {
    let (Some(isolate), Some(underway)) = (isolate(&env), memory::with_lanes(|lanes| lanes.take(number))) else { return };
    let verdicts = underway.finish(&isolate).await;
    memory::with_lanes(|lanes| lanes.land(number, verdicts));
}

/// What became of a seat.
pub(crate) fn claim(env: &Env, seat: Seat, origin: Option<&str>) -> Told {
    match memory::with_lanes(|lanes| lanes.claim(seat)) {
        Claim::Decided(verdict, answer) => told(env, verdict, answer, origin),
        Claim::Unknown(parcel, answer) => Told::Unknown(parcel, answer),
        Claim::Waiting => Told::Waiting,
        Claim::Gone => Told::Refused(unavailable(env, "no_verdict", origin)),
    }
}

/// Puts a record into the retry queue whose flight nobody came back from. It may be in the stream as well: readers find it by its event ids.
pub(crate) async fn rescue(env: Env, parcel: Parcel, answer: CollectAnswer, origin: Option<String>) -> Told {
    let Some(isolate) = isolate(&env) else { return Told::Refused(unavailable(&env, "no_verdict", origin.as_deref())) };
    let verdict = stream::enqueue_unknown(&isolate, parcel).await;
    told(&env, verdict, answer, origin.as_deref())
}

fn told(env: &Env, verdict: Verdict, answer: CollectAnswer, origin: Option<&str>) -> Told {
    match verdict {
        Verdict::Safe => Told::Safe(answer),
        Verdict::Kept { reason, .. } => Told::Refused(unavailable(env, &reason, origin)),
    }
}

fn unavailable(env: &Env, cause: &str, origin: Option<&str>) -> Answer {
    let answer = super::refuse(&Error::unavailable(cause));
    match memory::config(env) {
        Ok(config) => answer.with_all(cors::headers(&config, origin)),
        Err(_) => answer,
    }
}

fn isolate(env: &Env) -> Option<Isolate> {
    memory::config(env).ok().map(|config| Isolate::new(env, &config))
}
