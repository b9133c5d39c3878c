//! What people read: a subject, an e-mail, an SMS, a message for a webhook.

use serde_json::{Value, json};

use crate::news::{News, Turn, Urgency};
use crate::{chat, moment, sms};

/// SNS refuses a subject of 100 characters and more, and one that is not ASCII
/// (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).
const SUBJECT_CHARS_MAX: usize = 99;
/// Far below the 256 KB of SNS; a description has 1,024 characters at most.
const EMAIL_CHARS_MAX: usize = 8_000;
/// Columns of the names of figures.
const NAME_WIDTH: usize = 11;

/// The same news, for each way to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Of the e-mail: ASCII, one line, below 100 characters.
    pub subject: String,
    /// The e-mail.
    pub email: String,
    /// One segment of an SMS.
    pub sms: String,
    /// For a webhook: Slack's `text`, and fields.
    pub webhook: Value,
    /// Who has to hear it.
    pub urgency: Urgency,
}

impl Message {
    /// In words.
    #[must_use]
    pub fn of(news: &News) -> Self {
        Self { subject: subject(news), email: email(news), sms: sms::text(news), webhook: chat::message(news), urgency: news.urgency }
    }

    /// The body of an SNS message with `MessageStructure` `json`: each protocol takes its own; who knows none takes the e-mail.
    #[must_use]
    pub fn to_sns(&self) -> String {
        json!({ "default": self.email, "email": self.email, "sms": self.sms }).to_string()
    }
}

/// `PAGE`, `ticket` or `over`.
pub(crate) const fn word(news: &News) -> &'static str {
    match (news.turn, news.urgency) {
        (Turn::Over, _) => "over",
        (Turn::Begun, Urgency::Page) => "PAGE",
        (Turn::Begun, Urgency::Ticket) => "ticket",
        (Turn::Begun, Urgency::Note) => "note",
    }
}

fn subject(news: &News) -> String {
    let portal = news.portal.as_ref().map(|portal| format!(", portal {portal}")).unwrap_or_default();
    let text = format!("Pulso {}: {}{portal}", word(news), news.name);
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(SUBJECT_CHARS_MAX).collect()
}

fn email(news: &News) -> String {
    let portal = news.portal.as_ref().map(|portal| format!(", portal {portal}")).unwrap_or_default();
    let mut lines = vec![format!("{}: {}{portal}", word(news), news.name), String::new()];
    if news.turn == Turn::Over {
        lines.push("It is well again. What it was:".to_owned());
    }
    lines.extend([news.says.clone(), String::new()]);
    let row = |name: &str, value: &str| format!("{name:<NAME_WIDTH$} {value}");
    if let Some(at_ms) = news.since_ms {
        lines.push(row("Since", &format!("{} in São Paulo, {}", moment::sao_paulo(at_ms), moment::utc(at_ms))));
    }
    lines.extend(news.figures.iter().map(|(name, value)| row(name, value)));
    if let Some(first) = news.first.as_ref().filter(|_| news.turn == Turn::Begun) {
        lines.extend([String::new(), format!("First: {first}")]);
    }
    if let Some(runbook) = &news.runbook {
        lines.push(format!("Runbook: {runbook}"));
    }
    lines.push(String::new());
    lines.join("\n").chars().take(EMAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        let news = News {
            urgency: Urgency::Page,
            turn: Turn::Begun,
            name: "não\nvai ".to_owned() + &"x".repeat(200),
            portal: Some("g1".to_owned()),
            since_ms: None,
            says: String::new(),
            first: None,
            runbook: None,
            figures: Vec::new(),
            key: String::new(),
        };
        let subject = subject(&news);
        assert!(subject.starts_with("Pulso PAGE: n?o?vai xx") && subject.len() == 99, "{subject}");
    }

    #[test]
    fn each_protocol_has_its_own_text() {
        let message = Message { subject: "s".into(), email: "e\n".into(), sms: "m".into(), webhook: Value::Null, urgency: Urgency::Page };
        assert_eq!(message.to_sns(), r#"{"default":"e\n","email":"e\n","sms":"m"}"#);
    }
}
