//! What was set aside in the bucket: what an object is, whether it is wanted, and how it looks to a person.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use clap::Args;
use serde_json::Value;
use wire::{BadBody, DeadLetter, Portals, RetryMessage, Via};

use crate::redrive::args::Prefix;
use crate::redrive::listing::Object;
use crate::redrive::parcel::{self, Parcel, Tried, Unfit};
use crate::tail::clean;

/// Which objects are wanted; of a spill object, one record that fits is enough.
#[derive(Debug, Default, Args)]
pub(crate) struct Filter {
    /// Only of this reason; of refused bodies, the code.
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Option<String>,
    /// Only of this portal.
    #[arg(long, value_name = "ID")]
    pub(crate) portal: Option<String>,
}

/// What is in an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// One retry message, and why it was given up.
    Dead(DeadLetter),
    /// A refused body.
    Bad(BadBody),
    /// Retry messages.
    Spill(Vec<String>),
}

/// What a list says of an object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    reasons: BTreeSet<String>,
    portals: BTreeSet<String>,
    attempts: Option<u32>,
}

impl Content {
    /// From the text of an object.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn parse(prefix: Prefix, text: &str) -> Result<Self, String> {
        let version = |v: u8| if v == 1 { Ok(()) } else { Err(format!("its version is {v}, this backend reads 1")) };
        let unreadable = |error: serde_json::Error| format!("not readable at line {} column {}", error.line(), error.column());
        match prefix {
            Prefix::Dead => {
                let letter: DeadLetter = serde_json::from_str(text).map_err(unreadable)?;
                version(letter.v).map(|()| Self::Dead(letter))
            }
            Prefix::Bad => {
                let body: BadBody = serde_json::from_str(text).map_err(unreadable)?;
                version(body.v).map(|()| Self::Bad(body))
            }
            Prefix::Spill => {
                // Two lines each: a header and a record. A line without its partner is an undecodable message.
                let lines: Vec<&str> = text.lines().collect();
                Ok(Self::Spill(lines.chunks(2).map(|pair| pair.join("\n") + "\n").collect()))
            }
        }
    }

    /// What can go into a stream again, and why the rest cannot; of a refused body, nothing.
    pub(crate) fn parcels(&self, portals: &Portals) -> (Vec<Parcel>, Vec<Unfit>) {
        let (texts, at_least) = match self {
            Self::Dead(letter) => (std::slice::from_ref(&letter.body), letter.attempts),
            Self::Spill(messages) => (messages.as_slice(), 0),
            Self::Bad(_) => (&[][..], 0),
        };
        let (mut parcels, mut unfit) = (Vec::new(), Vec::new());
        for text in texts {
            match parcel::read(text, Via::Replay, Tried { at_least, deliveries: 1 }, portals) {
                Ok(parcel) => parcels.push(parcel),
                Err(why) => unfit.push(why),
            }
        }
        (parcels, unfit)
    }

    /// Whether it is wanted.
    pub(crate) fn fits(&self, filter: &Filter) -> bool {
        let facts = self.facts();
        let has = |wanted: &Option<String>, found: &BTreeSet<String>| wanted.as_ref().is_none_or(|wanted| found.contains(wanted));
        has(&filter.reason, &facts.reasons) && has(&filter.portal, &facts.portals)
    }

    /// For a person: nothing in it reaches the terminal but as text.
    pub(crate) fn pretty(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Dead(letter) => {
                let _ = writeln!(text, "reason {}, attempts {}, at_ms {}", letter.reason, letter.attempts, letter.at_ms);
                pretty_lines(&mut text, &letter.body);
            }
            Self::Bad(bad) => {
                let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
                let _ = writeln!(text, "code {}, at_ms {}", bad.code, bad.at_ms);
                let _ = writeln!(text, "message {}", bad.message.replace('\n', " "));
                let _ = writeln!(text, "portal {}, origin {}", or_none(&bad.portal), or_none(&bad.origin));
                pretty_lines(&mut text, &bad.body);
            }
            Self::Spill(messages) => {
                for (index, message) in messages.iter().enumerate() {
                    let _ = writeln!(text, "message {} of {}", index + 1, messages.len());
                    pretty_lines(&mut text, message);
                }
            }
        }
        clean_lines(&text)
    }

    fn facts(&self) -> Facts {
        match self {
            Self::Dead(letter) => {
                let portal = RetryMessage::parse(&letter.body).ok().map(|message| message.header.portal.to_string());
                Facts {
                    reasons: BTreeSet::from([letter.reason.clone()]),
                    portals: portal.into_iter().collect(),
                    attempts: Some(letter.attempts),
                }
            }
            Self::Bad(bad) => {
                Facts { reasons: BTreeSet::from([bad.code.clone()]), portals: bad.portal.clone().into_iter().collect(), attempts: None }
            }
            Self::Spill(messages) => {
                let headers: Vec<_> = messages.iter().filter_map(|text| RetryMessage::parse(text).ok()).map(|found| found.header).collect();
                Facts {
                    reasons: headers.iter().map(|header| header.reason.clone()).collect(),
                    portals: headers.iter().map(|header| header.portal.to_string()).collect(),
                    attempts: headers.iter().map(|header| header.attempts).max(),
                }
            }
        }
    }
}

