//! `PutRecords` as a value, and what became of each record.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::aws::sign::{self, Payload, Scope, Unsigned};
use crate::config::Kinesis;
use crate::error::{Error, Result};

/// Most records of one call (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>).
pub const RECORDS_MAX: usize = 500;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "Kinesis_20131202.PutRecords";
/// Longest reason that travels on, in characters; it comes from outside.
const REASON_CHARS_MAX: usize = 64;

/// A signed `POST`, ready for the transport.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_debug_implementations, reason = "holds readers' records and a signature")]
pub struct Call {
    /// Absolute URL.
    pub url: String,
    /// Headers, without `host`, which the transport writes itself.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The stream has it: it got a sequence number.
    Stored,
    /// It was refused, or nobody knows.
    Failed {
        /// A code, no free text.
        reason: String,
    },
}

impl Outcome {
    /// A failure with a short code.
    #[must_use]
    pub fn failed(reason: &str) -> Self {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        Self::Failed { reason: reason.chars().filter(is_plain).take(REASON_CHARS_MAX).collect() }
    }
}

/// A signed call that puts `(partition key, data)` records into a stream.
///
/// # Errors
/// [`Error::Unavailable`] without credentials or with more than [`RECORDS_MAX`] records.
pub fn put_records<'a>(kinesis: &Kinesis, stream: &str, records: impl Iterator<Item = (&'a str, &'a str)>, now_ms: u64) -> Result<Call> {
    let body = body(stream, records.collect())?;
    let headers = headers(kinesis, Payload::Bytes(body.as_bytes()), now_ms)?;
    Ok(Call { url: url(kinesis), headers, body })
}

/// Where calls go.
#[must_use]
pub fn url(kinesis: &Kinesis) -> String {
    format!("{}/", kinesis.endpoint)
}

/// The headers of a `PutRecords` with this body, signed.
///
/// # Errors
/// [`Error::Unavailable`] without credentials.
pub fn headers(kinesis: &Kinesis, body: Payload<'_>, now_ms: u64) -> Result<Vec<(String, String)>> {
    let credentials = kinesis.credentials.as_ref().ok_or_else(|| Error::unavailable("no_credentials"))?;
    let host = kinesis.endpoint.split_once("://").map_or("", |(_, host)| host);
    let own = [("content-type", CONTENT_TYPE), ("host", host), ("x-amz-target", TARGET)];
    let request = Unsigned { method: "POST", url: &url(kinesis), headers: &own, body };
    let mut headers = sign::sign(request, Scope { region: &kinesis.region, service: "kinesis" }, credentials, now_ms)?;
    headers.extend(own.iter().filter(|(name, _)| *name != "host").map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(headers)
}

/// The body of a `PutRecords`. Written in one go: a serialiser would look at every character of the base64 for what has to be escaped.
///
/// # Errors
/// [`Error::Unavailable`] with more than [`RECORDS_MAX`] records.
pub fn body(stream: &str, records: Vec<(&str, &str)>) -> Result<String> {
    if records.len() > RECORDS_MAX {
        return Err(Error::unavailable("too_many_records"));
    }
    let quoted = |text: &str| serde_json::to_string(text).map_err(Error::unavailable);
    let bytes = records.iter().map(|(key, data)| data.len() / 3 * 4 + key.len() + ENTRY_BYTES).sum::<usize>();
    let mut body = String::with_capacity(bytes + stream.len() + ENTRY_BYTES);
    body.push_str("{\"StreamName\":");
    body.push_str(&quoted(stream)?);
    body.push_str(",\"Records\":[");
    for (number, (key, data)) in records.into_iter().enumerate() {
        body.push_str(if number == 0 { "{\"Data\":\"" } else { ",{\"Data\":\"" });
        STANDARD.encode_string(data, &mut body);
        body.push_str("\",\"PartitionKey\":");
        body.push_str(&quoted(key)?);
        body.push('}');
    }
    body.push_str("]}");
    Ok(body)
}

/// Room for what stands around a record.
const ENTRY_BYTES: usize = 48;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    records: Vec<EntryAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryAnswer {
    sequence_number: Option<String>,
    error_code: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "__type")]
    kind: Option<String>,
}

