//! What the handlers of a page's POST say, as JavaScript values for `page.js`.

use std::panic::AssertUnwindSafe;

use worker::js_sys::{Array, Promise};
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::future_to_promise;

use super::{Env, http, transport};
use crate::answer::Answer;
use crate::delivery::lanes::{FOLLOWER_DEADLINE_MS, GATHER_MAX_MS, Role};
use crate::handle::flight::{Departure, Headers, Told, rescue};
use crate::handle::pageview::{Boarded, keep};

/// What the shell waits at most, milliseconds: for the flight before, for a leader, for Kinesis.
pub(crate) fn deadlines_ms() -> Vec<u32> {
    [GATHER_MAX_MS, FOLLOWER_DEADLINE_MS].iter().filter_map(|ms| u32::try_from(*ms).ok()).chain([transport::DEADLINE_MS]).collect()
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

pub(crate) fn boarded(boarded: Boarded, env: Env) -> JsValue {
    match boarded {
        Boarded::Unprepared => JsValue::UNDEFINED,
        Boarded::Refused(answer, letter) => {
            let keeping = letter.map(|letter| done(keep(env, letter)));
            Array::of2(&response(answer), &keeping.map_or(JsValue::UNDEFINED, JsValue::from)).into()
        }
        Boarded::Seated(seat, role) => {
            let (leads, after) = match role {
                Role::Follow => (false, 0),
                Role::Lead { after } => (true, after.unwrap_or(0)),
            };
            Array::of4(&seat.flight.into(), &u32::try_from(seat.index).unwrap_or(u32::MAX).into(), &leads.into(), &after.into()).into()
        }
    }
}

pub(crate) fn departure(departure: Departure) -> JsValue {
    match departure {
        Departure::Gone => JsValue::UNDEFINED,
        Departure::Finish => Array::new().into(),
        Departure::Put { url, headers, body } => Array::of3(&url.into(), &self::headers(headers), &transport::bytes(&body)).into(),
    }
}

pub(crate) fn headers(headers: Option<Headers>) -> JsValue {
    headers.map_or(JsValue::UNDEFINED, |headers| transport::pairs(&headers).into())
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
