//! What came into the alarms' queue, and what the evaluator decided, read from the logs of the two as they grow.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A message of the alarms' queue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Message {
    /// When it was taken from the queue, Unix seconds.
    pub at_s: f64,
    /// `pulso-page`, `pulso-ticket` or `pulso-people`.
    pub topic: String,
    pub alarm: String,
    /// `ALARM` or `OK`.
    pub state: String,
    pub description: String,
    /// What was measured, or which child.
    pub reason: String,
}

/// A state that the evaluator set: children, which tell nobody, too.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Change {
    pub alarm: String,
    pub to: String,
}

/// A file that grows by lines of JSON.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    read: u64,
}

impl Lines {
    /// From its beginning.
    pub(crate) fn new(logs: &Path, part: &str) -> Self {
        Self { path: logs.join(format!("{part}.log")), read: 0 }
    }

    /// Whole lines since the last call.
    pub(crate) fn news<T: for<'a> Deserialize<'a>>(&mut self) -> Result<Vec<T>> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(self.read))?;
        let mut reader = BufReader::new(file);
        let mut found = Vec::new();
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.read += u64::try_from(line.len())?;
            let parsed = serde_json::from_str(&line);
            found.push(parsed.with_context(|| format!("{} says: {line}", self.path.display()))?);
            line.clear();
        }
        Ok(found)
    }
}

