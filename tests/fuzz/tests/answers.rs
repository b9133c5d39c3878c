//! What services, models, addresses and headers say: no panic, and nothing becomes what it was not.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test itself")]

use std::sync::LazyLock;

use bolero::check;
use edge::agent::Agent;
use edge::aws::kinesis::{self, Outcome};
use edge::aws::sign::{Payload, Scope, Unsigned, sign};
use edge::aws::sqs;
use edge::config::{Config, Credentials, Environment, Secret};
use edge::facts::Facts;
use edge::query::Query;
use edge::recommend::{Context, Door, LIMIT_MAX, Model, Ranker, Request, Scratch, Wish};
use edge::{auth, bad, cors, network, probe, route, source};
use pulso_fuzz::{Chance, Tally, WORDS, inputs, spoilt, spoilt_text};
use wire::{Item, OriginPattern, instant};

const MODEL: &[u8] = include_bytes!("../../../wire/tests/golden/model.bin");
const NOW_MS: u64 = 1_795_337_005_301;
/// Where the checksum of a model stands, and what it covers.
const CHECKSUM: std::ops::Range<usize> = 12..16;

fn config() -> Config {
    let environment = Environment {
        aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
        aws_secret_access_key: Some("hush".to_owned()),
        admin_secret: Some("correct-horse".to_owned()),
        admin_secret_next: Some("battery-staple".to_owned()),
        ..Environment::default()
    };
    Config::parse(environment).unwrap()
}

#[test]
fn signatures() {
    static TALLY: Tally = Tally::new("signatures");
    let secret = |text: &str| Secret::parse(Some(text.to_owned())).unwrap();
    let credentials = Credentials { access_key_id: secret("AKIDEXAMPLE"), secret_access_key: secret("hush") };
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let method = chance.of(&["POST", "GET", "", "P O", "post", "\u{0}"]).to_owned();
        let url = spoilt_text(&["https://kinesis.sa-east-1.amazonaws.com/", "http://127.0.0.1:9304/a%20b/?q=1&q=%ff&=&b=%2F"], &mut chance);
        let value = spoilt_text(&["application/x-amz-json-1.1", "  a   b  ", "Kinesis_20131202.PutRecords"], &mut chance);
        let name = spoilt_text(&["content-type", "X-Amz-Target", "host"], &mut chance);
        let headers = [("host", "kinesis.sa-east-1.amazonaws.com"), (name.as_str(), value.as_str())];
        let at_ms = if chance.byte() < 8 { u64::from(chance.byte()) << 40 } else { NOW_MS };
        let request = Unsigned { method: &method, url: &url, headers: &headers, body: Payload::Bytes(chance.rest()) };
        let scope = Scope { region: "sa-east-1", service: "kinesis" };
        let signed = sign(request, scope, &credentials, at_ms);
        TALLY.note(signed.is_ok());
        assert_eq!(signed, sign(request, scope, &credentials, at_ms), "the same request has another signature");
        let Ok(added) = signed else { return };
        for (name, value) in &added {
            assert!(!value.contains(['\r', '\n', '\0']), "{name} has a line break");
            assert!(!value.contains("hush"));
        }
        let authorization = &added.iter().find(|(name, _)| name == "authorization").unwrap().1;
        let signature = authorization.rsplit_once("Signature=").unwrap().1;
        assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{authorization}");
    });
    TALLY.end(50);
}

