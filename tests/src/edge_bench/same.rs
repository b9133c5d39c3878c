//! Whether the worker in JavaScript does what the worker does: the same posts to both, and the same answers and records from both.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};

use crate::batch::Batches;
use crate::ledger;
use crate::load::{Connection, Post};
use crate::stand_ins::StandIns;

/// What a worker made of a post: `status`, `answer` and, if there is one, `record`.
type Made = Value;

struct Case {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
}

/// How many posts were compared; none when either is not asked.
pub(crate) async fn check(workers: &[(&str, u16)], stand_ins: &StandIns) -> Result<usize> {
    let port = |wanted: &str| workers.iter().find(|(name, _)| *name == wanted).map(|(_, port)| *port);
    let Some(js) = port("js") else { return Ok(0) };
    let mut compared = 0;
    for ours in ["ours", "ours-group"].into_iter().filter_map(port) {
        for case in cases() {
            let expected = made(ours, &case, stand_ins).await.with_context(|| format!("ours, {}", case.name))?;
            let found = made(js, &case, stand_ins).await.with_context(|| format!("js, {}", case.name))?;
            let differences = differences(&expected, &found);
            ensure!(differences.is_empty(), "ours and the worker in JavaScript differ on {}:\n{}", case.name, differences.join("\n"));
            compared += 1;
        }
    }
    Ok(compared)
}

async fn made(port: u16, case: &Case, stand_ins: &StandIns) -> Result<Made> {
    stand_ins.take();
    let request = Post { method: Method::POST, path: "/pageview", headers: &case.headers, body: case.body.clone() };
    let (status, body) = Connection::open(port).await?.ask(request).await?;
    let (calls, queued) = stand_ins.take();
    ensure!(queued.is_empty() && calls.len() <= 1, "{} calls, {} batches in the queue", calls.len(), queued.len());
    let records = calls.first().map(ledger::records).transpose()?.unwrap_or_default();
    ensure!(records.len() <= 1, "{} records of one post", records.len());
    let record = records.first().map(|record| serde_json::from_str(record)).transpose()?.map(without_times);
    let answer = without_words(serde_json::from_slice(&body).unwrap_or(Value::Null));
    Ok(json!({ "status": status, "answer": answer, "record": record }))
}

/// Where two values differ, and how.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", one, other, &mut found);
    found
}

fn compare(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let names: BTreeSet<&String> = ones.keys().chain(others.keys()).collect();
            for name in names {
                match (ones.get(name), others.get(name)) {
                    (Some(one), Some(other)) => compare(&format!("{place}/{name}"), one, other, found),
                    (one, other) => found.push(format!("  {place}/{name}: {one:?} and {other:?}")),
                }
            }
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            for (index, (one, other)) in ones.iter().zip(others).enumerate() {
                compare(&format!("{place}/{index}"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("  {place}: {one} and {other}")),
    }
}

/// When it came differs, and so does the version of the program; what an isolate tells of itself the other has not.
fn without_times(mut record: Value) -> Value {
    if let Some(edge) = record.get_mut("edge").and_then(Value::as_object_mut) {
        for name in ["received_at_ms", "skew_ms", "version", "tally"] {
            edge.remove(name);
        }
    }
    record
}

/// Messages are for people, and may differ; codes may not.
fn without_words(mut answer: Value) -> Value {
    if let Some(error) = answer.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("message");
    }
    answer
}

/// Readers so far: each case is another's, for one who posts them all would be in a hurry.
static READERS: AtomicU64 = AtomicU64::new(0);

/// A good batch, with other values at some places; `null` takes one away. Of a reader with an id, or without one.
fn batch(nth: u64, changes: &[(&str, Value)]) -> Vec<u8> {
    let nth = nth + 2 * READERS.fetch_add(1, Ordering::Relaxed);
    let mut batch: Value = serde_json::from_slice(&Batches::new().body(nth).0).unwrap_or_default();
    for (pointer, value) in changes {
        if let Some(place) = batch.pointer_mut(pointer) {
            *place = value.clone();
        }
    }
    batch.to_string().into_bytes()
}

fn case(name: &'static str, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> Case {
    let usual = [("content-type", "text/plain;charset=UTF-8"), ("cf-connecting-ip", "203.0.113.77")];
    let usual = usual.into_iter().filter(|(name, _)| !headers.iter().any(|(own, _)| own == name));
    Case { name, headers: usual.chain(headers.iter().copied()).collect(), body }
}

fn changed(name: &'static str, changes: &[(&str, Value)]) -> Case {
    case(name, &[], batch(0, changes))
}

fn cases() -> Vec<Case> {
    let mut cases = requests();
    cases.extend(bodies());
    cases.extend(events());
    cases.extend(persons());
    cases.extend(readings());
    cases
}

