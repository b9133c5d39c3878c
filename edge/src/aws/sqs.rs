//! `SendMessage` of SQS as a value: the retry queue for those who would rather keep it at Amazon's.

use serde::{Deserialize, Serialize};

use crate::aws::kinesis::Call;
use crate::aws::sign::{self, Payload, Scope, Unsigned};
use crate::config::{Kinesis, Sqs};
use crate::error::{Error, Result};

/// Longest delay that SQS knows, seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
const DELAY_MAX_S: u32 = 900;
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
const TARGET: &str = "AmazonSQS.SendMessage";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    delay_seconds: u32,
}

/// A signed call that sends a text. Region and credentials are those of the streams.
///
/// # Errors
/// [`Error::Unavailable`] without credentials, or when the queue's URL is none.
pub fn send_message(sqs: &Sqs, kinesis: &Kinesis, text: &str, delay_s: u32, now_ms: u64) -> Result<Call> {
    let credentials = kinesis.credentials.as_ref().ok_or_else(|| Error::unavailable("no_credentials"))?;
    let host = host(&sqs.queue_url).ok_or_else(|| Error::unavailable("no_sqs_queue_url"))?;
    let scheme = if sqs.queue_url.starts_with("http://") { "http" } else { "https" };
    let url = format!("{scheme}://{host}/");
    let message_body = &admissible(text);
    let message = SendMessage { queue_url: &sqs.queue_url, message_body, delay_seconds: delay_s.min(DELAY_MAX_S) };
    let body = serde_json::to_string(&message).map_err(Error::unavailable)?;
    let own = [("content-type", CONTENT_TYPE), ("host", host), ("x-amz-target", TARGET)];
    let request = Unsigned { method: "POST", url: &url, headers: &own, body: Payload::Bytes(body.as_bytes()) };
    let mut headers = sign::sign(request, Scope { region: &kinesis.region, service: "sqs" }, credentials, now_ms)?;
    headers.extend(own.iter().filter(|(name, _)| *name != "host").map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Ok(Call { url, headers, body })
}

/// SQS takes the characters of XML 1.0 only. The two others that can stand in our JSON are written as escapes, which mean the same there.
fn admissible(text: &str) -> String {
    text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next().filter(|host| !host.is_empty())
}

/// Whether the answer confirms the message: a message id, nothing less.
#[must_use]
pub fn is_sent(status: u16, body: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Sent {
        message_id: String,
    }
    status == 200 && serde_json::from_str::<Sent>(body).is_ok_and(|sent| !sent.message_id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn config() -> Config {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            retry_queue: Some("sqs".to_owned()),
            sqs_queue_url: Some("http://127.0.0.1:9304/000000000000/pulso-retry".to_owned()),
            ..Environment::default()
        };
        Config::parse(environment).unwrap()
    }

    #[test]
    fn a_call_carries_its_text_and_signs_its_headers() {
        let config = config();
        let call = send_message(config.sqs.as_ref().unwrap(), &config.kinesis, "{}\n{\"a\":1}\n", 5_000, 1_795_337_005_301).unwrap();
        assert_eq!(call.url, "http://127.0.0.1:9304/");
        let body = r#"{"QueueUrl":"http://127.0.0.1:9304/000000000000/pulso-retry","MessageBody":"{}\n{\"a\":1}\n","DelaySeconds":900}"#;
        assert_eq!(call.body, body);
        let authorization = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str()).unwrap();
        assert!(authorization.contains("/sa-east-1/sqs/aws4_request"), "{authorization}");
    }

    #[test]
    fn what_xml_does_not_know_is_escaped_and_means_the_same() {
        let text = serde_json::to_string("a\u{fffe}b\u{ffff}\u{1}").unwrap();
        let sent = admissible(&text);
        assert!(!sent.contains(['\u{fffe}', '\u{ffff}', '\u{1}']));
        assert_eq!(serde_json::from_str::<String>(&sent).unwrap(), "a\u{fffe}b\u{ffff}\u{1}");
    }

    #[test]
    fn only_a_message_id_is_a_receipt() {
        assert!(is_sent(200, r#"{"MessageId":"a","MD5OfMessageBody":"b"}"#));
        for (status, body) in [(200, "{}"), (200, ""), (200, r#"{"MessageId":""}"#), (400, r#"{"MessageId":"a"}"#), (500, "")] {
            assert!(!is_sent(status, body), "{status} {body}");
        }
    }
}
