//! Records made at random, with keys in any order, and records spoilt at random.

use serde_json::{Map, Value, json};

/// `SplitMix64`: the same sequence on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }

    fn text(&mut self) -> String {
        let words = ["", "Juros caem", "ação \"já\"", "a\\b", "\u{1f4f0} manchete", "linha\nnova", "\u{7}", "https://g1.example/a"];
        self.of(&words)
    }

    fn item(&mut self) -> String {
        let paths = ["/a.ghtml", "/a.ghtml?utm=x#top", "/economia/notícia.ghtml", "/", "/a\\b", "/a b", "", "//evil.example"];
        let most = if self.one_in(40) { paths.len() } else { 5 };
        self.of(&paths[..most])
    }
}

/// An envelope; now and then with a value that is none.
pub(crate) fn envelope(random: &mut Random) -> Value {
    let mut batch = json!({
        "v": 1, "portal": random.of(&["g1", "ge", "a-1"]), "pageview": random.hex(32), "consent": random.of(&["full", "cookieless", "off"]),
        "page": random.of(&["article", "section", "front", "other"]), "url": random.of(&["https://g1.example/x.ghtml?a=1", "http://g1.example", "x"]),
        "sent_at_ms": random.next() >> 20, "events": (0..random.below(6)).map(|seq| event(random, seq)).collect::<Vec<_>>(),
    });
    let optional = [
        ("visitor", json!(random.hex(32))),
        ("item", json!(random.item())),
        ("referrer", json!(random.text())),
        ("meta", json!({"title": random.text(), "section": null, "published_at_ms": random.next(), "later": [{}]})),
        ("dropped", json!(random.below(9))),
        ("bot", json!(random.one_in(2))),
        ("later", json!({"a": [1, "\u{e7}", null]})),
    ];
    some_of(random, &mut batch, optional);
    let mut edge = json!({
        "received_at_ms": random.next() >> 20, "skew_ms": -91, "visitor": random.hex(32), "country": "BR", "region": random.text(), "browser": random.text(),
        "os": "android", "device": "mobile", "source": random.of(&["direct", "internal", "search", "social", "referral"]), "trust": random.below(101),
        "via": random.of(&["direct", "queue", "sqs", "spill", "replay"]), "attempts": 1, "version": "0.1.0", "later": 1.5,
    });
    let optional = [("network", json!(random.hex(16))), ("network", Value::Null), ("bot", json!(random.one_in(2)))];
    some_of(random, &mut edge, optional);
    json!({"v": if random.one_in(30) { 2 } else { 1 }, "batch": batch, "edge": edge})
}

fn event(random: &mut Random, seq: usize) -> Value {
    let mut event = json!({"seq": seq, "at_ms": random.next() >> 20});
    let kind = random.of(&["pageview", "engagement", "engagement", "click", "impression", "custom"]);
    let (required, optional) = match kind.as_str() {
        "engagement" => {
            (json!({"engaged_ms": random.next() >> 30, "scroll_pct": random.below(101)}), vec![("name", json!({"of": "another kind"}))])
        }
        "click" => (
            json!({"href": random.text(), "link": random.of(&["internal", "outbound", "download"])}),
            vec![
                ("rec_id", json!(random.hex(16))),
                ("position", json!(random.below(70_000))),
                ("rec_id", Value::Null),
                ("props", json!(7)),
            ],
        ),
        "impression" => {
            let items: Vec<String> = (0..random.below(5)).map(|_| random.item()).collect();
            (json!({"rec_id": random.hex(16), "placement": random.text(), "items": items}), vec![("href", json!(["of another kind"]))])
        }
        "custom" => {
            let props = json!({"a": true, "\u{e7}": -1.5, "c": random.text(), "d": random.next(), "e": -7});
            (json!({"name": random.of(&["share", "ação"])}), vec![("props", props), ("props", json!({}))])
        }
        _ => (json!({}), vec![("engaged_ms", json!("of another kind")), ("later", json!({"a": 1}))]),
    };
    let fields = event.as_object_mut().unwrap();
    fields.insert("kind".to_owned(), json!(kind));
    fields.extend(required.as_object().unwrap().clone());
    some_of(random, &mut event, optional);
    event
}

fn some_of(random: &mut Random, object: &mut Value, optional: impl IntoIterator<Item = (&'static str, Value)>) {
    for (name, value) in optional {
        if random.one_in(2) {
            object.as_object_mut().unwrap().insert(name.to_owned(), value);
        }
    }
}

/// The text of a value; the keys of every object in any order, now and then one of them twice.
pub(crate) fn shuffled(value: &Value, random: &mut Random) -> String {
    match value {
        Value::Object(fields) => {
            let mut texts: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}:{}", json!(name), shuffled(value, random))).collect();
            for last in (1..texts.len()).rev() {
                texts.swap(last, random.below(last + 1));
            }
            if !texts.is_empty() && random.one_in(150) {
                texts.push(texts[random.below(texts.len())].clone());
            }
            format!("{{{}}}", texts.join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(|value| shuffled(value, random)).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// One field anywhere removed, or given a value of another type.
pub(crate) fn spoil_field(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let name = fields.keys().nth(random.below(fields.len())).unwrap().clone();
            if random.one_in(3) || matches!(&fields[&name], Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null) {
                replace(fields, name, random);
            } else {
                spoil_field(&mut fields[&name], random);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let at = random.below(values.len());
            spoil_field(&mut values[at], random);
        }
        other => *other = Value::Null,
    }
}

fn replace(fields: &mut Map<String, Value>, name: String, random: &mut Random) {
    let values = [
        json!(null),
        json!(-1),
        json!(256),
        json!(1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([1]),
        json!(true),
        json!(u64::MAX),
    ];
    match random.below(values.len() + 2) {
        at if at < values.len() => fields.insert(name, values[at].clone()),
        _ => fields.remove(&name),
    };
}

/// One byte anywhere replaced, removed or doubled, or the rest cut off.
pub(crate) fn spoil_bytes(record: &mut Vec<u8>, random: &mut Random) {
    if record.is_empty() {
        return;
    }
    let at = random.below(record.len());
    match random.below(5) {
        0 => record.truncate(at),
        1 => drop(record.remove(at)),
        2 => record.insert(at, record[at]),
        3 => record[at] = b"{}[]\",:\\0919-+.eE u\n"[random.below(20)],
        _ => record[at] = u8::try_from(random.below(256)).unwrap(),
    }
}
