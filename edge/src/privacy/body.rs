//! What is kept of a refused body, so that an integrator sees why: its shape, without the reader.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use wire::{PageviewId, Portal, VisitorId};

use super::address::{Address, cleaned};
use super::scan::{Place, masked};
use super::token;

/// Names of readers; what stands there is of no use to an integrator.
const READERS: [&str; 2] = ["user", "visitor"];
const REMOVED: &str = "(removed)";

/// A refused body, cleaned like an accepted one as far as it can be understood: it can be sent again once what refused it is mended.
/// `portal`: whose it says it is, when that exists; `has_gpc`: the reader's browser wants no id.
pub(crate) fn clean_refused(body: &[u8], portal: Option<&Portal>, has_gpc: bool) -> String {
    let cleaner = Cleaner { portal };
    match serde_json::from_slice::<Node>(body) {
        Ok(mut node) => {
            if let Node::Object(fields) = &mut node {
                clean_reader(fields, has_gpc);
            }
            cleaner.clean(&mut node);
            serde_json::to_string(&node).unwrap_or_default()
        }
        Err(_) => cleaner.broken(&String::from_utf8_lossy(body)),
    }
}

/// Who reads: an id only where its reader has agreed to one, a name never.
fn clean_reader(fields: &mut [(String, Node)], has_gpc: bool) {
    let has_agreed =
        fields.iter().any(|(name, value)| name == "consent" && matches!(value, Node::Leaf(Value::String(said)) if said == "full"));
    for (name, value) in fields {
        if name == "user" || name == "visitor" && (has_gpc || !has_agreed) {
            *value = Node::Leaf(Value::Null);
        }
    }
}

#[derive(Clone, Copy)]
struct Cleaner<'a> {
    portal: Option<&'a Portal>,
}

impl Cleaner<'_> {
    fn clean(self, node: &mut Node) {
        match node {
            Node::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Node::Leaf(Value::Null) => {}
                        Node::Leaf(Value::String(id)) if VisitorId::parse(id).is_some() && name == "visitor" => {}
                        Node::Leaf(Value::String(id)) if PageviewId::parse(id).is_some() && name == "pageview" => {}
                        _ if is_reader(name) => *value = Node::Leaf(REMOVED.into()),
                        Node::Leaf(Value::String(text)) if token::is_secrets_name(name) && !text.is_empty() => "(token)".clone_into(text),
                        _ => self.clean(value),
                    }
                    self.text(name);
                }
            }
            Node::Array(values) => values.iter_mut().for_each(|value| self.clean(value)),
            Node::Leaf(Value::String(text)) => self.text(text),
            Node::Leaf(Value::Number(number)) => {
                if let Some(masked) = masked(&number.to_string(), Place::Text) {
                    *node = Node::Leaf(masked.into());
                }
            }
            Node::Leaf(_) => {}
        }
    }

    fn text(self, text: &mut String) {
        if let Some(masked) = self.masked(text) {
            *text = masked;
        }
    }

    fn masked(self, text: &str) -> Option<String> {
        let is_address = text.contains("://");
        let address = is_address.then(|| {
            let own = self.portal.filter(|portal| portal.owns_url(text, true));
            cleaned(text, own.map_or(Address::Foreign, Address::Own))
        });
        // A path, with a query that nobody has looked at.
        let is_path = text.starts_with('/');
        let cut = if is_path { text.split(['?', '#']).next() } else { None };
        let known = address.as_deref().or(cut).unwrap_or(text);
        let place = if is_address || is_path { Place::Path } else { Place::Text };
        masked(known, place).or_else(|| Some(known.to_owned()).filter(|known| known != text))
    }

    /// What is no JSON is read word by word: between quotes and commas stand addresses and values.
    fn broken(self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        // What the word before was: a reader's name, or a password, follows its field.
        let mut is_hidden = false;
        for word in text.split_inclusive(is_delimiter) {
            let (content, end) = word.split_at(word.char_indices().next_back().map_or(0, |(last, _)| last));
            let (content, end) = if end.chars().all(is_delimiter) { (content, end) } else { (word, "") };
            let name = content.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if content.contains("://") || content.starts_with('/') {
                result.push_str(self.masked(content).as_deref().unwrap_or(content));
            } else if is_hidden && !name.is_empty() {
                result.push_str(REMOVED);
                is_hidden = false;
            } else {
                push_form(&mut result, content);
            }
            is_hidden = is_reader(name) || token::is_secrets_name(name) || is_hidden && name.is_empty();
            result.push_str(end);
        }
        // Numbers have blanks in them, too.
        masked(&result, Place::Text).unwrap_or(result)
    }
}

