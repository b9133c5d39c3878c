//! `POST /pageview`: a batch becomes a record, and the page is answered once the record is safe. `platform/page.js` does the waiting:
//! it calls these functions one after the other, and none of them waits.

use wire::BadBody;
use wire::day::Day;

use super::flight::{self, Departure};
use super::salt;
use crate::answer::Answer;
use crate::bad;
use crate::collect;
use crate::config::Config;
use crate::cors;
use crate::delivery::Parcel;
use crate::delivery::lanes::{Role, Seat};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::platform::{Env, clock, log, memory, random, store};

/// What comes of a posted batch.
pub(crate) enum Boarded {
    /// The day's salt has to be read first.
    Unprepared,
    /// It is refused; the letter, if there is one, is to be kept.
    Refused(Answer, Option<BadBody>),
    /// Its record has a seat.
    Seated(Seat, Place),
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

/// Takes a batch.
pub(crate) fn board(env: &Env, lines: &str, body: &[u8]) -> Boarded {
    let facts = Facts::parse(lines);
    match memory::config(env) {
        Ok(config) => board_with(env, &config, &facts, body).unwrap_or_else(|error| refused(&config, lines, body, &error)),
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
        // Its body was not read to the end; that it was refused is worth knowing all the same.
        Ok(config) => refused(&config, lines, b"", &error),
        Err(error) => Boarded::Refused(super::refuse(&error), None),
    }
}

fn board_with(env: &Env, config: &Config, facts: &Facts<'_>, body: &[u8]) -> Result<Boarded> {
    if config.is_dev && facts.asks_for_panic {
        rehearse_panic();
    }
    let received_at_ms = clock::now_ms();
    let accepted = collect::accept(config, facts.origin, facts.content_type, body)?;
    let Some(salt) = memory::salt(Day::of(received_at_ms), received_at_ms) else { return Ok(Boarded::Unprepared) };
    let answer = accepted.answer();
    let envelope = accepted.into_envelope(config, &facts.client, &salt, received_at_ms);
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

/// What a bug of ours would do, so that a test sees that the requests beside it are answered all the same.
#[expect(clippy::panic, reason = "it is the point")]
fn rehearse_panic() {
    panic!("a test asked for it");
}

fn refused(config: &Config, lines: &str, body: &[u8], error: &Error) -> Boarded {
    let origin = Facts::parse(lines).origin;
    // Not the time of arrival: keys are read in their order, and a slow body must not slip in behind the reader.
    let now_ms = clock::now_ms();
    let letter = memory::take_quota(now_ms).then(|| bad::letter(error, origin, body, now_ms));
    Boarded::Refused(super::refuse(error).with_all(cors::headers(config, origin)), letter)
}

/// Keeps a refused body for the integrator.
pub(crate) async fn keep(env: Env, letter: BadBody) {
    let text = serde_json::to_string(&letter).unwrap_or_default();
    if let Err(code) = store::put(&env, &bad::key(letter.at_ms, random::u32()), text).await {
        log::event("bad_unkept", &[("code", &code)]);
    }
}

/// Reads the day's salt.
pub(crate) async fn prepare(env: Env) {
    salt::of_day(&env, Day::of(clock::now_ms())).await;
}
