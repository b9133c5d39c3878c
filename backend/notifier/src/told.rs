//! Which news still have to go where, and what this instance has told already.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::{self, Error};
use crate::news::{News, Urgency};

/// Transitions that an instance remembers: a storm of every alarm of twenty portals, both ways.
const REMEMBERED_MAX: usize = 1_024;

/// A way to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// SNS: e-mail and SMS, in one call.
    People,
    /// The webhook.
    Webhook,
}

/// One thing that has to go one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// What.
    pub news: News,
    /// Where.
    pub channel: Channel,
}

/// What an event asks for, or what is left of one: then it is an event itself, so that what was told is not told again with the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// In the order of urgency: people first.
    pub pulso_rest: Vec<Open>,
}

impl Rest {
    /// Of an event, for the ways that there are.
    ///
    /// # Errors
    /// Those of [`crate::read`].
    pub fn of(event: &[u8], channels: &[Channel]) -> Result<Self, Error> {
        if let Ok(rest) = serde_json::from_slice::<Self>(event) {
            return Ok(rest);
        }
        let news = event::read(event)?;
        let goes = |news: &News, channel: Channel| channel == Channel::Webhook || news.urgency != Urgency::Note;
        let open = |channel: &Channel| {
            let channel = *channel;
            let news = news.iter().filter(move |news| goes(news, channel));
            news.map(|news| Open { news: news.clone(), channel }).collect::<Vec<_>>()
        };
        Ok(Self { pulso_rest: channels.iter().flat_map(open).collect() })
    }

    /// As an event.
    #[must_use]
    pub fn to_event(&self) -> Value {
        json!(self)
    }
}

/// What was told by this instance. SNS and EventBridge deliver at least once, and topics that are not FIFO know no deduplication
/// (<https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html>): a copy that another instance gets is told again.
#[derive(Debug, Default)]
pub struct Told(VecDeque<(Channel, String)>);

impl Told {
    /// Whether it was.
    #[must_use]
    pub fn knows(&self, open: &Open) -> bool {
        self.0.iter().any(|(channel, key)| *channel == open.channel && *key == open.news.key)
    }

    /// It is now.
    pub fn remember(&mut self, open: &Open) {
        if self.0.len() >= REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((open.channel, open.news.key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = include_bytes!("../tests/golden/losing-data.json");

    #[test]
    fn what_is_left_is_an_event_that_has_nothing_else() {
        let all = Rest::of(EVENT, &[Channel::People, Channel::Webhook]).unwrap();
        assert_eq!(all.pulso_rest.iter().map(|open| open.channel).collect::<Vec<_>>(), [Channel::People, Channel::Webhook]);
        let left = Rest { pulso_rest: all.pulso_rest.into_iter().filter(|open| open.channel == Channel::Webhook).collect() };
        let again = Rest::of(left.to_event().to_string().as_bytes(), &[Channel::People, Channel::Webhook]).unwrap();
        assert_eq!(again, left);
    }

    #[test]
    fn a_part_of_an_alarm_stands_in_the_chat_alone() {
        let part = include_bytes!("../tests/golden/unavailable-by-eventbridge.json");
        let rest = Rest::of(part, &[Channel::People, Channel::Webhook]).unwrap();
        assert_eq!(rest.pulso_rest.iter().map(|open| open.channel).collect::<Vec<_>>(), [Channel::Webhook]);
    }

    #[test]
    fn the_same_transition_is_known_by_channel_until_too_many_came() {
        let all = Rest::of(EVENT, &[Channel::People, Channel::Webhook]).unwrap().pulso_rest;
        let mut told = Told::default();
        told.remember(&all[0]);
        assert!(told.knows(&all[0]) && !told.knows(&all[1]));
        for number in 0..REMEMBERED_MAX {
            let mut other = all[1].clone();
            other.news.key = number.to_string();
            told.remember(&other);
        }
        assert!(!told.knows(&all[0]) && told.0.len() == REMEMBERED_MAX);
    }
}