#[test]
fn models() {
    static TALLY: Tally = Tally::new("models");
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let mut blob = spoilt(&[MODEL], &mut chance);
        if chance.byte() < 128 {
            // Paths are few among many numbers.
            let slashes: Vec<usize> = (0..blob.len()).filter(|at| blob.get(*at) == Some(&b'/')).collect();
            let at = if slashes.is_empty() { 0 } else { chance.of(&slashes) } + chance.below(4);
            let byte = chance.byte();
            blob.get_mut(at).into_iter().for_each(|there| *there = byte);
        }
        if chance.byte() < 200 && blob.len() > CHECKSUM.end + 4 {
            // Whoever knows the secret can make length and checksum fit.
            let length = u32::try_from(blob.len()).unwrap();
            blob[CHECKSUM.end..CHECKSUM.end + 4].copy_from_slice(&length.to_le_bytes());
            let checksum = crc32(&blob[CHECKSUM.end..]);
            blob[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        }
        let model = Model::open(blob);
        TALLY.note(model.is_ok());
        let Ok(model) = model else { return };
        let request = Request { read: &[0, 1, 99], context: Context::default(), now_ms: NOW_MS };
        let ranked = model.rank(&request, Ranker::Full, &mut Scratch::default());
        assert!(ranked.iter().all(|ranked| Item::parse(model.item(ranked.item)).is_some()));
        assert!(ranked.iter().all(|ranked| ranked.score.is_finite()));
    });
    TALLY.end(20);
}

/// CRC-32 (IEEE), with nothing of the code that checks it.
fn crc32(bytes: &[u8]) -> u32 {
    static TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
        let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        std::array::from_fn(|byte| (0..8).fold(u32::try_from(byte).unwrap(), step))
    });
    let entry = |crc: u32, byte: u8| TABLE.get(usize::from(crc.to_le_bytes()[0] ^ byte)).copied().unwrap();
    !bytes.iter().fold(u32::MAX, |crc, byte| crc >> 8 ^ entry(crc, *byte))
}

#[test]
fn questions() {
    static TALLY: Tally = Tally::new("questions");
    let config = config();
    let portal = config.portals.get("g1").unwrap();
    let good = [
        "portal=g1&item=/a.ghtml&read=/b.ghtml,/c.ghtml&limit=10&section=rio&exclude=/d&published_after=2026-11-22T18:30:00-03:00",
        "visitor=5f0c2b7d9e1a4c3f8b6d0e2a7c4f9b15&referrer=https%3A%2F%2Ft.co%2Fa&read=/0,,MUL123-5598,00.html,/x&limit=50",
        "after=bad/2026-11-22/0&since_ms=1795337005301&limit=5",
    ];
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let door = chance.of(&[Door::Recommendations, Door::Similar, Door::Trending, Door::TopPages, Door::Latest]);
        let text = spoilt_text(&good, &mut chance);
        let wish = Wish::parse(Query::new(&text), door, portal, chance.byte() < 128);
        TALLY.note(wish.is_ok());
        if let Ok(wish) = wish {
            assert!((1..=LIMIT_MAX).contains(&wish.limit) && wish.read.len() <= 100 && wish.exclude.len() <= 100);
            for item in wish.item.iter().chain(&wish.read).chain(&wish.exclude) {
                assert_eq!(Item::parse(item.as_str()).as_ref(), Some(item));
            }
        }
        if let Ok(wanted) = bad::wanted(Query::new(&text)) {
            assert!((1..=50).contains(&wanted.limit));
        }
        let _ = (probe::is_wanted(&text), instant::parse_ms(&text));
    });
    TALLY.end(50);
}

#[test]
fn origins() {
    static TALLY: Tally = Tally::new("origins");
    let config = config();
    let good = ["https://g1.example", "https://m.g1.example", "https://*.g1.example", "http://g1.localhost:*", "https://ge.example:8443"];
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let origin = spoilt_text(&good, &mut chance);
        if let Some(pattern) = OriginPattern::parse(&origin) {
            let text = String::from(pattern.clone());
            assert_eq!(OriginPattern::parse(&text), Some(pattern));
        }
        let headers = cors::headers(&config, Some(&origin));
        let reflected = headers.iter().find(|(name, _)| *name == "access-control-allow-origin").map(|(_, value)| value.as_str());
        TALLY.note(reflected.is_some());
        if let Some(reflected) = reflected {
            let host = reflected.strip_prefix("https://").unwrap();
            let is_of =
                |portal: &str| host == portal || host.strip_suffix(portal).is_some_and(|before| before.ends_with('.') && before.len() > 1);
            assert!(is_of("g1.example") || is_of("ge.example"), "{reflected:?}");
            assert!(host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')), "{reflected:?}");
        }
        assert!(headers.iter().all(|(name, _)| !name.contains("credentials")));
    });
    TALLY.end(20);
}

