//! How bodies leave, wait, and come back.

use js_sys::Array;
use tracker::{Consent, Tracker};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use wire::EventKind;

use super::{config, events, js, kept, network, sent, wait};

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
    assert!(back[2..].iter().any(|batch| batch.events == left[1].events), "a beacon is no receipt");
    let begun: Vec<_> = back[2..].iter().filter(|batch| batch.meta.is_some()).map(|batch| &batch.pageview).collect();
    assert!(begun.len() == 1 && *begun[0] != left[0].pageview, "a return is a new pageview");
    drop(tracker);
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
async fn a_body_is_kept_under_a_key_that_tells_what_it_is() {
    network(503);
    js("localStorage.clear()");
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(20).await;
    tracker.track("share", &[]);
    tracker.stop();
    let pageview = sent()[0].pageview.to_string();
    let keys: Array = js("return Object.keys(localStorage).filter(key => key.startsWith('pulso.batch.')).sort()").unchecked_into();
    let keys: Vec<String> = keys.iter().map(|key| key.as_string().unwrap()).collect();
    assert_eq!(keys, [format!("pulso.batch.{pageview}.0.1"), format!("pulso.batch.{pageview}.1.2")]);
}

#[wasm_bindgen_test]
async fn a_network_that_is_back_is_used_at_once() {
    network(503);
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    wait(20).await;
    assert_eq!(sent().len(), 1);
    network(202);
    wait(50).await;
    assert_eq!(sent(), [], "it pauses");
    js("window.dispatchEvent(new Event('online'))");
    wait(20).await;
    assert_eq!(sent().len(), 1);
    drop(tracker);
}

#[wasm_bindgen_test]
async fn a_page_whose_patched_fetch_leads_back_here_does_no_harm() {
    network(202);
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    wait(20).await;
    js("const post = window.fetch; window.fetch = (...said) => {
          window.dispatchEvent(new Event('scroll')); window.dispatchEvent(new PageTransitionEvent('pagehide')); return post(...said); }");
    tracker.page(None, None);
    wait(20).await;
    tracker.stop();
    let begun = sent().iter().filter(|batch| batch.meta.is_some()).count();
    assert_eq!(begun, 2);
}
