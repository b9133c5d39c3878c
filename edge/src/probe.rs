//! What a deep look at the worker's health asks of the world, and what the answers mean: `GET /health?deep=1`, for the holder of the admin secret.
//!
//! Nothing but a record that was stored shows that the next one can be: the worker's key may put records and nothing else, so that it
//! cannot ask whether a stream is there. The probe is an envelope without events, which every consumer passes over.

use wire::{Batch, Consent, Edge, Envelope, PageKind, PageviewId, Portal, Source, Via, VisitorId};

use crate::aws::kinesis::{self, Call, Outcome};
use crate::config::{Config, Kinesis};
use crate::delivery::world::Reply;
use crate::error::Result;
use crate::health::Check;
use crate::query::Query;

/// A page of the probe's own; no portal has it.
const URL: &str = "https://probe.invalid/";
/// Digits of the access key's id that are shown: enough to tell two keys apart.
const KEY_DIGITS: usize = 4;

/// What Kinesis says of a shard that has more to do than it may.
const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// Whether a deep look is asked for: `deep=1`.
#[must_use]
pub fn is_wanted(query: &str) -> bool {
    Query::new(query).get("deep").as_deref() == Some("1")
}

/// The record that says nothing.
///
/// # Errors
/// [`wire::Error::MalformedJson`]; no probe is known to cause it.
pub fn record(portal: &Portal, now_ms: u64) -> std::result::Result<String, wire::Error> {
    let batch = Batch {
        v: 1,
        portal: portal.id.clone(),
        pageview: PageviewId::from_bits(u128::from(now_ms) << 80),
        visitor: None,
        user: None,
        consent: Consent::Off,
        page: PageKind::Other,
        url: URL.to_owned(),
        item: None,
        referrer: None,
        meta: None,
        sent_at_ms: now_ms,
        dropped: 0,
        bot: true,
        events: Vec::new(),
    };
    let edge = Edge {
        received_at_ms: now_ms,
        skew_ms: 0,
        visitor: VisitorId::from_bits(0),
        network: None,
        country: "XX".to_owned(),
        region: String::new(),
        browser: "other".to_owned(),
        os: "other".to_owned(),
        device: "other".to_owned(),
        source: Source::Direct,
        trust: 0,
        bot: true,
        via: Via::Direct,
        attempts: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tally: None,
    };
    Envelope { v: 1, batch, edge }.to_record()
}

/// A signed call that puts the record into a portal's stream.
///
/// # Errors
/// [`crate::error::Error::Unavailable`] without credentials.
pub fn call(portal: &Portal, kinesis: &Kinesis, now_ms: u64) -> Result<Call> {
    let record = record(portal, now_ms)?;
    kinesis::put_records(kinesis, &portal.events_stream(), [("probe", record.as_str())].into_iter(), now_ms)
}

/// What became of it, for a person.
#[must_use]
pub fn of_stream(portal: &Portal, reply: &std::result::Result<Reply, String>) -> Check {
    let outcome = match reply {
        Ok(reply) => kinesis::outcomes(1, reply.status, &reply.body).into_iter().next().unwrap_or_else(|| Outcome::failed("no_outcome")),
        Err(code) => Outcome::failed(code),
    };
    let stream = portal.events_stream();
    let (ok, detail) = match outcome {
        Outcome::Stored => (true, "took a record".to_owned()),
        Outcome::Failed { reason } => (false, format!("{reason}: {}", advice(&reason))),
    };
    Check { name: format!("stream {stream}"), ok, detail }
}

/// What a person does about it.
fn advice(reason: &str) -> &'static str {
    match reason {
        "ResourceNotFoundException" => "make the stream, or name it in portals.toml; look at AWS_REGION too",
        "AccessDeniedException" => "the worker's user needs kinesis:PutRecords on this stream",
        "UnrecognizedClientException" | "InvalidClientTokenId" => "AWS_ACCESS_KEY_ID is not known there: wrong, inactive or deleted",
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignatureException" => {
            "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID"
        }
        "network" | "timeout" => "nothing answers there: look at AWS_REGION and KINESIS_ENDPOINT",
        _ => "records wait in the retry queue meanwhile",
    }
}

/// Whether a stream is there, whatever it said to this record: one that throttles is too small, not down.
#[must_use]
pub fn is_up(stream: &Check) -> bool {
    stream.ok || stream.detail.starts_with(THROTTLED)
}

/// A store that was asked something cheap.
#[must_use]
pub fn of_store(name: &str, outcome: std::result::Result<(), String>) -> Check {
    let (ok, detail) = match outcome {
        Ok(()) => (true, "answers".to_owned()),
        Err(why) => (false, why),
    };
    Check { name: format!("{name} answers"), ok, detail }
}

/// Whether a second admin secret is admitted for now: whoever changes it waits for either.
#[must_use]
pub fn of_next_secret(config: &Config) -> Check {
    let detail = if config.admin_secret_next.is_some() { "set" } else { "none" };
    Check { name: "admin_secret_next".to_owned(), ok: true, detail: detail.to_owned() }
}

