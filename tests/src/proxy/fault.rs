//! Doing it: one function per family of faults.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use crate::connection::Cut;
use crate::plan::Fault;
use crate::{Proxy, answer};

/// What never comes comes after this long, so that nothing is held for good.
const NEVER: Duration = Duration::from_mins(2);
/// Kinesis refuses what is signed further away from its clock.
const CLOCK_TOLERANCE_S: i64 = 300;
const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// Does the fault to the call.
pub(crate) async fn inject(proxy: &Arc<Proxy>, fault: &Fault, parts: Parts, body: Bytes, cut: Cut) -> Result<Response> {
    if let Fault::Clock { ahead_s } = fault {
        return clock(proxy, fault, *ahead_s, parts, body).await;
    }
    proxy.with_tally(|tally| tally.inject(&fault.name()));
    match fault {
        Fault::Status { status, code } => Ok(answer::refusal(*status, code.as_deref())),
        Fault::Partial { codes } => partial(proxy, codes, true, parts, body).await,
        Fault::HiddenFailures => partial(proxy, &[THROTTLED.to_owned()], false, parts, body).await,
        Fault::ShortList | Fault::LongList | Fault::NoList | Fault::Truncated | Fault::NotJson => {
            let text = proxy.apply(parts, body).await?.body;
            Ok(answer::ok(distorted(fault, &text)))
        }
        Fault::Silent { is_applied } => {
            if *is_applied {
                proxy.apply(parts, body).await?;
            }
            tokio::time::sleep(NEVER).await;
            Ok(StatusCode::GATEWAY_TIMEOUT.into_response())
        }
        Fault::Endless { is_applied } => {
            let text = if *is_applied { proxy.apply(parts, body).await?.body } else { answer::success(1).to_string().into() };
            Ok(halved(&text, Ending::Never))
        }
        Fault::Trickle => Ok(trickled(proxy.apply(parts, body).await?.body)),
        Fault::ResetBeforeBody | Fault::ResetBeforeApply => Ok(reset(&cut)),
        Fault::ResetDuringApply => {
            let applying = Arc::clone(proxy);
            // What it answers nobody hears.
            tokio::spawn(async move { applying.apply(parts, body).await });
            Ok(reset(&cut))
        }
        Fault::ResetAfterApply => {
            proxy.apply(parts, body).await?;
            Ok(reset(&cut))
        }
        Fault::ResetMidAnswer => Ok(halved(&proxy.apply(parts, body).await?.body, Ending::Reset(cut))),
        Fault::Clock { .. } => Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Fault::Drop => {
            let count = answer::records(&serde_json::from_slice(&body)?).len();
            Ok(answer::ok(answer::success(count).to_string()))
        }
    }
}

/// Never written: the connection is gone before.
fn reset(cut: &Cut) -> Response {
    cut.cut();
    StatusCode::BAD_GATEWAY.into_response()
}

/// Passes on all records but k of n. The body changes, so that the signature no longer fits it: the stand-in has to
/// believe the caller, which is the plan's `pass_as`, or not ask for signatures.
async fn partial(proxy: &Arc<Proxy>, codes: &[String], is_honest: bool, mut parts: Parts, body: Bytes) -> Result<Response> {
    let mut request: Value = serde_json::from_slice(&body)?;
    let records = answer::records(&request);
    let count = records.len();
    let calls = proxy.with_tally(|tally| tally.injected.values().sum::<u64>());
    let failures = 1 + usize::try_from(calls).unwrap_or(0) % count.max(1);
    let kept: Vec<Value> = records
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !answer::is_failed(*index, failures, count))
        .map(|(_, record)| record)
        .collect();
    let mut passed = Vec::new();
    if !kept.is_empty() {
        if let Some(records) = request.get_mut("Records") {
            *records = Value::Array(kept);
        }
        crate::upstream::rename_caller(&mut parts.headers, "test")?;
        let reply = proxy.apply(parts, request.to_string().into()).await?;
        passed = answer::records(&serde_json::from_slice(&reply.body).unwrap_or_default());
    }
    let code = |index: usize| codes.get(index % codes.len().max(1)).cloned().unwrap_or_else(|| THROTTLED.to_owned());
    Ok(answer::ok(answer::merged(count, failures, code, &passed, is_honest).to_string()))
}