/// One line of the list: key, age, reason, attempts, portal, size.
pub(crate) fn line(object: &Object, content: Option<&Content>, now_ms: u64) -> String {
    let facts = content.map(Content::facts).unwrap_or_default();
    let attempts = facts.attempts.map_or_else(|| "-".to_owned(), |attempts| attempts.to_string());
    let joined = |found: &BTreeSet<String>| {
        if found.is_empty() { "-".to_owned() } else { found.iter().map(String::as_str).collect::<Vec<_>>().join(",") }
    };
    let (reasons, portals) =
        if content.is_some() { (joined(&facts.reasons), joined(&facts.portals)) } else { ("unreadable".into(), "-".into()) };
    let age = age(&object.key, now_ms);
    clean(&format!("{:<48} {age:>7}  {reasons:<24} {attempts:>3} attempts  {portals:<8} {} B", object.key, object.bytes))
}

/// Escapes all but line feeds.
pub(crate) fn clean_lines(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}

/// Since the 13 digits of `dead/2026-11-22/1795337006000-0000000a.json`.
fn age(key: &str, now_ms: u64) -> String {
    let name = key.rsplit('/').next().unwrap_or_default();
    let Some(at_ms) = name.get(..13).and_then(|digits| digits.parse::<u64>().ok()) else { return "-".to_owned() };
    let age_s = now_ms.saturating_sub(at_ms) / 1_000;
    match (age_s / 86_400, age_s / 3_600 % 24, age_s / 60 % 60) {
        (0, 0, 0) => format!("{age_s}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h{minutes:02}m"),
        (days, hours, _) => format!("{days}d{hours:02}h"),
    }
}

/// Each line that is JSON over several lines, the others as they are.
fn pretty_lines(text: &mut String, body: &str) {
    for line in body.lines() {
        let pretty = serde_json::from_str::<Value>(line).ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
        text.push_str(pretty.as_deref().unwrap_or(line));
        text.push('\n');
    }
}

/// What was done, for the end.
#[derive(Debug, Default)]
pub(crate) struct LetterTally {
    pub(crate) objects: u64,
    /// Looked at, and not wanted.
    pub(crate) unwanted: u64,
    /// Objects whose whole content is safe, or would be sent.
    pub(crate) sent: u64,
    /// Records and bodies of all objects that were stored.
    pub(crate) pieces: u64,
    pub(crate) deleted: u64,
    /// Objects that could not be sent whole.
    pub(crate) kept: u64,
}

