//! What the handlers of a page's POST say, as JavaScript values for `page.js`.

use std::panic::AssertUnwindSafe;

use worker::js_sys::{Array, Promise};
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

use super::{Env, http, transport};
use crate::answer::Answer;
use crate::delivery::lanes::{FOLLOWER_DEADLINE_MS, GATHER_MAX_MS, Seat};
use crate::handle::flight::{Departure, Headers, Told, rescue};
use crate::handle::pageview::{Boarded, Place, keep, prepare};
use crate::limit::Kind;

/// What a seat has to do, as `page.js` knows it.
const ALONE: u32 = 0;
const LEAD: u32 = 1;
const LEAD_AFTER: u32 = 2;
const FOLLOW: u32 = 3;

/// Where calls go, and what the shell waits at most, milliseconds: for the flight before, for a leader, for Kinesis.
pub(crate) fn settings(url: &str) -> Array {
    let waits = [GATHER_MAX_MS, FOLLOWER_DEADLINE_MS, transport::DEADLINE_MS];
    [JsValue::from(url)].into_iter().chain(waits.map(JsValue::from)).collect()
}

/// The limits that were asked about, as the shell keeps them meanwhile.
const ASKED: [(u32, Kind); 2] = [(1, Kind::Post), (2, Kind::Visitor)];

fn bit(kind: Kind) -> u32 {
    ASKED.iter().filter(|(_, known)| *known == kind).map(|(bit, _)| bit).sum()
}

/// The limits that these bits say.
pub(crate) fn asked(bits: u32) -> Vec<Kind> {
    ASKED.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, kind)| *kind).collect()
}

/// The promise of something that only has to be done.
pub(crate) fn done(work: impl Future<Output = ()> + 'static) -> Promise {
    promise(async move {
        work.await;
        JsValue::UNDEFINED
    })
}

/// A panic rejects the promise. What it left half done is for `__wbg_reset_state` only after a trap: our memory has no invariant across awaits.
fn promise(work: impl Future<Output = JsValue> + 'static) -> Promise {
    future_to_promise(AssertUnwindSafe(async move { Ok(work.await) }))
}

pub(crate) fn boarded(boarded: Boarded, env: Env, lines: &str) -> JsValue {
    match boarded {
        Boarded::Later(first) => {
            let preparing = prepare(env, lines.to_owned(), first);
            let prepared = async move {
                match preparing.await {
                    Ok(kind) => kind.map_or(0, bit).into(),
                    Err(answer) => response(answer),
                }
            };
            promise(prepared).into()
        }
        Boarded::Refused(answer, letter) => {
            let keeping = letter.map(|letter| done(keep(env, letter)));
            Array::of2(&response(answer), &keeping.map_or(JsValue::UNDEFINED, JsValue::from)).into()
        }
        Boarded::Seated(seat, Place::Alone(departure)) => seated(seat, ALONE, &departure_of(departure)),
        Boarded::Seated(seat, Place::Lead(departure)) => seated(seat, LEAD, &departure_of(departure)),
        Boarded::Seated(seat, Place::LeadAfter(flight)) => seated(seat, LEAD_AFTER, &flight.into()),
        Boarded::Seated(seat, Place::Follow) => seated(seat, FOLLOW, &JsValue::UNDEFINED),
    }
}

fn seated(seat: Seat, role: u32, given: &JsValue) -> JsValue {
    Array::of4(&seat.flight.into(), &u32::try_from(seat.index).unwrap_or(u32::MAX).into(), &role.into(), given).into()
}

pub(crate) fn departure_of(departure: Departure) -> JsValue {
    match departure {
        Departure::Gone => JsValue::UNDEFINED,
        Departure::Finish => Array::new().into(),
        Departure::Put { headers, body } => Array::of2(&self::headers(headers), &transport::bytes(&body)).into(),
    }
}

pub(crate) fn headers(headers: Option<Headers>) -> JsValue {
    headers.map_or(JsValue::UNDEFINED, |headers| transport::lines(&headers).into())
}

pub(crate) fn told(told: Told, env: Env, origin: Option<String>) -> JsValue {
    match told {
        Told::Waiting => JsValue::UNDEFINED,
        Told::Safe(answer) => accepted(&answer),
        Told::Refused(answer) => response(answer),
        Told::Unknown(parcel, answer) => {
            let later = async move {
                match rescue(env, parcel, answer, origin).await {
                    Told::Safe(answer) => accepted(&answer),
                    Told::Refused(answer) => response(answer),
                    Told::Unknown(..) | Told::Waiting => JsValue::UNDEFINED,
                }
            };
            promise(later).into()
        }
    }
}

fn accepted(answer: &wire::CollectAnswer) -> JsValue {
    serde_json::to_string(answer).unwrap_or_default().into()
}

fn response(answer: Answer) -> JsValue {
    http::respond(answer).map_or(JsValue::UNDEFINED, |response| JsValue::from(worker::web_sys::Response::from(response)))
}
