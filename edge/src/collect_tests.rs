//! What a batch has to pass, and what is left of it.

use wire::{EventKind, LinkKind};

use super::*;
use crate::config::Environment;

const GOOD: &str = include_str!("../../wire/tests/golden/batch.json");
const ORIGIN: Option<&str> = Some("https://g1.example");
const TEXT: Option<&str> = Some("text/plain;charset=UTF-8");
const NOW_MS: u64 = 1_795_337_005_301;

fn config() -> Config {
    Config::parse(Environment::default()).unwrap()
}

fn client() -> Client {
    Client {
        ip: "203.0.113.7".to_owned(),
        user_agent: Some("Mozilla/5.0 (Linux; Android 10; K) Chrome/140.0.0.0 Mobile Safari/537.36".to_owned()),
        country: "BR".to_owned(),
        region: "RJ".to_owned(),
        has_fetch_site: false,
        has_gpc: false,
        ..Client::default()
    }
}

fn envelope_of(body: &str, client: &Client, salt: &str) -> Envelope {
    let config = config();
    accept(&config, ORIGIN, TEXT, body.as_bytes()).unwrap().into_envelope(&config, client, &Salt::shared(salt), NOW_MS)
}

fn cookieless() -> String {
    GOOD.replace(r#""consent":"full""#, r#""consent":"cookieless""#)
}

#[test]
fn the_golden_batch_becomes_the_golden_envelope() {
    let body = GOOD.replace("juros.ghtml\",\"item\"", "juros.ghtml?utm=x#top\",\"item\"");
    let mut expected = Envelope::parse(include_bytes!("../../wire/tests/golden/envelope.json")).unwrap();
    env!("CARGO_PKG_VERSION").clone_into(&mut expected.edge.version);
    let envelope = envelope_of(&body, &client(), &"a".repeat(64));
    assert_eq!(envelope, expected);
}

#[test]
fn what_is_refused_says_why() {
    let config = config();
    let zz = GOOD.replace(r#""portal":"g1""#, r#""portal":"zz""#);
    let ge = GOOD.replace(r#""portal":"g1""#, r#""portal":"ge""#);
    for (origin, content_type, body, status, code) in [
        (ORIGIN, None, GOOD, 415, "unsupported_media_type"),
        (ORIGIN, Some("text/html"), GOOD, 415, "unsupported_media_type"),
        (ORIGIN, Some("multipart/form-data; text/plain"), GOOD, 415, "unsupported_media_type"),
        (None, TEXT, GOOD, 403, "missing_origin"),
        (Some("null"), TEXT, GOOD, 403, "missing_origin"),
        (Some("https://evil.example"), TEXT, GOOD, 403, "origin_not_allowed"),
        (Some("http://g1.localhost:9300"), TEXT, GOOD, 403, "origin_not_allowed"),
        (ORIGIN, TEXT, &ge, 403, "origin_not_allowed"),
        (ORIGIN, TEXT, &zz, 422, "unknown_portal"),
        (ORIGIN, TEXT, "{", 400, "malformed_json"),
        (ORIGIN, TEXT, "[]", 400, "not_an_object"),
        (ORIGIN, TEXT, "{}", 422, "missing_field"),
    ] {
        let error = accept(&config, origin, content_type, body.as_bytes()).unwrap_err();
        assert_eq!((error.status(), error.code()), (status, code), "{origin:?} {content_type:?}");
    }
    assert!(accept(&config, ORIGIN, Some("Application/JSON; charset=utf-8"), GOOD.as_bytes()).is_ok());
}

#[test]
fn a_cookieless_visitor_lasts_a_day_and_one_portal() {
    let salt = "a".repeat(64);
    let visitor = |body: &str, client: &Client, salt: &str| envelope_of(body, client, salt).edge.visitor;
    let body = cookieless();
    let id = visitor(&body, &client(), &salt);
    assert!(id.to_string().starts_with('d'));
    assert_eq!(id, visitor(&body, &client(), &salt));
    assert_ne!(id, visitor(&body, &client(), &"b".repeat(64)));
    assert_ne!(id, visitor(&body, &Client { ip: "203.0.113.8".to_owned(), ..client() }, &salt));
    assert_ne!(id, visitor(&body, &Client { user_agent: None, ..client() }, &salt));
}

#[test]
fn a_network_lasts_a_day_and_one_portal_and_is_that_of_the_neighbours() {
    let (salt, other_salt) = ("a".repeat(64), "b".repeat(64));
    let network = |ip: &str, salt: &str| envelope_of(GOOD, &Client { ip: ip.to_owned(), ..client() }, salt).edge.network;
    let id = network("203.0.113.7", &salt);
    assert!(id.is_some());
    assert_eq!(id, network("203.0.113.201", &salt));
    assert_ne!(id, network("203.0.114.7", &salt));
    assert_ne!(id, network("203.0.113.7", &other_salt));
    let config = config();
    let ge = config.portals.get("ge").unwrap();
    assert_ne!(id, network_id(&Salt::shared(&salt), ge, &client()));
}

#[test]
fn without_an_address_or_a_salt_there_is_no_network_and_no_error() {
    let config = config();
    let accepted = || accept(&config, ORIGIN, TEXT, GOOD.as_bytes()).unwrap();
    let own = accepted().into_envelope(&config, &client(), &Salt::own("a"), NOW_MS);
    let nowhere = accepted().into_envelope(&config, &Client::default(), &Salt::shared("a"), NOW_MS);
    assert_eq!((own.edge.network, nowhere.edge.network), (None, None));
    assert!(!own.to_record().unwrap().contains("\"network\":\"\""));
}

#[test]
fn a_visitor_without_consent_is_not_stored() {
    let own = "5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e";
    let record = envelope_of(&cookieless(), &client(), "").to_record().unwrap();
    assert!(!record.contains(own));
    assert!(envelope_of(GOOD, &client(), "").to_record().unwrap().contains(own));
}

#[test]
fn global_privacy_control_overrules_consent() {
    let client = Client { has_gpc: true, ..client() };
    let envelope = envelope_of(GOOD, &client, "");
    assert_eq!(envelope.batch.consent, Consent::Cookieless);
    assert_eq!(envelope.batch.visitor, None);
    assert!(envelope.edge.visitor.to_string().starts_with('d'));
}

#[test]
fn neither_address_nor_agent_nor_query_is_stored() {
    let body = GOOD
        .replace("https://www.google.com/", "https://ana:hush@www.google.com/search?q=ana%40mail.example#x")
        .replace("x.ghtml\",\"link\"", "x.ghtml?token=hush#f\",\"link\"");
    let record = envelope_of(&body, &client(), "").to_record().unwrap();
    for secret in ["203.0.113.", "Mozilla", "hush", "mail.example", "#"] {
        assert!(!record.contains(secret), "{secret} in {record}");
    }
}

#[test]
fn a_compressed_body_is_refused() {
    for encoding in ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, identity", "x"] {
        assert_eq!(check_encoding(Some(encoding)).map_err(|error| error.status()), Err(415), "{encoding}");
    }
    for encoding in [None, Some(""), Some("identity"), Some(" Identity ")] {
        assert_eq!(check_encoding(encoding), Ok(()), "{encoding:?}");
    }
}

#[test]
fn a_bot_is_flagged_and_kept() {
    let edge = |body: &str, client: &Client| envelope_of(body, client, "").edge;
    let driven = GOOD.replace(r#""bot":false"#, r#""bot":true"#);
    let agent = |name: &str| Client { user_agent: Some(name.to_owned()), ..client() };
    assert!(!edge(GOOD, &client()).bot);
    assert!(edge(&driven, &client()).bot);
    assert!(edge(GOOD, &agent("Googlebot/2.1 (+http://www.google.com/bot.html)")).bot);
    assert!(edge(GOOD, &Client { bot_score: Some(29), ..client() }).bot);
    assert!(!edge(GOOD, &Client { bot_score: Some(30), ..client() }).bot);
    // A person's record looks as it did before there was the flag.
    assert!(!envelope_of(GOOD, &client(), "").to_record().unwrap().contains(r#""trust":90,"bot""#));
}

#[test]
fn what_speaks_against_a_batch_lowers_its_trust_and_never_drops_it() {
    let trust = |body: &str, client: &Client| envelope_of(body, client, "").edge.trust;
    assert_eq!(trust(GOOD, &client()), 90, "without a Sec-Fetch-Site");
    for (client, expected) in [
        (Client { has_fetch_site: true, ..client() }, 100),
        (Client { is_no_script: true, ..client() }, 50),
        (Client { pace: Pace::Hurried, ..client() }, 80),
        (Client { bot_score: Some(1), ..client() }, 20),
        (Client { user_agent: None, ..client() }, 60),
    ] {
        assert_eq!(trust(GOOD, &client), expected);
    }
    assert_eq!(trust(&GOOD.replace(r#""engaged_ms":4810"#, r#""engaged_ms":86400000"#), &client()), 60);
}

#[test]
fn a_clock_that_is_ahead_has_a_negative_skew() {
    assert_eq!(difference(1, 3), -2);
    assert_eq!(difference(3, 1), 2);
}

#[test]
fn a_logged_in_reader_is_one_on_every_device() {
    let secret = Some("hush".to_owned());
    let config = Config::parse(Environment { identify_secret: secret, ..Environment::default() }).unwrap();
    let named = |visitor: char, user: &str| {
        let body = GOOD.replace(r#""visitor":"5"#, &format!(r#""user":"{user}","visitor":"{visitor}"#));
        assert_ne!(body, GOOD);
        accept(&config, ORIGIN, TEXT, body.as_bytes()).unwrap()
    };
    let stored = |visitor, user| named(visitor, user).into_envelope(&config, &client(), &Salt::shared(""), NOW_MS);
    let (phone, laptop) = (stored('5', "ana@g1.example"), stored('6', "ana@g1.example"));
    assert_eq!(phone.edge.visitor, laptop.edge.visitor);
    assert!(phone.edge.visitor.to_string().starts_with('e'));
    assert_ne!(phone.edge.visitor, stored('5', "rui@g1.example").edge.visitor);
    let record = serde_json::to_string(&phone).unwrap();
    assert!(!record.contains("ana@") && !record.contains("\"user\""), "the name itself is stored nowhere");
    assert_eq!(named('5', "ana").answer().ignored.len(), 0);
}

#[test]
fn without_a_secret_or_consent_nobody_is_identified() {
    let body = GOOD.replace(r#""visitor":"#, r#""user":"ana","visitor":"#);
    let envelope = envelope_of(&body, &client(), "");
    assert_eq!(Some(envelope.edge.visitor), envelope_of(GOOD, &client(), "").batch.visitor);
    let config = config();
    assert_eq!(accept(&config, ORIGIN, TEXT, body.as_bytes()).unwrap().answer().ignored, ["user"]);
    let secret = Config::parse(Environment { identify_secret: Some("hush".to_owned()), ..Environment::default() }).unwrap();
    let anonymous = body.replace(r#""consent":"full""#, r#""consent":"cookieless""#);
    let envelope =
        accept(&secret, ORIGIN, TEXT, anonymous.as_bytes()).unwrap().into_envelope(&secret, &client(), &Salt::shared("salt"), NOW_MS);
    assert!(envelope.edge.visitor.to_string().starts_with('d') && envelope.batch.user.is_none());
}

#[test]
fn the_edge_knows_which_hosts_are_the_portals_own() {
    let link = |href: &str, said: &str| {
        let body = GOOD.replace("https://g1.example/x.ghtml", href).replace(r#""link":"internal""#, &format!(r#""link":"{said}""#));
        let mut kinds = envelope_of(&body, &client(), "").batch.events.into_iter().map(|event| event.kind);
        kinds.find_map(|kind| if let EventKind::Click { link, .. } = kind { Some(link) } else { None }).unwrap()
    };
    assert_eq!(link("https://m.g1.example/x", "outbound"), LinkKind::Internal);
    assert_eq!(link("https://evil.example/x", "internal"), LinkKind::Outbound);
    assert_eq!(link("https://evil.example/x.pdf", "download"), LinkKind::Download);
}
