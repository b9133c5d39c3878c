//! Events as they come: through SNS, through EventBridge, out of an SQS queue that hears a topic, or what an earlier call left over.

use serde::Deserialize;
use serde_json::Value;

use crate::alarm::{Changed, Told};
use crate::news::{News, Turn, Urgency};
use crate::task::{Deployment, Task};

/// Messages of one event: SNS gives one, a queue ten.
const RECORDS_MAX: usize = 10;
/// Characters of a message that is not understood.
const UNKNOWN_CHARS_MAX: usize = 1_000;

/// Why an event cannot be told.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No JSON, or not an object.
    #[error("the event is no JSON object: {0}")]
    NotJson(String),
    /// More than SNS or a queue puts into one event.
    #[error("the event has {count} records, more than {RECORDS_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notification {
    message: String,
    #[serde(default)]
    topic_arn: String,
    #[serde(default)]
    message_id: String,
    subject: Option<String>,
}

/// What there is to tell of an event; nothing of what is neither the beginning nor the end of something. A message that nobody
/// understands is told as it is: somebody sent it to be heard.
///
/// # Errors
/// [`Error`].
pub fn read(event: &[u8]) -> Result<Vec<News>, Error> {
    let event: Value = serde_json::from_slice(event).map_err(|error| Error::NotJson(error.to_string()))?;
    if !event.is_object() {
        return Err(Error::NotJson("it is another value".to_owned()));
    }
    let Some(records) = event.get("Records").and_then(Value::as_array) else { return Ok(one(&event).into_iter().collect()) };
    if records.len() > RECORDS_MAX {
        return Err(Error::TooMany { count: records.len() });
    }
    Ok(records.iter().filter_map(record).collect())
}

fn record(record: &Value) -> Option<News> {
    if let Some(notification) = record.get("Sns") {
        return one(notification);
    }
    let body = record.get("body").and_then(Value::as_str).and_then(|body| serde_json::from_str(body).ok());
    body.map_or_else(|| Some(unknown(Urgency::Ticket, &record.to_string(), "")), |body: Value| one(&body))
}

/// One message, in SNS's wrapping or not.
fn one(event: &Value) -> Option<News> {
    let Ok(notification) = Notification::deserialize(event) else { return plain(event, Urgency::Ticket, "") };
    let urgency = Urgency::of_topic(&notification.topic_arn);
    match serde_json::from_str::<Value>(&notification.message) {
        Ok(inner) if inner.is_object() => plain(&inner, urgency, &notification.message_id),
        _ => {
            let subject = notification.subject.map(|subject| subject + ": ").unwrap_or_default();
            Some(unknown(urgency, &(subject + &notification.message), &notification.message_id))
        }
    }
}

fn plain(event: &Value, urgency: Urgency, id: &str) -> Option<News> {
    if let Ok(told) = Told::deserialize(event) {
        return told.news(urgency);
    }
    let detail = event.get("detail").cloned().unwrap_or_default();
    let news = match event.get("detail-type").and_then(Value::as_str) {
        Some("CloudWatch Alarm State Change") => serde_json::from_value(detail).map(Changed::news),
        Some("ECS Task State Change") => serde_json::from_value(detail).map(Task::news),
        Some("ECS Deployment State Change") => serde_json::from_value(detail).map(Deployment::news),
        _ => return Some(unknown(urgency, &event.to_string(), id)),
    };
    news.unwrap_or_else(|_| Some(unknown(urgency, &event.to_string(), id)))
}

fn unknown(urgency: Urgency, text: &str, id: &str) -> News {
    let text: String = text.chars().take(UNKNOWN_CHARS_MAX).collect();
    News {
        urgency,
        turn: Turn::Begun,
        name: "message".to_owned(),
        portal: None,
        since_ms: None,
        key: format!("message {}", if id.is_empty() { &text } else { id }),
        says: text,
        first: None,
        runbook: None,
        figures: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_understands_is_told_as_it_is() {
        let event = br#"{"Records":[{"EventSource":"aws:sns","Sns":{"TopicArn":"arn:aws:sns:us-east-1:1:pulso-page","MessageId":"m1","Subject":"AWS Budgets","Message":"80 % are spent"}}]}"#;
        let news = read(event).unwrap();
        assert_eq!((news[0].urgency, news[0].key.as_str()), (Urgency::Page, "message m1"));
        assert_eq!(news[0].says, "AWS Budgets: 80 % are spent");
        assert_eq!(read(br#"{"detail-type":"Scheduled Event","detail":{}}"#).unwrap()[0].name, "message");
        // An alarm without a name is none.
        assert_eq!(read(br#"{"detail-type":"CloudWatch Alarm State Change","detail":{}}"#).unwrap()[0].name, "message");
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        assert!(matches!(read(b"hello"), Err(Error::NotJson(_))) && matches!(read(b"[]"), Err(Error::NotJson(_))));
        let many = format!("{{\"Records\":[{}]}}", ["{}"; 11].join(","));
        assert_eq!(read(many.as_bytes()), Err(Error::TooMany { count: 11 }));
    }
}
