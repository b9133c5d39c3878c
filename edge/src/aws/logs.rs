//! `PutLogEvents` of CloudWatch Logs as a value.

use serde::Serialize;

use crate::aws::kinesis::Call;
use crate::aws::sign::{self, Payload, Scope, Unsigned};
use crate::config::Kinesis;
use crate::error::{Error, Result};
use crate::timeline::Line;

/// Group and stream that `backend/infra/logs.yaml` makes: the worker's key may put lines there and make nothing.
const GROUP: &str = "/pulso/edge";
const STREAM: &str = "worker";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: &str = "Logs_20140328.PutLogEvents";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the words of the service")]
struct PutLogEvents<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Serialize)]
struct LogEvent<'a> {
    timestamp: u64,
    message: &'a str,
}

/// A signed call with lines in the order of their time, far below its limits of 10,000 lines and a megabyte
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>).
///
/// # Errors
/// [`Error::Unavailable`] without credentials, or when the endpoint is no address.
pub fn put_log_events(endpoint: &str, kinesis: &Kinesis, lines: &[Line], now_ms: u64) -> Result<Call> {
    let credentials = kinesis.credentials.as_ref().ok_or_else(|| Error::unavailable("no_credentials"))?;
    let host = endpoint.split_once("://").map_or("", |(_, host)| host);
    let url = format!("{endpoint}/");
    let log_events = lines.iter().map(|line| LogEvent { timestamp: line.at_ms, message: &line.text }).collect();
    let put = PutLogEvents { log_group_name: GROUP, log_stream_name: STREAM, log_events };
    let body = serde_json::to_string(&put).map_err(Error::unavailable)?;
    let own = [("content-type", CONTENT_TYPE), ("host", host), ("x-amz-target", TARGET)];
    let request = Unsigned { method: "POST", url: &url, headers: &own, body: Payload::Bytes(body.as_bytes()) };
    let mut headers = sign::sign(request, Scope { region: &kinesis.region, service: "logs" }, credentials, now_ms)?;
    headers.extend(own.iter().filter(|(name, _)| *name != "host").map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(Call { url, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn a_call_says_its_lines_and_is_signed_for_the_service() {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            cloudwatch_endpoint: Some(String::new()),
            ..Environment::default()
        };
        let config = Config::parse(environment).unwrap();
        let lines = [Line { at_ms: 1_795_337_005_000, text: r#"{"event":"dead_letter"}"#.to_owned() }];
        let endpoint = config.cloudwatch.as_ref().map(|cloudwatch| cloudwatch.logs.as_str()).unwrap();
        let call = put_log_events(endpoint, &config.kinesis, &lines, 1_795_337_005_301).unwrap();
        assert_eq!(call.url, "https://logs.sa-east-1.amazonaws.com/");
        let event = r#"{"timestamp":1795337005000,"message":"{\"event\":\"dead_letter\"}"}"#;
        assert_eq!(call.body, format!(r#"{{"logGroupName":"/pulso/edge","logStreamName":"worker","logEvents":[{event}]}}"#));
        let authorization = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str()).unwrap();
        assert!(authorization.contains("/sa-east-1/logs/aws4_request"), "{authorization}");
    }
}