/// What names a person, and what does not.
fn persons() -> Vec<Case> {
    let title = |name, title: &str| changed(name, &[("/meta/title", json!(title))]);
    let url = |name, url: &str| changed(name, &[("/url", json!(url)), ("/item", Value::Null)]);
    vec![
        title("an e-mail address", "Fale com a repórter: ana.silva@gmail.com"),
        title("a CPF", "Consulta do CPF 526.018.159-06 - Receita Federal"),
        title("eleven digits that are no CPF", "Pedido 52601815907 entregue em 10,5% do prazo"),
        title("a telephone number", "Ligue para (48) 97942-2012 e participe"),
        title("a key", "Erro: token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0 vencido"),
        title("sums of money", "Governo arrecada R$ 1.234.567.890,12 com leilão, diz PIB de 203.080.756 pessoas"),
        url("parameters of a campaign", "https://g1.example/a.ghtml?utm_source=push&id=7&utm_medium=app#x"),
        url("an e-mail address as a parameter", "https://g1.example/a.ghtml?utm_source=ana%40mail.example&utm_term=juros+altos"),
        url("an e-mail address in a path", "https://g1.example/usuario/ana.silva@gmail.com/noticias"),
        changed("an item that names a person", &[("/item", json!("/usuario/ana.silva@gmail.com"))]),
        changed("a search", &[("/referrer", json!("https://www.google.com/search?q=ana&utm_campaign=x"))]),
        changed(
            "a property that names a person",
            &[("/events/7/props", json!({"from": "ana@mail.example", "n": 52_998_224_725_u64, "ok": true}))],
        ),
        changed("a picture with parameters", &[("/meta/image", json!("https://s2.g1.example/j.jpg?w=620&h=413"))]),
    ]
}

/// Figures that cannot be.
fn readings() -> Vec<Case> {
    let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let score = "{\"country\":\"BR\",\"botManagement\":{\"score\":5}}";
    vec![
        changed("engaged for longer than the page was there", &[("/events/5/engaged_ms", json!(3_600_000))]),
        changed("engaged time that fell", &[("/events/4/engaged_ms", json!(10))]),
        changed("depth that fell", &[("/events/5/scroll_pct", json!(1))]),
        changed("an event before its pageview", &[("/events/7/at_ms", json!(1_700_000_000_000_u64))]),
        changed("an event of tomorrow", &[("/events/8/at_ms", json!(3_000_000_000_000_u64))]),
        case("a navigation", &navigation, batch(0, &[])),
        case("what the platform takes for a program", &[("x-bench-cf", score)], batch(0, &[])),
    ]
}

/// What is said around the body.
fn requests() -> Vec<Case> {
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let edge =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
    let good = || batch(0, &[]);
    vec![
        case("a good batch of a reader with an id", &[], good()),
        case("a good batch of a reader without an id", &[], batch(1, &[])),
        case("a good batch as JSON", &[("content-type", "application/json")], good()),
        case("another content type", &[("content-type", "text/html")], good()),
        case("no content type", &[("content-type", "")], good()),
        case("an origin of nobody", &[("origin", "https://evil.example")], good()),
        case("an origin of another portal", &[("origin", "https://ge.example")], good()),
        case("an origin of a subdomain", &[("origin", "https://m.g1.example")], good()),
        case("no origin", &[("origin", "")], good()),
        case("origin null", &[("origin", "null")], good()),
        case("a bot", &[("user-agent", bot)], good()),
        case("a browser on a desktop", &[("user-agent", edge)], batch(1, &[])),
        case("no user agent", &[("user-agent", "")], good()),
        case("no Sec-Fetch-Site", &[("sec-fetch-site", "")], good()),
        case("GPC", &[("sec-gpc", "1")], good()),
        case("IPv6", &[("cf-connecting-ip", "2001:db8:1:2:3:4:5:6")], batch(1, &[])),
        case("no address", &[("cf-connecting-ip", "")], batch(1, &[])),
        case("no place", &[("x-bench-cf", "{}")], good()),
    ]
}

