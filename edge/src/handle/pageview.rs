//! `POST /pageview`: a batch becomes a record, and the page is answered once the record is safe. `platform/page.js` does the waiting:
//! it calls these functions one after the other, and none of them waits.

use wire::BadBody;
use wire::day::Day;

use super::flight::{self, Departure};
use super::{limits, salt};
use crate::answer::Answer;
use crate::bad;
use crate::collect;
use crate::config::Config;
use crate::cors;
use crate::delivery::Parcel;
use crate::delivery::lanes::{Role, Seat};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::limit::{Kind, Pace, Verdict};
use crate::platform::{Env, clock, log, memory, random, store};
use crate::tally;

/// What comes of a posted batch.
pub(crate) enum Boarded {
    /// Something has to be found out first.
    Later(First),
    /// It is refused; the letter, if there is one, is to be kept.
    Refused(Answer, Option<BadBody>),
    /// Its record has a seat.
    Seated(Seat, Place),
}

/// What has to be found out before a batch can be taken.
pub(crate) enum First {
    /// The day's salt.
    Salt,
    /// Whether somebody who asks for much asks for too much.
    Limit(Kind, String),
}

/// What a seat's request does next.
pub(crate) enum Place {
    /// Makes the call for itself.
    Alone(Departure),
    /// Makes the call for all of the flight.
    Lead(Departure),
    /// The same, once that flight has landed.
    LeadAfter(u32),
    /// Waits for whoever leads.
    Follow,
}

/// Takes a batch. `asked`: the limits that were asked about already, and did not refuse.
pub(crate) fn board(env: &Env, lines: &str, body: &[u8], asked: &[Kind]) -> Boarded {
    match memory::config(env) {
        Ok(config) => {
            let mut facts = Facts::parse(lines, config.is_dev);
            board_with(env, &config, &mut facts, body, asked).unwrap_or_else(|error| refused(&config, &facts, body, &error))
        }
        Err(error) => Boarded::Refused(super::refuse(&error), None),
    }
}

/// What a body that did not come whole is told. The reasons are those of `platform/page.js`.
pub(crate) fn refuse_body(env: &Env, lines: &str, why: u8) -> Boarded {
    let error = match why {
        1 => Error::Message(wire::Error::BodyTooLarge),
        2 => Error::BodyTimeout,
        _ => Error::BodyUnreadable,
    };
    match memory::config(env) {
        Ok(config) => {
            let facts = Facts::parse(lines, config.is_dev);
            let is_over = facts.sender.as_deref().is_some_and(|sender| limits::note(Kind::Post, sender) == Verdict::Over);
            let error = if is_over { limits::refused(Kind::Post) } else { error };
            // Its body was not read to the end; that it was refused is worth knowing all the same.
            refused(&config, &facts, b"", &error)
        }
        Err(error) => Boarded::Refused(super::refuse(&error), None),
    }
}

fn board_with(env: &Env, config: &Config, facts: &mut Facts<'_>, body: &[u8], asked: &[Kind]) -> Result<Boarded> {
    let received_at_ms = clock::now_ms();
    // Before anything is counted: what comes again after a wait must not count twice.
    let Some(salt) = memory::salt(Day::of(received_at_ms), received_at_ms) else { return Ok(Boarded::Later(First::Salt)) };
    if let Some(first) = held_up(Kind::Post, facts.sender.as_deref(), asked)? {
        return Ok(Boarded::Later(first));
    }
    if facts.asks_for_panic {
        rehearse_panic();
    }
    collect::check_encoding(facts.content_encoding)?;
    let accepted = collect::accept(config, facts.origin, facts.content_type, body)?;
    // Whose address has no limit, their visitors have none.
    let visitor = accepted.visitor().filter(|_| facts.sender.is_some());
    if let Some(first) = held_up(Kind::Visitor, visitor.as_deref(), asked)? {
        return Ok(Boarded::Later(first));
    }
    if !asked.is_empty() {
        facts.client.pace = Pace::Hurried;
    }
    let answer = accepted.answer();
    let mut envelope = accepted.into_envelope(config, &facts.client, &salt, received_at_ms);
    envelope.edge.tally = memory::with_tallies(|tallies| tallies.ride(&envelope.batch.portal, received_at_ms));
    let parcel = Parcel::first(&envelope).map_err(|error| Error::unavailable(error.code()))?;
    let (seat, role) = memory::with_lanes(|lanes| lanes.board(parcel, answer, config.may_gather, received_at_ms));
    let place = match role {
        Role::Lead { after: None } if config.may_gather => Place::Lead(flight::depart(env, seat.flight)),
        Role::Lead { after: None } => Place::Alone(flight::depart(env, seat.flight)),
        Role::Lead { after: Some(flight) } => Place::LeadAfter(flight),
        Role::Follow => Place::Follow,
    };
    Ok(Boarded::Seated(seat, place))
}

/// Counts somebody, who was not counted for this batch before.
fn held_up(kind: Kind, who: Option<&str>, asked: &[Kind]) -> Result<Option<First>> {
    let Some(who) = who.filter(|_| !asked.contains(&kind)) else { return Ok(None) };
    match limits::note(kind, who) {
        Verdict::Free => Ok(None),
        Verdict::Ask => Ok(Some(First::Limit(kind, who.to_owned()))),
        Verdict::Over => Err(limits::refused(kind)),
    }
}

/// Finds out what has to come first; the limit that was asked about, if it was one.
pub(crate) async fn prepare(env: Env, lines: String, first: First) -> std::result::Result<Option<Kind>, Answer> {
    let (kind, outcome) = match first {
        First::Salt => {
            salt::of_day(&env, Day::of(clock::now_ms())).await;
            return Ok(None);
        }
        First::Limit(kind, who) => (kind, limits::ask(kind, &who, &env).await),
    };
    outcome.map(|()| Some(kind)).map_err(|error| match memory::config(&env) {
        Ok(config) => super::refuse(&error).with_all(cors::headers(&config, Facts::parse(&lines, config.is_dev).origin)),
        Err(_) => super::refuse(&error),
    })
}

/// What a bug of ours would do, so that a test sees that the requests beside it are answered all the same.
#[expect(clippy::panic, reason = "it is the point")]
fn rehearse_panic() {
    panic!("a test asked for it");
}

fn refused(config: &Config, facts: &Facts<'_>, body: &[u8], error: &Error) -> Boarded {
    // Not the time of arrival: keys are read in their order, and a slow body must not slip in behind the reader.
    let now_ms = clock::now_ms();
    let is_worth_keeping = !matches!(error, Error::RateLimited { .. } | Error::Unavailable { .. });
    if let Some(portal) = facts.origin.and_then(|origin| config.portals.iter().find(|portal| portal.allows_origin(origin, config.is_dev))) {
        let is_down = matches!(error, Error::Unavailable { .. });
        memory::with_tallies(|tallies| tallies.note(&portal.id, |tally| tally::note_refusal(tally, is_down)));
    }
    let from = bad::From { origin: facts.origin, has_gpc: facts.client.has_gpc };
    let letter = (is_worth_keeping && memory::take_quota(now_ms)).then(|| bad::letter(config, error, from, body, now_ms));
    Boarded::Refused(super::refuse(error).with_all(cors::headers(config, facts.origin)), letter)
}

/// Keeps a refused body for the integrator.
pub(crate) async fn keep(env: Env, letter: BadBody) {
    let text = serde_json::to_string(&letter).unwrap_or_default();
    if let Err(code) = store::put(&env, &bad::key(letter.at_ms, random::u32()), text).await {
        log::event("bad_unkept", &[("code", &code)]);
    }
}
