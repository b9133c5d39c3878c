//! Holds every message against its golden file and its JSON Schema.
//!
//! Changing a golden file is changing the protocol: add, do not edit. After an addition to a type,
//! `PULSO_WRITE_SCHEMAS=1 cargo test -p wire` writes the schemas anew.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic like the test itself")]

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::model::{CONTEXTS, EMBEDDING, FACTS, Knowledge as _, List, Model, Neighbour, Parts, PartsItem, WORDS, Weights};

fn path(folder: &str, name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), folder, name].iter().collect()
}

fn golden(name: &str) -> String {
    std::fs::read_to_string(path("tests/golden", name)).unwrap()
}

/// Reading and writing gives the same bytes, and the schema on disk is the type's.
fn holds<T: Serialize + DeserializeOwned + JsonSchema>(name: &str) {
    let text = golden(&format!("{name}.json"));
    let value: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap() + "\n", text, "{name} does not survive a round trip");

    let schema = serde_json::to_string_pretty(&schemars::schema_for!(T)).unwrap() + "\n";
    let file = path("schema", &format!("{name}.schema.json"));
    if std::env::var_os("PULSO_WRITE_SCHEMAS").is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(on_disk == schema, "{} is not current: PULSO_WRITE_SCHEMAS=1 cargo test -p wire", file.display());
}

#[test]
fn messages_hold_to_their_golden_files_and_schemas() {
    holds::<wire::Batch>("batch");
    holds::<wire::CollectAnswer>("collect_answer");
    holds::<wire::Envelope>("envelope");
    holds::<wire::DeadLetter>("dead_letter");
    holds::<wire::BadBody>("bad_body");
    holds::<wire::Interaction>("interaction");
    holds::<wire::Recommendations>("recommendations");
    holds::<wire::Cards>("cards");
    holds::<wire::Rules>("rules");
    holds::<wire::Catalogue>("catalogue");
    holds::<wire::ErrorBody>("error");
}

/// A model of three articles, with something in each of its sections.
fn model() -> Parts {
    let item = |path: &str, next: u32| PartsItem {
        path: path.to_owned(),
        first_seen_s: 1_795_337_000,
        section: 1,
        facts: [-2.0; FACTS],
        embedding: [0.25; EMBEDDING],
        history: [-0.5; EMBEDDING],
        neighbours: vec![Neighbour { item: next, fast: 0.5, slow: 0.25, back: 0.125 }],
        lifts: Some(Box::new([0.5; WORDS])),
    };
    Parts {
        name: "1795337100000".to_owned(),
        generated_at_ms: 1_795_337_100_000,
        items: vec![item("/x.ghtml", 1), item("/y.ghtml", 2), item("/z.ghtml", 0)],
        sections: vec!["rio".to_owned()],
        words: vec![(1, "chrome".to_owned()), (9, "mobile".to_owned())],
        trending: vec![(0, 2.5)],
        top_pages: vec![(1, 9.0)],
        latest: vec![(2, 1.0)],
        leaders: vec![0, 1],
        word_embeddings: vec![[0.125; EMBEDDING]; WORDS],
        weights: Some(Weights::blank()),
    }
}

#[test]
fn the_model_blob_holds_to_its_golden_file() {
    let file = path("tests/golden", "model.bin");
    let blob = model().write();
    if std::env::var_os("PULSO_WRITE_SCHEMAS").is_some() {
        std::fs::write(&file, &blob).unwrap();
    }
    assert!(std::fs::read(&file).unwrap() == blob, "model.bin is not what is written; a changed format needs another version");
    let model = Model::open(blob).unwrap();
    let page = model.index_of("/x.ghtml").unwrap();
    let words = [1, 9, 16, 32, 48, 88, 97, 104];
    let mut lifts = [0.0; CONTEXTS];
    model.lifts(page, &words, &mut lifts);
    assert!(lifts.iter().all(|lift| (lift - 0.5).abs() < 0.02), "{lifts:?}");
    assert_eq!(
        (model.version(), model.section_of(page), model.list(List::TopPages).next()),
        ("1795337100000", Some("rio"), Some((1, 9.0)))
    );
}

#[test]
fn parsers_accept_the_golden_messages() {
    let parsed = wire::Batch::parse(golden("batch.json").as_bytes()).unwrap();
    assert_eq!((parsed.batch.events.len(), parsed.rejected.len()), (5, 0));
    let envelope = wire::Envelope::parse(golden("envelope.json").as_bytes()).unwrap();
    assert_eq!(envelope.batch, parsed.batch);
    assert_eq!(envelope.to_record().unwrap(), golden("envelope.json"));
    let bot = wire::Envelope::parse(golden("envelope_bot.json").as_bytes()).unwrap();
    assert!(bot.edge.bot && !envelope.edge.bot);
    assert_eq!(bot.to_record().unwrap(), golden("envelope_bot.json"));
    let told = wire::Envelope::parse(golden("envelope_tally.json").as_bytes()).unwrap();
    assert_eq!(told.edge.tally.map(|tally| (tally.posts, tally.put_ms_max, tally.dead)), Some((41, 24, 1)));
    assert_eq!(told.to_record().unwrap(), golden("envelope_tally.json"));
    let message = wire::RetryMessage::parse(&golden("retry_message.txt")).unwrap();
    assert_eq!(message.record, golden("envelope.json"));
    wire::Cards::parse(golden("cards.json").as_bytes()).unwrap();
    wire::Rules::parse_strictly(golden("rules.json").as_bytes()).unwrap();
    wire::Catalogue::parse(golden("catalogue.json").as_bytes()).unwrap();
    wire::Interaction::parse(golden("interaction.json").as_bytes()).unwrap();
}

#[test]
fn unknown_fields_are_ignored() {
    let later = golden("batch.json").replacen("{\"v\":1", "{\"v\":1,\"later\":{\"a\":[1]}", 1);
    assert!(wire::Batch::parse(later.as_bytes()).is_ok());
    let later = golden("envelope.json").replacen("\"skew_ms\"", "\"later\":1,\"skew_ms\"", 1);
    assert!(wire::Envelope::parse(later.as_bytes()).is_ok());
}

#[test]
fn messages_from_before_a_field_was_added_are_read() {
    for (name, fields) in [
        ("envelope", &[",\"network\":\"1d786e3b17ce6f46\""][..]),
        (
            "interaction",
            &[
                ",\"network\":\"1d786e3b17ce6f46\"",
                r#","context":{"browser":"chrome","os":"android","device":"mobile","country":"BR","region":"RJ","source":"search"}"#,
            ],
        ),
    ] {
        let text = golden(&format!("{name}.json"));
        let older = fields.iter().fold(text.clone(), |text, field| text.replace(field, ""));
        assert_eq!(older.len() + fields.iter().map(|field| field.len()).sum::<usize>(), text.len());
        match name {
            "envelope" => assert_eq!(wire::Envelope::parse(older.as_bytes()).unwrap().to_record().unwrap(), older),
            _ => assert_eq!(serde_json::to_string(&wire::Interaction::parse(older.as_bytes()).unwrap()).unwrap() + "\n", older),
        }
    }
}