impl fmt::Display for LetterTally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, unwanted, sent, pieces, deleted, kept } = self;
        write!(
            formatter,
            "{objects} objects: {sent} sent again whole ({pieces} records or bodies in all), {kept} not, {unwanted} not wanted; {deleted} deleted"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = include_str!("../../../wire/tests/golden/retry_message.txt");
    const BAD: &str = include_str!("../../../wire/tests/golden/bad_body.json");

    fn portals() -> Portals {
        toml::from_str(include_str!("../../../portals.toml")).unwrap()
    }

    fn dead(body: &str) -> Content {
        Content::Dead(DeadLetter { v: 1, reason: "status_500".to_owned(), attempts: 7, at_ms: 5, body: body.to_owned(), origin: None })
    }

    #[test]
    fn golden_objects_are_read_and_others_are_not() {
        assert!(Content::parse(Prefix::Dead, include_str!("../../../wire/tests/golden/dead_letter.json")).is_ok());
        assert!(Content::parse(Prefix::Bad, BAD).is_ok());
        assert!(Content::parse(Prefix::Dead, BAD).is_err());
        assert!(Content::parse(Prefix::Bad, &BAD.replacen("\"v\":1", "\"v\":2", 1)).unwrap_err().contains("version is 2"));
    }

    #[test]
    fn a_spill_object_is_its_messages_and_half_a_message_is_unfit() {
        let other = MESSAGE.replace("\"g1\"", "\"ge\"");
        let content = Content::parse(Prefix::Spill, &format!("{MESSAGE}{other}half")).unwrap();
        let (parcels, unfit) = content.parcels(&portals());
        assert_eq!(parcels.iter().map(|parcel| parcel.portal.as_str()).collect::<Vec<_>>(), ["g1", "ge"]);
        assert_eq!(unfit, [Unfit::Undecodable { code: "malformed_json" }]);
        assert_eq!(Content::parse(Prefix::Spill, "").unwrap(), Content::Spill(Vec::new()));
    }

    #[test]
    fn a_dead_letter_goes_as_a_replay_with_all_its_attempts() {
        let (parcels, unfit) = dead(MESSAGE).parcels(&portals());
        let envelope = wire::Envelope::parse(parcels[0].data.as_bytes()).unwrap();
        assert_eq!((envelope.edge.via, envelope.edge.attempts, unfit.len()), (Via::Replay, 8, 0));
        assert_eq!(dead("?").parcels(&portals()).1.len(), 1);
    }

    #[test]
    fn filters_choose_by_reason_and_portal() {
        let filter =
            |reason: Option<&str>, portal: Option<&str>| Filter { reason: reason.map(str::to_owned), portal: portal.map(str::to_owned) };
        let spill = Content::parse(Prefix::Spill, &format!("{MESSAGE}{}", MESSAGE.replace("\"g1\"", "\"ge\""))).unwrap();
        for (reason, portal, is_dead_one, is_spill_one) in [
            (None, None, true, true),
            (Some("status_500"), None, true, false),
            (Some("ProvisionedThroughputExceededException"), Some("ge"), false, true),
            (None, Some("g1"), true, true),
            (Some("status_500"), Some("ge"), false, false),
        ] {
            assert_eq!(dead(MESSAGE).fits(&filter(reason, portal)), is_dead_one, "{reason:?} {portal:?}");
            assert_eq!(spill.fits(&filter(reason, portal)), is_spill_one, "{reason:?} {portal:?}");
        }
    }

    #[test]
    fn hostile_content_is_only_text() {
        let evil = "\u{1b}[2J\u{9b}31m\u{202e}gnp.exe\r";
        let mut bad: BadBody = serde_json::from_str(BAD).unwrap();
        bad.body = format!("{evil}\n{{\"a\":\"{evil}\"}}");
        (bad.message, bad.code, bad.origin) = (evil.to_owned(), evil.to_owned(), Some(evil.to_owned()));
        let object = Object { key: format!("bad/{evil}"), bytes: 5 };
        let content = Content::Bad(bad);
        for text in [content.pretty(), line(&object, Some(&content), 0), dead(evil).pretty()] {
            assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
        }
        assert_eq!(line(&object, Some(&content), 0).lines().count(), 1);
        assert!(dead(MESSAGE).pretty().contains("\n    \"pageview\": \"01a203d9b07b5d2e8a6f1c0b9d3e7a42\",\n"));
    }

    #[test]
    fn a_line_says_what_it_is() {
        let object = Object { key: "dead/2026-11-22/1795337006000-0000000a.json".to_owned(), bytes: 1_234 };
        let text = line(&object, Some(&dead(MESSAGE)), 1_795_337_006_000 + 93_600_000);
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            [object.key.as_str(), "1d02h", "status_500", "7", "attempts", "g1", "1234", "B"]
        );
        assert!(line(&object, None, 1_795_337_048_000).contains(" 42s  unreadable "));
        for (key, expected) in [("dead/x", "-"), ("dead/é", "-"), ("dead/1795337006000é", "1h05m"), ("1795337006000", "1h05m")] {
            assert_eq!(age(key, 1_795_337_006_000 + 3_900_000), expected, "{key}");
        }
    }
}
