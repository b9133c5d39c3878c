//! The shell in a real browser: real listeners, real storage; only `fetch` and `sendBeacon` are stood in for.
#![cfg(target_arch = "wasm32")]

use js_sys::{Array, Function, Promise, Reflect};
use tracker::{Config, Consent, Error, Tracker};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::Storage;
use wire::{Batch, EventKind, LinkKind};

wasm_bindgen_test_configure!(run_in_browser);

fn js(code: &str) -> JsValue {
    Function::new_no_args(code).call0(&JsValue::NULL).unwrap()
}

/// Every body goes to `window.sent`; posts are answered with `status`.
fn network(status: u16) {
    js(&format!(
        "window.sent = []; window.realFetch ??= window.fetch;
         window.fetch = (url, init) => {{
           if (!String(url).endsWith('/pageview')) return window.realFetch(url, init);
           sent.push(init.body); return Promise.resolve(new Response('', {{ status: {status} }}));
         }};
         navigator.sendBeacon = (url, body) => {{ sent.push(body); return true; }};"
    ));
}

fn sent() -> Vec<Batch> {
    let bodies: Array = js("return window.sent").unchecked_into();
    bodies.iter().map(|body| Batch::parse(body.as_string().unwrap().as_bytes()).unwrap().batch).collect()
}

async fn wait(ms: u32) {
    let promise: Promise = js(&format!("return new Promise(done => setTimeout(done, {ms}))")).unchecked_into();
    wasm_bindgen_futures::JsFuture::from(promise).await.unwrap();
}

fn config(consent: Consent) -> Config {
    Config { consent, ..Config::new("g1", "https://pulso.example") }
}

fn storage() -> Storage {
    web_sys::window().unwrap().local_storage().unwrap().unwrap()
}

fn kept(prefix: &str) -> usize {
    let storage = storage();
    (0..storage.length().unwrap()).filter(|&index| storage.key(index).unwrap().unwrap().starts_with(prefix)).count()
}

fn events(batches: &[Batch]) -> Vec<EventKind> {
    batches.iter().flat_map(|batch| batch.events.iter().map(|event| event.kind.clone())).collect()
}

#[wasm_bindgen_test]
async fn the_pageview_is_posted_at_once_and_forgotten_on_a_receipt() {
    network(202);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    assert_eq!(events(&sent()), [EventKind::Pageview]);
    assert_eq!(kept("pulso.batch."), 1, "kept until the receipt");
    wait(20).await;
    assert_eq!(kept("pulso.batch."), 0, "forgotten after it");
    drop(tracker);
}

#[wasm_bindgen_test]
async fn a_reader_keeps_one_id_in_mode_full() {
    network(202);
    for _ in 0..2 {
        drop(Tracker::start(config(Consent::Full)).unwrap());
    }
    let visitors: Vec<_> = sent().into_iter().map(|batch| batch.visitor).collect();
    assert!(visitors.len() == 2 && visitors[0].is_some() && visitors[0] == visitors[1]);
}

#[wasm_bindgen_test]
async fn cookieless_keeps_nothing_and_erases_what_full_kept() {
    network(503);
    drop(Tracker::start(config(Consent::Full)).unwrap());
    assert!(kept("pulso.") >= 2);
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    wait(20).await;
    tracker.stop();
    assert_eq!(kept("pulso."), 0);
    assert_eq!(sent().last().unwrap().visitor, None);
}

#[wasm_bindgen_test]
async fn off_sends_nothing() {
    network(202);
    let tracker = Tracker::start(config(Consent::Off)).unwrap();
    js("window.dispatchEvent(new Event('scroll'))");
    wait(20).await;
    tracker.stop();
    assert_eq!(events(&sent()), []);
}

#[wasm_bindgen_test]
async fn what_a_page_could_not_deliver_the_next_page_does() {
    network(503);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(20).await;
    drop(tracker);
    let undelivered = sent()[0].clone();
    network(202);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(50).await;
    let batches = sent();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0].events, undelivered.events);
    assert!(batches[0].sent_at_ms > undelivered.sent_at_ms, "stamped again");
    assert_eq!(kept("pulso.batch."), 0);
    drop(tracker);
}