/// What became of each of `count` records. The usual failure is a 200 in which some records failed;
/// only a sequence number is a success, everything unclear is a failure.
#[must_use]
pub fn outcomes(count: usize, status: u16, body: &str) -> Vec<Outcome> {
    if status != 200 {
        return vec![Outcome::failed(&fault(status, body)); count];
    }
    let Ok(answer) = serde_json::from_str::<Answer>(body) else { return vec![Outcome::failed("unreadable_answer"); count] };
    if answer.records.len() != count {
        return vec![Outcome::failed("wrong_count"); count];
    }
    answer.records.iter().map(outcome).collect()
}

fn outcome(entry: &EntryAnswer) -> Outcome {
    match (&entry.sequence_number, &entry.error_code) {
        (Some(number), None) if !number.is_empty() => Outcome::Stored,
        (_, Some(code)) => Outcome::failed(code),
        _ => Outcome::failed("no_sequence_number"),
    }
}

/// `com.amazonaws.kinesis#ResourceNotFoundException`, or the status when the body names no fault.
fn fault(status: u16, body: &str) -> String {
    let kind = serde_json::from_str::<Fault>(body).ok().and_then(|fault| fault.kind);
    kind.and_then(|kind| kind.rsplit('#').next().map(str::to_owned)).unwrap_or_else(|| format!("status_{status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn failed(reason: &str) -> Outcome {
        Outcome::Failed { reason: reason.to_owned() }
    }

    fn kinesis() -> Kinesis {
        let environment = Environment {
            kinesis_endpoint: Some("http://127.0.0.1:9304/".to_owned()),
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            ..Environment::default()
        };
        Config::parse(environment).unwrap().kinesis
    }

    #[test]
    fn a_call_carries_its_records_and_signs_its_headers() {
        let call = put_records(&kinesis(), "pulso-g1-events", [("k", "{}\n")].into_iter(), 1_795_337_005_301).unwrap();
        assert_eq!(call.url, "http://127.0.0.1:9304/");
        assert_eq!(call.body, r#"{"StreamName":"pulso-g1-events","Records":[{"Data":"e30K","PartitionKey":"k"}]}"#);
        let header = |name: &str| call.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(header("x-amz-target"), Some(TARGET));
        assert_eq!(header("host"), None);
        assert!(header("authorization").unwrap().contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"));
        assert!(header("authorization").unwrap().contains("/20261122/sa-east-1/kinesis/aws4_request"));
    }

    #[test]
    fn nothing_leaves_without_credentials() {
        let kinesis = Kinesis { credentials: None, ..kinesis() };
        assert!(put_records(&kinesis, "s", [("k", "x")].into_iter(), 1).is_err());
    }

    #[test]
    fn a_success_may_hold_failures() {
        let body = r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"49","ShardId":"shardId-0"},
            {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow down"},{"SequenceNumber":null,"ErrorCode":null}]}"#;
        let expected = [Outcome::Stored, failed("ProvisionedThroughputExceededException"), failed("no_sequence_number")];
        assert_eq!(outcomes(3, 200, body), expected);
    }

    #[test]
    fn what_is_unclear_is_a_failure() {
        for (count, status, body, reason) in [
            (1, 400, r#"{"__type":"com.amazonaws#ResourceNotFoundException","message":"x"}"#, "ResourceNotFoundException"),
            (1, 500, "oops", "status_500"),
            (1, 200, "<html>", "unreadable_answer"),
            (1, 200, "{}", "wrong_count"),
            (2, 200, r#"{"Records":[{"SequenceNumber":"1"}]}"#, "wrong_count"),
            (1, 200, r#"{"Records":[{"SequenceNumber":""}]}"#, "no_sequence_number"),
            (1, 400, "{\"__type\":\"a\\nforged log line\"}", "aforgedlogline"),
        ] {
            assert_eq!(outcomes(count, status, body), vec![failed(reason); count], "{body}");
        }
    }
}