/// An answer that does not tell how many records are stored.
fn distorted(fault: &Fault, text: &Bytes) -> Bytes {
    let mut said: Value = serde_json::from_slice(text).unwrap_or_default();
    if let Some(entries) = said.get_mut("Records").and_then(Value::as_array_mut) {
        match fault {
            Fault::ShortList => drop(entries.pop()),
            Fault::LongList => entries.push(answer::stored()),
            _ => {}
        }
    }
    match fault {
        Fault::ShortList | Fault::LongList => said.to_string().into(),
        Fault::NoList => Bytes::from_static(br#"{"FailedRecordCount":0}"#),
        Fault::NotJson => Bytes::from_static(b"<html><body>200 OK</body></html>"),
        _ => text.slice(..text.len() / 2),
    }
}

enum Ending {
    Never,
    Reset(Cut),
}

/// Half of an answer that announces the whole.
fn halved(text: &Bytes, ending: Ending) -> Response {
    let half = text.slice(..text.len() / 2);
    let rest = async move {
        match ending {
            Ending::Never => tokio::time::sleep(NEVER).await,
            Ending::Reset(cut) => {
                // Long enough for the first half to be on its way.
                tokio::time::sleep(Duration::from_millis(20)).await;
                cut.cut();
            }
        }
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let chunks = stream::StreamExt::chain(stream::iter([Ok(half)]), stream::once(rest));
    announced(text.len(), Body::from_stream(chunks))
}

fn trickled(text: Bytes) -> Response {
    let length = text.len();
    let chunks = stream::unfold(0, move |position| {
        let byte = (position < text.len()).then(|| text.slice(position..=position));
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            byte.map(|byte| (Ok::<_, std::io::Error>(byte), position + 1))
        }
    });
    announced(length, Body::from_stream(chunks))
}

fn announced(length: usize, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Kinesis with another clock: it refuses what was signed too far away, and its `Date` tells what it takes for now.
async fn clock(proxy: &Arc<Proxy>, fault: &Fault, ahead_s: i64, parts: Parts, body: Bytes) -> Result<Response> {
    let now_s = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())? + ahead_s;
    let is_refused = signed_at_s(&parts.headers).is_none_or(|signed_s| (signed_s - now_s).abs() > CLOCK_TOLERANCE_S);
    let mut response = if is_refused {
        proxy.with_tally(|tally| tally.inject(&fault.name()));
        answer::refusal(400, Some("RequestTimeTooSkewed"))
    } else {
        proxy.apply(parts, body).await?.into_response()
    };
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now_s)?));
    response.headers_mut().insert(header::DATE, HeaderValue::from_str(&date)?);
    Ok(response)
}

/// `x-amz-date`, e.g. `20261122T184523Z`, as Unix seconds.
fn signed_at_s(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get("x-amz-date")?.to_str().ok()?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // Days since 1970 in the proleptic Gregorian calendar, the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + number(9, 11)? * 3_600 + number(11, 13)? * 60 + number(13, 15)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_time_is_read() {
        for (text, seconds) in [("19700101T000000Z", 0), ("20261122T184523Z", 1_795_373_123), ("20240229T235959Z", 1_709_251_199)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-date", HeaderValue::from_static(text));
            assert_eq!(signed_at_s(&headers), Some(seconds), "{text}");
        }
    }

    #[test]
    fn distorted_answers_differ_from_the_true_one() {
        let text = Bytes::from(answer::success(2).to_string());
        let entries = |fault| serde_json::from_slice::<Value>(&distorted(&fault, &text)).map(|said| answer::records(&said).len()).ok();
        assert_eq!(entries(Fault::ShortList), Some(1));
        assert_eq!(entries(Fault::LongList), Some(3));
        assert_eq!(entries(Fault::NoList), Some(0));
        assert_eq!(entries(Fault::Truncated), None);
        assert_eq!(entries(Fault::NotJson), None);
    }
}
