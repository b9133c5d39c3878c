//! What Kinesis says, truly or not.

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::whole;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// 200 with this text.
pub(crate) fn ok(text: impl Into<Bytes>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], whole(text)).into_response()
}

/// A refusal: AWS's error body, or what a load balancer says.
pub(crate) fn refusal(status: u16, code: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match code {
        Some(code) => {
            let text = json!({ "__type": format!("com.amazonaws.kinesis.v20131202#{code}"), "message": "injected" }).to_string();
            (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], whole(text)).into_response()
        }
        None => (status, [(header::CONTENT_TYPE, "text/html")], whole("<html><body>Service Unavailable</body></html>")).into_response(),
    }
}

/// The records of a request.
pub(crate) fn records(request: &Value) -> Vec<Value> {
    request.get("Records").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The stream of a request.
pub(crate) fn stream_of(request: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(request).ok()?;
    Some(request.get("StreamName")?.as_str()?.to_owned())
}

/// A `GetRecords` that asks for one record.
pub(crate) fn of_one(request: &[u8]) -> anyhow::Result<Bytes> {
    let mut request: Value = serde_json::from_slice(request)?;
    if let Some(request) = request.as_object_mut() {
        request.insert("Limit".to_owned(), json!(1));
    }
    Ok(request.to_string().into())
}

/// What Kinesis says when it has stored this many records.
pub(crate) fn success(count: usize) -> Value {
    json!({ "FailedRecordCount": 0, "Records": vec![stored(); count] })
}

/// An entry of a stored record.
pub(crate) fn stored() -> Value {
    json!({ "SequenceNumber": "49600000000000000000000000000000000000000000000000000001", "ShardId": "shardId-000000000000" })
}

/// An entry of a failed record.
pub(crate) fn failed(code: &str) -> Value {
    json!({ "ErrorCode": code, "ErrorMessage": "injected" })
}

/// Which of n records fail when k do: spread over the batch.
pub(crate) fn is_failed(index: usize, failures: usize, count: usize) -> bool {
    // 7 and n have no common divisor but 1 or 7, so that not only neighbours fail.
    let step = if count.is_multiple_of(7) { 1 } else { 7 };
    (index * step) % count.max(1) < failures
}

/// The answer to a call of which some were failed by us and the others passed on.
pub(crate) fn merged(count: usize, failures: usize, code: impl Fn(usize) -> String, passed: &[Value], is_honest: bool) -> Value {
    let mut passed = passed.iter();
    let entries: Vec<Value> = (0..count)
        .map(|index| {
            if is_failed(index, failures, count) {
                failed(&code(index))
            } else {
                // Fewer answers than records: the stand-in itself failed.
                passed.next().cloned().unwrap_or_else(|| failed("InternalFailure"))
            }
        })
        .collect();
    json!({ "FailedRecordCount": if is_honest { failures } else { 0 }, "Records": entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_of_n_fail_for_every_k_and_n() {
        for count in 1..=30 {
            for failures in 1..=count {
                assert_eq!((0..count).filter(|index| is_failed(*index, failures, count)).count(), failures, "{failures} of {count}");
            }
        }
    }

    #[test]
    fn the_stream_of_a_call_is_known() {
        assert_eq!(stream_of(br#"{"Records":[],"StreamName":"s"}"#).as_deref(), Some("s"));
        assert_eq!(stream_of(b"?"), None);
    }

    #[test]
    fn a_slow_read_asks_for_one_record() {
        assert_eq!(of_one(br#"{"Limit":10000,"ShardIterator":"i"}"#).unwrap(), r#"{"Limit":1,"ShardIterator":"i"}"#);
    }

    #[test]
    fn the_forged_answer_has_an_entry_per_record() {
        let answer = success(2);
        assert_eq!(answer["Records"].as_array().unwrap().len(), 2);
        assert_eq!(answer["FailedRecordCount"], 0);
    }

    #[test]
    fn a_merged_answer_keeps_the_order() {
        let answer = merged(3, 1, |_| "Slow".to_owned(), &[json!({"SequenceNumber":"1"}), json!({"SequenceNumber":"2"})], true);
        assert_eq!(answer["Records"][0]["ErrorCode"], "Slow");
        assert_eq!((&answer["Records"][1]["SequenceNumber"], &answer["Records"][2]["SequenceNumber"]), (&json!("1"), &json!("2")));
        assert_eq!(answer["FailedRecordCount"], 1);
    }
}