/// What an alarm has to do in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fires {
    /// It comes by the topic for what cannot wait.
    Page(&'static str),
    /// It comes by the topic for what can.
    Ticket(&'static str),
    /// It comes past the notifier.
    People(&'static str),
    /// It tells nobody but its composite.
    Child(&'static str),
    /// A ticket that follows when something happened to be under way, such as a change that waits for its publication.
    May(&'static str),
}

impl Fires {
    /// The alarm's name.
    pub(super) const fn alarm(self) -> &'static str {
        match self {
            Self::Page(name) | Self::Ticket(name) | Self::People(name) | Self::Child(name) | Self::May(name) => name,
        }
    }

    const fn topic(self) -> Option<&'static str> {
        match self {
            Self::Page(_) => Some("pulso-page"),
            Self::Ticket(_) => Some("pulso-ticket"),
            Self::People(_) => Some("pulso-people"),
            Self::Child(_) | Self::May(_) => None,
        }
    }
}

/// The child that says how quiet it is; whether it pages is what `silent` decides.
const NO_RECORDS: &str = "-no-records";
/// Children of `losing-data`: which of them it was is judged.
const CHILDREN: [&str; 4] = ["-unavailable", "-dead-letters", "-poison", "-events-lost"];

/// What was heard in a round.
#[derive(Debug, Default, Clone)]
pub(super) struct Heard {
    /// Topic and seconds after the fault, by alarm, of the first message that it is in ALARM.
    pub alarms: BTreeMap<String, (String, f64)>,
    /// Children that were in ALARM.
    pub children: Vec<String>,
}

impl Heard {
    /// Adds a message of a round that began then.
    pub(super) fn hear(&mut self, message: Message, begun_s: f64) {
        if message.state == "ALARM" {
            self.alarms.entry(message.alarm).or_insert((message.topic, message.at_s - begun_s));
        }
    }

    /// Adds what the evaluator decided.
    pub(super) fn see(&mut self, change: &Change) {
        let is_child = CHILDREN.iter().any(|child| change.alarm.ends_with(child)) || change.alarm.ends_with(NO_RECORDS);
        if change.to == "ALARM" && is_child && !self.children.contains(&change.alarm) {
            self.children.push(change.alarm.clone());
        }
    }

    /// Whether everything that has to fire did.
    pub(super) fn has_all(&self, expected: &[Fires]) -> bool {
        expected.iter().all(|fires| match fires {
            Fires::May(_) => true,
            Fires::Child(name) => self.children.iter().any(|child| child == name),
            Fires::Page(name) | Fires::Ticket(name) | Fires::People(name) => self.alarms.contains_key(*name),
        })
    }

    /// What is otherwise than it has to be: an alarm that did not come, one that did and should not, one by the wrong way.
    pub(super) fn wrongs(&self, expected: &[Fires]) -> Vec<String> {
        let mut wrongs = Vec::new();
        for fires in expected {
            let name = fires.alarm();
            match (fires.topic(), self.alarms.get(name)) {
                (Some(_), None) => wrongs.push(format!("{name} did not fire")),
                (Some(topic), Some((by, _))) if topic != by => wrongs.push(format!("{name} came by {by}, not by {topic}")),
                (None, came) if matches!(fires, Fires::May(_)) => {
                    let by = came.map(|(by, _)| by.as_str()).filter(|by| *by != "pulso-ticket");
                    wrongs.extend(by.map(|by| format!("{name} came by {by}, not by pulso-ticket")));
                }
                (None, _) if !self.children.iter().any(|child| child == name) => wrongs.push(format!("{name} was never in ALARM")),
                _ => {}
            }
        }
        let is_expected = |name: &str| expected.iter().any(|fires| fires.alarm() == name);
        wrongs.extend(self.alarms.keys().filter(|name| !is_expected(name)).map(|name| format!("{name} fired, and should not")));
        let judged = self.children.iter().filter(|child| !child.ends_with(NO_RECORDS) && !is_expected(child));
        wrongs.extend(judged.map(|child| format!("{child} was in ALARM, and should not")));
        wrongs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: &str = "pulso-g1-stream-down";
    const LOST: &str = "pulso-g1-events-lost";

    fn message(alarm: &str, topic: &str, state: &str) -> Message {
        let text = String::new;
        Message {
            at_s: 130.0,
            topic: topic.to_owned(),
            alarm: alarm.to_owned(),
            state: state.to_owned(),
            description: text(),
            reason: text(),
        }
    }

    fn heard(messages: &[Message], children: &[&str]) -> Heard {
        let mut heard = Heard::default();
        for message in messages {
            heard.hear(message.clone(), 100.0);
        }
        for child in children {
            heard.see(&Change { alarm: (*child).to_owned(), to: "ALARM".to_owned() });
        }
        heard
    }

    #[test]
    fn exactly_what_is_expected_is_right() {
        let heard = heard(&[message(DOWN, "pulso-page", "ALARM"), message("pulso-backlog", "pulso-ticket", "OK")], &[LOST]);
        let expected = [Fires::Page(DOWN), Fires::Child(LOST)];
        assert!(heard.has_all(&expected));
        assert_eq!(heard.wrongs(&expected), Vec::<String>::new());
        assert_eq!(heard.alarms[DOWN], ("pulso-page".to_owned(), 30.0));
    }

    #[test]
    fn a_missing_alarm_a_false_one_and_one_by_the_wrong_way_are_named() {
        let down = || heard(&[message(DOWN, "pulso-ticket", "ALARM")], &[LOST]);
        assert_eq!(down().wrongs(&[Fires::Page(DOWN), Fires::Child(LOST)]), [format!("{DOWN} came by pulso-ticket, not by pulso-page")]);
        assert_eq!(down().wrongs(&[Fires::Child(LOST)]), [format!("{DOWN} fired, and should not")]);
        assert_eq!(down().wrongs(&[Fires::Ticket(DOWN)]), [format!("{LOST} was in ALARM, and should not")]);
        let nothing = heard(&[message(DOWN, "pulso-page", "OK")], &["pulso-g1-no-records"]);
        assert_eq!(
            nothing.wrongs(&[Fires::Page(DOWN), Fires::Child(LOST)]),
            [format!("{DOWN} did not fire"), format!("{LOST} was never in ALARM")]
        );
        assert_eq!(nothing.wrongs(&[]), Vec::<String>::new());
        assert!(!nothing.has_all(&[Fires::Page(DOWN)]));
    }

    #[test]
    fn what_may_follow_may_be_missing_but_comes_as_a_ticket() {
        let may = [Fires::May("pulso-g1-model-old")];
        let of = |topic: &str| heard(&[message("pulso-g1-model-old", topic, "ALARM")], &[]).wrongs(&may);
        assert!(Heard::default().has_all(&may) && Heard::default().wrongs(&may).is_empty());
        assert_eq!(of("pulso-ticket"), Vec::<String>::new());
        assert_eq!(of("pulso-page"), ["pulso-g1-model-old came by pulso-page, not by pulso-ticket"]);
    }

    #[test]
    fn a_line_that_is_not_whole_waits() {
        let folder = std::env::temp_dir().join(format!("pulso-lines-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("evaluator.log");
        let mut lines = Lines::new(&folder, "evaluator");
        assert_eq!(lines.news::<Change>().unwrap(), []);
        std::fs::write(&path, "{\"alarm\":\"a\",\"to\":\"OK\"}\n{\"alarm\":").unwrap();
        assert_eq!(lines.news::<Change>().unwrap().len(), 1);
        std::fs::write(&path, "{\"alarm\":\"a\",\"to\":\"OK\"}\n{\"alarm\":\"b\",\"to\":\"OK\"}\n").unwrap();
        assert_eq!(lines.news::<Change>().unwrap().first().map(|change| change.alarm.clone()).as_deref(), Some("b"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
