//! The same for a webhook: Slack's `text`, and what others may want to read field by field
//! (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).

use serde_json::{Value, json};

use crate::message::word;
use crate::moment;
use crate::news::{News, Turn, Urgency};

/// The message's body.
pub(crate) fn message(news: &News) -> Value {
    let portal = news.portal.as_deref().map(|portal| format!(" {portal}")).unwrap_or_default();
    let since = news.since_ms.map(|at_ms| format!(" since {} (São Paulo)", moment::sao_paulo(at_ms))).unwrap_or_default();
    let head = format!("*{}*{} {}{since}", word(news), escaped(&portal), escaped(&news.name));
    let first = news.first.as_ref().filter(|_| news.turn == Turn::Begun).map(|first| format!("*First:* {}", escaped(first)));
    let lines = [Some(head), Some(escaped(&news.says)), first, news.runbook.as_deref().map(escaped)];
    let text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
    let color = match (news.turn, news.urgency) {
        (Turn::Over, _) => "good",
        (Turn::Begun, Urgency::Page) => "danger",
        (Turn::Begun, Urgency::Ticket) => "warning",
        (Turn::Begun, Urgency::Note) => "#888888",
    };
    let field = |name: &str, value: &str| json!({ "title": name, "value": escaped(value), "short": value.len() < 40 });
    let mut fields = vec![
        field("Alarm", &news.name),
        field("State", if news.turn == Turn::Over { "OK" } else { "ALARM" }),
        field("Urgency", news.urgency.as_str()),
    ];
    fields.extend(news.portal.as_deref().map(|portal| field("Portal", portal)));
    fields.extend(news.since_ms.map(|at_ms| field("Since", &moment::utc(at_ms))));
    fields.extend(news.figures.iter().map(|(name, value)| field(name, value)));
    json!({ "text": text, "attachments": [{ "color": color, "fields": fields }] })
}

/// The three characters that Slack reads as its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_slacks_own() {
        assert_eq!(escaped("<!channel> a & b"), "&lt;!channel&gt; a &amp; b");
    }
}
