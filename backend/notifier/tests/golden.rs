//! One event of each kind, and byte for byte what people read of it. `PULSO_WRITE_GOLDEN=1` renews what they read: look at the difference.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use notifier::{Message, read};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn told(event: &[u8]) -> String {
    let mut text = String::new();
    for news in read(event).unwrap_or_default() {
        let message = Message::of(&news);
        let webhook = serde_json::to_string_pretty(&message.webhook).unwrap_or_default();
        let (subject, email, sms, urgency) = (&message.subject, &message.email, &message.sms, message.urgency.as_str());
        let _ =
            write!(text, "-- {urgency}, key {}\n-- subject\n{subject}\n-- e-mail\n{email}-- SMS\n{sms}\n-- webhook\n{webhook}\n", news.key);
    }
    if text.is_empty() { "-- nothing\n".to_owned() } else { text }
}

#[test]
fn what_people_read_is_what_was_agreed() {
    let (mut events, mut different) = (0, Vec::new());
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        events += 1;
        let text = told(&fs::read(&path).unwrap());
        let agreed = path.with_extension("txt");
        if std::env::var_os("PULSO_WRITE_GOLDEN").is_some() {
            fs::write(&agreed, &text).unwrap();
        }
        if fs::read_to_string(&agreed).unwrap_or_default() != text {
            different.push(format!("{}\n{text}", agreed.display()));
        }
    }
    assert!(events >= 12, "{events} golden events");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_message_fits_its_way() {
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for news in read(&fs::read(&path).unwrap()).unwrap() {
            let message = Message::of(&news);
            let subject = &message.subject;
            assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject}");
            assert!(message.sms.chars().count() <= 140 && !message.sms.contains('\n'), "{}", message.sms);
            assert!(message.webhook["text"].as_str().is_some_and(|text| !text.is_empty()));
        }
    }
}