/// Which access key signs, by the end of its id, which is no secret.
#[must_use]
pub fn of_key(config: &Config) -> Check {
    let id = config.kinesis.credentials.as_ref().map(|credentials| credentials.access_key_id.expose().to_owned());
    let end = id.map(|id| id.chars().skip(id.chars().count().saturating_sub(KEY_DIGITS)).collect::<String>());
    let detail = end.map_or_else(|| "none".to_owned(), |end| format!("…{end}"));
    Check { name: "aws_access_key".to_owned(), ok: detail != "none", detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config() -> Config {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE1234".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            ..Environment::default()
        };
        Config::parse(environment).unwrap()
    }

    #[test]
    fn a_probe_is_an_envelope_without_events_for_every_reader() {
        let config = config();
        let portal = config.portals.get("g1").unwrap();
        let record = record(portal, 1_795_337_005_301).unwrap();
        assert!(record.ends_with("}\n") && record.lines().count() == 1);
        let envelope = Envelope::parse(record.as_bytes()).unwrap();
        assert!(envelope.batch.events.is_empty() && envelope.batch.bot && envelope.edge.trust == 0);
        let view = wire::EnvelopeView::parse(record.as_bytes()).unwrap();
        assert!(view.batch.events.is_empty() && view.batch.bot);
    }

    #[test]
    fn the_probe_is_signed_for_the_portals_stream() {
        let config = config();
        let call = call(config.portals.get("ge").unwrap(), &config.kinesis, 1_795_337_005_301).unwrap();
        assert!(call.body.starts_with(r#"{"StreamName":"pulso-ge-events","Records":[{"Data":""#));
        assert!(call.headers.iter().any(|(name, _)| name == "authorization"));
    }

    #[test]
    fn a_stream_that_throttles_is_up() {
        let config = config();
        let portal = config.portals.get("g1").unwrap();
        let is_up = |status, body: &str| super::is_up(&of_stream(portal, &Ok(Reply { status, body: body.to_owned(), at_ms: None })));
        assert!(is_up(200, r#"{"Records":[{"SequenceNumber":"1"}]}"#));
        assert!(is_up(200, r#"{"FailedRecordCount":1,"Records":[{"ErrorCode":"ProvisionedThroughputExceededException"}]}"#));
        assert!(is_up(400, r#"{"__type":"ProvisionedThroughputExceededException"}"#));
        assert!(!is_up(200, r#"{"FailedRecordCount":1,"Records":[{"ErrorCode":"InternalFailure"}]}"#));
        assert!(!is_up(400, r#"{"__type":"ResourceNotFoundException"}"#));
        assert!(!is_up(500, ""));
        assert!(!super::is_up(&of_stream(portal, &Err("timeout".to_owned()))));
    }

    #[test]
    fn what_aws_says_becomes_advice() {
        let config = config();
        let portal = config.portals.get("g1").unwrap();
        let of = |status, body: &str| of_stream(portal, &Ok(Reply { status, body: body.to_owned(), at_ms: None }));
        assert!(of(200, r#"{"Records":[{"SequenceNumber":"1"}]}"#).ok);
        for (status, body, part) in [
            (400, r#"{"__type":"ResourceNotFoundException"}"#, "make the stream"),
            (400, r#"{"__type":"x#AccessDeniedException"}"#, "kinesis:PutRecords"),
            (400, r#"{"__type":"InvalidSignatureException"}"#, "AWS_SECRET_ACCESS_KEY"),
            (400, r#"{"__type":"UnrecognizedClientException"}"#, "AWS_ACCESS_KEY_ID"),
            (200, r#"{"Records":[{"ErrorCode":"InternalFailure"}]}"#, "retry queue"),
            (500, "", "status_500"),
        ] {
            let check = of(status, body);
            assert!(!check.ok && check.detail.contains(part), "{body} {check:?}");
        }
        assert!(!of_stream(portal, &Err("network".to_owned())).ok);
    }

    #[test]
    fn only_the_end_of_the_key_is_shown() {
        let check = of_key(&config());
        assert_eq!((check.ok, check.detail.as_str()), (true, "…1234"));
        assert!(!of_key(&Config::parse(Environment::default()).unwrap()).ok);
    }

    #[test]
    fn a_second_secret_is_told_and_neither_is_wrong() {
        let of = |next: &str| {
            of_next_secret(&Config::parse(Environment { admin_secret_next: Some(next.to_owned()), ..Environment::default() }).unwrap())
        };
        assert_eq!([of("hush"), of("")].map(|check| (check.ok, check.detail)), [(true, "set".to_owned()), (true, "none".to_owned())]);
    }

    #[test]
    fn only_deep_1_is_a_deep_look() {
        assert!(is_wanted("deep=1") && is_wanted("a=b&deep=1"));
        assert!(!is_wanted("") && !is_wanted("deep=0") && !is_wanted("deep") && !is_wanted("deeper=1"));
    }
}