/// The batch without its events.
fn bodies() -> Vec<Case> {
    let cut = |bytes: usize| batch(0, &[]).into_iter().take(bytes).collect::<Vec<u8>>();
    vec![
        case("a body that is too large", &[], vec![b' '; 70_000]),
        case("a body that is cut", &[], cut(1_000)),
        case("an empty body", &[], Vec::new()),
        case("a list", &[], b"[]".to_vec()),
        case("nothing in it", &[], b"{}".to_vec()),
        changed("another version", &[("/v", json!(2))]),
        changed("an unknown portal", &[("/portal", json!("zz"))]),
        changed("a portal that is none", &[("/portal", json!("G1"))]),
        changed("a pageview that is none", &[("/pageview", json!("5F0c"))]),
        changed("a visitor that is none", &[("/visitor", json!("x"))]),
        changed("consent to nothing", &[("/consent", json!("off"))]),
        changed("no address", &[("/url", Value::Null)]),
        changed("an address elsewhere", &[("/url", json!("https://cache.example/g1/a"))]),
        changed("an address of a script", &[("/url", json!("javascript:alert(1)"))]),
        changed("an address with a user", &[("/url", json!("https://ana:secret@g1.example/a?email=ana@mail.example#x"))]),
        changed("an item with a query", &[("/item", json!("/a.ghtml?x=1"))]),
        changed("an item that is none", &[("/item", json!("juros"))]),
        changed("a page of another kind", &[("/page", json!("website"))]),
        changed("a page of a program", &[("/bot", json!(true))]),
        changed("a referrer of the portal", &[("/referrer", json!("https://m.g1.example/x?y=1"))]),
        changed("a referrer of a network", &[("/referrer", json!("https://l.instagram.com/?u=x"))]),
        changed("a referrer that is an app", &[("/referrer", json!("android-app://com.google.android.gm"))]),
        changed("a picture from the root", &[("/meta/image", json!("/img/a.jpg"))]),
        changed("a picture that is none", &[("/meta/image", json!("javascript:alert(1)"))]),
        changed("a time of publication that is none", &[("/meta/published_at_ms", json!(5))]),
        changed("a long title", &[("/meta/title", json!("é".repeat(600)))]),
        changed("no meta", &[("/meta", Value::Null)]),
        changed("a dropped count that is none", &[("/dropped", json!("0"))]),
        changed("no events", &[("/events", json!([]))]),
        changed("too many events", &[("/events", json!(vec![json!({"seq":0,"kind":"pageview","at_ms":1_795_337_000_123_u64}); 101]))]),
        changed("no good event", &[("/events", json!([{"seq":-1}]))]),
    ]
}

/// Bad events beside good ones.
fn events() -> Vec<Case> {
    let custom = |props: Value| changed("properties of an event", &[("/events/7/props", props)]);
    vec![
        changed("an event with a bad position", &[("/events/9/position", json!(-2))]),
        changed("an event that is no object", &[("/events/3", json!(7))]),
        changed("an event of an unknown kind", &[("/events/3/kind", json!("wave"))]),
        changed("an event without a time", &[("/events/3/at_ms", Value::Null)]),
        changed("an event of 1970", &[("/events/3/at_ms", json!(5))]),
        changed("a repeated seq", &[("/events/3/seq", json!(2))]),
        changed("a seq that is too large", &[("/events/3/seq", json!(10_000))]),
        changed("more than all of the page", &[("/events/3/scroll_pct", json!(101))]),
        changed("more than a day", &[("/events/3/engaged_ms", json!(86_400_001))]),
        changed("a list that nobody saw", &[("/events/6/items", json!([]))]),
        changed("an item of a list that is none", &[("/events/6/items/1", json!("x"))]),
        changed("a list without its answer", &[("/events/6/rec_id", json!("9A"))]),
        changed("a list without a place", &[("/events/6/placement", json!(""))]),
        changed("a link of a script", &[("/events/8/href", json!("javascript:alert(1)"))]),
        changed("a link to a file", &[("/events/8/link", json!("download"))]),
        changed("a link that says it is the portal's", &[("/events/8/link", json!("internal"))]),
        changed("a link to the portal with a user", &[("/events/8/href", json!("https://u@m.g1.example/a?b#c"))]),
        changed("a name that is too long", &[("/events/7/name", json!("x".repeat(65)))]),
        changed("a name with a control character", &[("/events/7/name", json!("a\u{1}"))]),
        custom(json!({"a": true, "b": -1.5, "c": "x"})),
        custom(json!({"a": [1]})),
        custom(json!({"a": "é".repeat(257)})),
        custom(Value::Null),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_is_found() {
        let made = json!({"status": 202, "answer": {"accepted": 1}, "record": {"batch": {"events": [{"seq": 0}, {"seq": 1}]}}});
        assert_eq!(differences(&made, &made).len(), 0);
        for (pointer, value) in [
            ("/status", json!(200)),
            ("/answer/accepted", json!(2)),
            ("/record", Value::Null),
            ("/record/batch/events/1/seq", json!("1")),
            ("/record/batch/events", json!([{"seq": 0}])),
            ("/record/batch/events/0", json!({"seq": 0, "more": null})),
        ] {
            let mut other = made.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            assert_eq!(differences(&made, &other).len(), 1, "{pointer}");
        }
    }
}