#[test]
fn answers_of_aws() {
    static TALLY: Tally = Tally::new("answers of aws");
    let good = [
        r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"49","ShardId":"shardId-0"},{"SequenceNumber":"50","ShardId":"shardId-0"}]}"#,
        r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"49","ShardId":"shardId-0"},{"ErrorCode":"InternalFailure","ErrorMessage":"x"}]}"#,
        r#"{"__type":"com.amazonaws.kinesis#ResourceNotFoundException","message":"x"}"#,
        r#"{"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274","MD5OfMessageBody":"x"}"#,
    ];
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let (count, status) = (chance.of(&[2, 2, 2, 0, 1, 3]), chance.of(&[200, 200, 200, 400, 403, 500, 0]));
        let body = spoilt_text(&good, &mut chance);
        let outcomes = kinesis::outcomes(count, status, &body);
        TALLY.note(outcomes.contains(&Outcome::Stored));
        assert_eq!(outcomes.len(), count);
        for outcome in &outcomes {
            match outcome {
                Outcome::Stored => assert!(status == 200 && body.contains("SequenceNumber") || body.contains("\\u")),
                Outcome::Failed { reason } => {
                    assert!(reason.len() <= 64 && reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')));
                }
            }
        }
        if sqs::is_sent(status, &body) {
            assert_eq!(status, 200);
        }
    });
    TALLY.end(20);
}

#[test]
fn heads_of_requests() {
    static TALLY: Tally = Tally::new("heads of requests");
    let config = config();
    let portal = config.portals.get("g1").unwrap();
    let agents =
        ["Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", "curl/8.0"];
    let paths = ["/pageview", "/admin/portals/g1/rules", "/v/0a1b2c3d/pulso.js", "/recommendations", "/health"];
    let bearers = ["Bearer correct-horse", "Bearer battery-staple", "bearer  correct-horse "];
    check!().with_iterations(inputs()).for_each(|bytes: &[u8]| {
        let mut chance = Chance::new(bytes);
        let text = match chance.below(4) {
            0 => spoilt_text(&agents, &mut chance),
            1 => spoilt_text(&["192.0.2.17", "2001:db8::17", "::ffff:192.0.2.1"], &mut chance),
            2 => spoilt_text(&["https://www.google.com/search?q=x", "https://g1.example/a", "android-app://com.google"], &mut chance),
            _ => format!("{}{}", chance.of(WORDS), spoilt_text(&agents, &mut chance)),
        };
        let agent = Agent::parse(Some(&text));
        assert!([agent.browser, agent.os, agent.device].iter().all(|family| family.bytes().all(|byte| byte.is_ascii_lowercase())));
        let _ = (source::classify(Some(&text), portal, false), network::of_address(&text));
        let facts = Facts::parse(&text, chance.below(2) == 0);
        assert!(facts.client.country.len() <= 3 && facts.client.region.len() <= 3);
        assert!([facts.origin, facts.content_type].iter().flatten().all(|line| !line.contains('\n')));
        let path = spoilt_text(&paths, &mut chance);
        let is_door = route::route(chance.of(&["GET", "POST", "PUT", "OPTIONS", "DELETE"]), &path).is_ok();
        let bearer = spoilt_text(&bearers, &mut chance);
        let is_in = auth::admit(Some(&bearer), &config).is_ok();
        let token = bearer.split_once(' ').map(|(_, token)| token.trim());
        assert!(!is_in || token.is_some_and(|token| token == "correct-horse" || token == "battery-staple"), "{bearer:?}");
        TALLY.note(is_door);
    });
    TALLY.end(20);
}
