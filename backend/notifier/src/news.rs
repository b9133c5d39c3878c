//! What there is to tell, whatever it came from.

use serde::{Deserialize, Serialize};

/// Alarms of a portal are `pulso-<portal>-<one of these>`; a portal's id may have dashes too, so that the end has to tell.
const OF_PORTALS: [&str; 26] = [
    "stage-slow-transform",
    "stage-slow-put",
    "stage-slow-commit",
    "stage-slow-learn",
    "stage-slow-publish",
    "stage-slow-snapshot",
    "no-records",
    "silent",
    "stream-down",
    "unavailable",
    "dead-letters",
    "poison",
    "events-lost",
    "losing-data",
    "put-failing",
    "far-behind",
    "behind",
    "model-old",
    "delivery-late",
    "fallback",
    "slow-lists",
    "refused-unusual",
    "writes-throttled-events",
    "writes-throttled-interactions",
    "archive-late",
    "archive-throttled",
];
/// Those of them that tell nobody by themselves: parts of `silent` and `losing-data`.
const PARTS: [&str; 5] = ["no-records", "unavailable", "dead-letters", "poison", "events-lost"];
/// Alarms of the whole that end as those of a portal do.
const OF_ALL: [&str; 2] = ["edge-silent", "backend-silent"];

/// Who has to hear it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Somebody, at any hour.
    Page,
    /// Somebody, in the morning.
    Ticket,
    /// Nobody by itself: it stands in the chat beside the alarm that it is a part of.
    Note,
}

impl Urgency {
    /// As SNS subscriptions filter it, and as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Note => "note",
        }
    }

    /// Of an alarm that came through no topic.
    pub(crate) fn of_alarm(alarm: &str) -> Self {
        let (_, name) = portal_and_name(alarm);
        if PARTS.contains(&name.as_str()) { Self::Note } else { Self::Ticket }
    }

    /// By the topic that it came through: what pages has a topic of its own.
    pub(crate) fn of_topic(arn: &str) -> Self {
        if arn.ends_with("page") { Self::Page } else { Self::Ticket }
    }
}

/// Whether it begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Something is wrong from now on, or went wrong.
    Begun,
    /// It is well again.
    Over,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Who has to hear it.
    pub urgency: Urgency,
    /// Whether it begins or is over.
    pub turn: Turn,
    /// What it is, in a word or two: an alarm without `pulso-` and its portal.
    pub name: String,
    /// Whose.
    pub portal: Option<String>,
    /// Unix milliseconds.
    pub since_ms: Option<u64>,
    /// What happened, in sentences.
    pub says: String,
    /// What to do first.
    pub first: Option<String>,
    /// Where the rest stands.
    pub runbook: Option<String>,
    /// Figures, and what they are called.
    pub figures: Vec<(String, String)>,
    /// The same for every delivery of the same transition.
    pub key: String,
}

/// `pulso-g1-losing-data` is the portal `g1`'s `losing-data`; `pulso-queue-old` is nobody's.
pub(crate) fn portal_and_name(alarm: &str) -> (Option<String>, String) {
    let name = alarm.strip_prefix("pulso-").unwrap_or(alarm);
    let of_portal = |end: &str| name.strip_suffix(end)?.strip_suffix('-').filter(|portal| !portal.is_empty());
    // The longest end is the name: `far-behind` ends as `behind` does.
    let found = OF_PORTALS.iter().filter_map(|end| Some((of_portal(end)?, *end))).max_by_key(|(_, end)| end.len());
    match found.filter(|_| !OF_ALL.contains(&name)) {
        Some((portal, end)) => (Some(portal.to_owned()), end.to_owned()),
        None => (None, name.to_owned()),
    }
}

/// A description as the alarms have it: what happened, `First:` what to do, and the runbook's address at the end.
pub(crate) fn described(description: &str) -> (String, Option<String>, Option<String>) {
    let text = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let (rest, runbook) = match text.rsplit_once(' ') {
        Some((rest, last)) if last.starts_with("https://") || last.starts_with("http://") => (rest, Some(last.to_owned())),
        _ => (text.as_str(), None),
    };
    match rest.split_once("First:") {
        Some((says, first)) => (says.trim().to_owned(), Some(first.trim().to_owned()), runbook),
        None => (rest.trim().to_owned(), None, runbook),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_tells_its_portal() {
        for (alarm, portal, name) in [
            ("pulso-g1-losing-data", Some("g1"), "losing-data"),
            ("pulso-g1-far-behind", Some("g1"), "far-behind"),
            ("pulso-g1-behind", Some("g1"), "behind"),
            ("pulso-gshow-rio-stage-slow-put", Some("gshow-rio"), "stage-slow-put"),
            ("pulso-edge-silent", None, "edge-silent"),
            ("pulso-g1-silent", Some("g1"), "silent"),
            ("pulso-queue-old", None, "queue-old"),
            ("pulso-silent", None, "silent"),
            ("somebody-elses", None, "somebody-elses"),
        ] {
            assert_eq!(portal_and_name(alarm), (portal.map(str::to_owned), name.to_owned()), "{alarm}");
        }
    }

    #[test]
    fn a_description_has_three_parts_of_which_two_may_be_missing() {
        let some = |text: &str| Some(text.to_owned());
        let all = described("It is  late.\n First: look at it. https://r.example/R.md#late");
        assert_eq!(all, ("It is late.".to_owned(), some("look at it."), some("https://r.example/R.md#late")));
        assert_eq!(described("It is late."), ("It is late.".to_owned(), None, None));
        assert_eq!(described("https://r.example/R.md#late"), ("https://r.example/R.md#late".to_owned(), None, None));
        assert_eq!(described(""), (String::new(), None, None));
    }

    /// Names of alarms and their descriptions, as a template has them; no reader of YAML, for `!Sub` is none.
    fn alarms(template: &str) -> Vec<(String, String)> {
        let mut alarms = Vec::<(String, String)>::new();
        for line in template.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("AlarmName:") {
                let name = name.trim().trim_start_matches("!Sub ").replace("${Portal}", "gshow-rio");
                alarms.push((name, String::new()));
            } else if let Some((_, text)) = alarms.last_mut().filter(|(_, text)| !text.contains("${RunbookUrl}#")) {
                *text += line;
                text.push(' ');
            }
        }
        alarms
    }

    #[test]
    fn every_alarm_of_the_templates_is_taken_apart() {
        let mut of_portal = alarms(include_str!("../../infra/alarms-portal.yaml"));
        of_portal.extend(alarms(include_str!("../../infra/alarms-portal-late.yaml")));
        let of_all = alarms(include_str!("../../infra/alarms.yaml"));
        assert!(of_portal.len() > 20 && of_all.len() > 5, "{} {}", of_portal.len(), of_all.len());
        for (alarm, description) in &of_portal {
            let (portal, name) = portal_and_name(alarm);
            assert_eq!((portal.as_deref(), alarm.ends_with(&name)), (Some("gshow-rio"), true), "{alarm}: {name}");
            assert!(alarm.len() == "pulso-gshow-rio-".len() + name.len(), "{alarm}: {name}");
            assert!(description.contains(&format!("#{name}")), "{alarm}: its runbook entry has another name: {description}");
        }
        for (alarm, description) in &of_all {
            assert_eq!(portal_and_name(alarm).0, None, "{alarm}");
            assert!(description.contains("${RunbookUrl}#"), "{alarm}: no runbook: {description}");
        }
    }
}