fn is_reader(name: &str) -> bool {
    READERS.iter().any(|reader| name.eq_ignore_ascii_case(reader))
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '"' | '\'' | ',' | '{' | '}' | '[' | ']' | '<' | '>') || c.is_whitespace()
}

/// `user=ana&v=1`: a form that was posted.
fn push_form(result: &mut String, content: &str) {
    for pair in content.split_inclusive('&') {
        if READERS.iter().any(|reader| starts_with_name(pair, reader)) {
            result.push_str(REMOVED);
            result.push_str(if pair.ends_with('&') { "&" } else { "" });
        } else {
            result.push_str(pair);
        }
    }
}

/// `user=ana`, `user:ana`.
fn starts_with_name(content: &str, name: &str) -> bool {
    let rest = content.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).and_then(|_| content.get(name.len()..));
    rest.is_some_and(|rest| rest.starts_with(['=', ':']) && rest.len() > 1)
}

/// JSON whose fields keep their order, and whose repeated fields are all there.
enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Leaf(Value),
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            Self::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Self::Leaf(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Node::Array(values))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Leaf(text.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    fn kept(body: &str) -> String {
        let config = Config::parse(Environment::default()).unwrap();
        clean_refused(body.as_bytes(), config.portals.get("g1"), false)
    }

    #[test]
    fn what_is_json_keeps_its_shape_and_loses_its_reader() {
        let body = r#"{"v":1,"user":"ana-1984","visitor":"5f0c","v":2,"url":"https://g1.example/a?senha=hush&utm_source=zap#f","events":[{"props":{"x":52998224725,"ana@mail.example":"(11) 91234-5678"},"path":"/a?token=hush","senha":"hush"}]}"#;
        let expected = r#"{"v":1,"user":null,"visitor":null,"v":2,"url":"https://g1.example/a?utm_source=zap","events":[{"props":{"x":"(cpf)","(email)":"(phone)"},"path":"/a","senha":"(token)"}]}"#;
        assert_eq!(kept(body), expected);
        assert_eq!(kept(r#"{"v":1,"portal":"zz","x":[1.5,-2,true,null]}"#), r#"{"v":1,"portal":"zz","x":[1.5,-2,true,null]}"#);
    }

    #[test]
    fn a_reader_who_agreed_to_an_id_keeps_it_and_the_batch_can_be_sent_again() {
        let good = include_str!("../../../wire/tests/golden/batch.json");
        let named = good.replace("\"consent\"", "\"user\":\"ana-1984\",\"consent\"");
        let again = wire::Batch::parse(kept(&named).as_bytes()).unwrap();
        assert_eq!(again, wire::Batch::parse(good.as_bytes()).unwrap());
        for (body, has_gpc) in [(named.replace("\"full\"", "\"cookieless\""), false), (named, true)] {
            let again = wire::Batch::parse(clean_refused(body.as_bytes(), None, has_gpc).as_bytes()).unwrap();
            assert_eq!((again.batch.visitor, again.batch.user), (None, None));
        }
        let nested = r#"{"consent":"full","props":{"user":"ana-1984","visitor":"ana"}}"#;
        assert_eq!(kept(nested), r#"{"consent":"full","props":{"user":"(removed)","visitor":"(removed)"}}"#);
    }

    #[test]
    fn what_is_no_json_is_read_word_by_word() {
        for (body, expected) in [
            (r#"{"v":1,"user":"ana-1984","x"#, r#"{"v":1,"user":"(removed)","x"#),
            (r#"{"v":1,"user": 4711,"x"#, r#"{"v":1,"user": (removed),"x"#),
            ("user=ana-1984&v=1", "(removed)&v=1"),
            ("v=1&visitor=5f0c", "v=1&(removed)"),
            (r#"{"senha": "hush", "v":"#, r#"{"senha": "(removed)", "v":"#),
            (
                r#"{"url": "https://g1.example/a?q=hush&utm_source=zap&token=hush#hush", "#,
                r#"{"url": "https://g1.example/a?utm_source=zap", "#,
            ),
            (r#"{"url":"https://g1.example/a?q=hush#x","#, r#"{"url":"https://g1.example/a","#),
            (r#"{"t":"fale com ana@mail.example ou (11) 91234-5678"#, r#"{"t":"fale com (email) ou (phone)"#),
            ("ana@mail.example", "(email)"),
            ("52998224725", r#""(cpf)""#),
            ("", ""),
            ("é", "é"),
        ] {
            assert_eq!(kept(body), expected, "{body}");
        }
    }
}