#[wasm_bindgen_test]
async fn a_click_inside_a_shadow_tree_is_seen_with_its_recommendation() {
    network(202);
    js("const host = document.createElement('div'); host.id = 'host'; document.body.append(host);
        host.dataset.pulsoRecId = '9a1f03c2d4e5b6a7'; host.dataset.pulsoPosition = '2';
        const link = document.createElement('a'); link.href = '/x.ghtml'; link.innerHTML = '<b>x</b>';
        link.addEventListener('click', event => event.preventDefault());
        host.attachShadow({ mode: 'open' }).append(link);");
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    js("document.getElementById('host').shadowRoot.querySelector('b').click()");
    tracker.stop();
    let events = events(&sent());
    let click = events.iter().find_map(|kind| match kind {
        EventKind::Click { link, rec_id, position, .. } => Some((*link, rec_id.is_some(), *position)),
        EventKind::Pageview | EventKind::Engagement { .. } | EventKind::Impression { .. } | EventKind::Custom { .. } => None,
    });
    assert_eq!(click, Some((LinkKind::Internal, true, Some(2))));
    js("document.getElementById('host').remove()");
}

#[wasm_bindgen_test]
async fn leaving_is_a_beacon_that_a_return_sends_again() {
    network(202);
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    wait(60).await;
    js("window.dispatchEvent(new Event('scroll')); window.dispatchEvent(new PageTransitionEvent('pagehide'))");
    let left = sent();
    assert_eq!(left.len(), 2);
    assert!(matches!(left[1].events[..], [wire::Event { kind: EventKind::Engagement { .. }, seq: 1, .. }]));
    js("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    wait(50).await;
    let back = sent();
    assert_eq!(back[2].events, left[1].events, "a beacon is no receipt");
    assert_ne!(back[3].pageview, left[0].pageview, "a return is a new pageview");
    drop(tracker);
}

#[wasm_bindgen_test]
async fn a_navigation_within_the_document_is_a_new_pageview() {
    network(202);
    let home = js("return location.pathname").as_string().unwrap();
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    js("history.pushState(null, '', '/other'); document.title = 'Other'");
    js("history.replaceState(null, '', '/other?x=1#y')");
    wait(120).await;
    let pageviews: Vec<Batch> = sent().into_iter().filter(|batch| batch.meta.is_some()).collect();
    assert_eq!(pageviews.len(), 2);
    assert_eq!(pageviews[1].item.as_ref().unwrap().as_str(), "/other");
    assert_eq!(pageviews[1].meta.as_ref().unwrap().title.as_deref(), Some("Other"));
    assert_eq!(pageviews[1].referrer.as_ref(), Some(&pageviews[0].url));
    js(&format!("history.replaceState(null, '', {home:?})"));
    drop(tracker);
    assert_eq!(js("return String(history.pushState)").as_string().unwrap(), "function pushState() { [native code] }");
}

#[wasm_bindgen_test]
async fn a_stopped_tracker_listens_no_longer() {
    network(202);
    Tracker::start(config(Consent::Cookieless)).unwrap().stop();
    let before = sent().len();
    js("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    wait(20).await;
    assert_eq!(sent().len(), before);
}

#[wasm_bindgen_test]
async fn a_page_that_returns_after_consent_was_withdrawn_is_cookieless() {
    network(202);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(20).await;
    js("localStorage.clear(); window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    wait(20).await;
    let last = sent().pop().unwrap();
    assert_eq!((last.consent, last.visitor), (wire::Consent::Cookieless, None));
    drop(tracker);
    assert_eq!(kept("pulso."), 0);
}

#[wasm_bindgen_test]
fn global_privacy_control_means_never_full() {
    network(202);
    js("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true, configurable: true })");
    drop(Tracker::start(config(Consent::Full)).unwrap());
    js("delete navigator.globalPrivacyControl");
    assert_eq!(sent()[0].consent, wire::Consent::Cookieless);
    assert_eq!(kept("pulso."), 0);
}

#[wasm_bindgen_test]
fn a_wrong_portal_is_refused() {
    network(202);
    let refused = Tracker::start(Config::new("G1", "https://pulso.example"));
    assert_eq!(refused.err(), Some(Error::BadPortal("G1".to_owned())));
    assert!(Reflect::get(&js("return window"), &"sent".into()).unwrap().unchecked_into::<Array>().length() == 0);
}
