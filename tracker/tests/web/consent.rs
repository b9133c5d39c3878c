//! Who the reader is, and what was agreed to.

use js_sys::Array;
use tracker::{Consent, PageKind, Tracker};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use wire::{Batch, EventKind};

use super::{config, events, js, kept, network, sent, storage, wait};

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
fn an_id_tells_when_it_was_made() {
    network(202);
    js("localStorage.clear()");
    drop(Tracker::start(config(Consent::Full)).unwrap());
    let id = storage().get_item("pulso.visitor").unwrap().unwrap();
    let age_ms = js_sys::Date::now() - u64::from_str_radix(&id[..12], 16).unwrap() as f64;
    assert!((0.0..5_000.0).contains(&age_ms), "{id}");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)), "{id}");
    let (visitor, pageview) = (sent()[0].visitor.as_ref().unwrap().to_string(), sent()[0].pageview.to_string());
    assert_eq!(visitor, id);
    assert_eq!(&pageview[..8], &id[..8]);
    assert_ne!(&pageview[12..], &id[12..], "the rest is randomness");
}

#[wasm_bindgen_test]
fn an_id_of_more_than_thirteen_months_is_replaced() {
    network(202);
    let old = format!("{:012x}00000000000000000000", js_sys::Date::now() as u64 - tracker::VISITOR_MS_MAX - 1_000);
    storage().set_item("pulso.visitor", &old).unwrap();
    drop(Tracker::start(config(Consent::Full)).unwrap());
    assert_ne!(storage().get_item("pulso.visitor").unwrap().unwrap(), old);
    let young = format!("{:012x}00000000000000000000", js_sys::Date::now() as u64 - tracker::VISITOR_MS_MAX + 60_000);
    storage().set_item("pulso.visitor", &young).unwrap();
    drop(Tracker::start(config(Consent::Full)).unwrap());
    assert_eq!(storage().get_item("pulso.visitor").unwrap().unwrap(), young);
}

#[wasm_bindgen_test]
async fn consent_that_is_given_holds_from_the_next_pageview_on() {
    network(202);
    js("localStorage.clear()");
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    tracker.identify("reader@example.com");
    wait(20).await;
    tracker.consent(Consent::Full);
    assert_eq!(kept("pulso.visitor"), 1, "the id is made at once");
    tracker.track("share", &[]);
    tracker.page(Some(PageKind::Section), Some("/economia"));
    wait(20).await;
    let batches = sent();
    assert_eq!(batches[1].pageview, batches[0].pageview);
    assert_eq!((batches[1].consent, &batches[1].visitor), (wire::Consent::Cookieless, &None), "the running pageview stays");
    let next = batches.last().unwrap();
    assert_eq!((next.consent, next.page, next.visitor.is_some()), (wire::Consent::Full, wire::PageKind::Section, true));
    assert_eq!(next.item.as_ref().unwrap().as_str(), "/economia");
    let bodies: Array = js("return window.sent").unchecked_into();
    let said = |body: JsValue| body.as_string().unwrap().contains("reader@example.com");
    assert_eq!(bodies.iter().map(said).collect::<Vec<_>>(), [false, false, true]);
    drop(tracker);
}

#[wasm_bindgen_test]
async fn consent_that_is_withdrawn_erases_and_leaves_the_rest_to_nobody() {
    network(503);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(20).await;
    assert!(kept("pulso.") >= 2);
    let before = sent().len();
    tracker.consent(Consent::Cookieless);
    assert_eq!(kept("pulso."), 0, "at once");
    network(202);
    tracker.track("share", &[]);
    // No pause any more: whatever waits leaves now.
    js("window.dispatchEvent(new Event('online'))");
    wait(20).await;
    tracker.stop();
    let rest = sent();
    assert!(!events(&rest).contains(&EventKind::Pageview), "what was erased is not sent from memory");
    assert_eq!(before, 1);
    let anonymous: Vec<&Batch> = rest.iter().filter(|batch| batch.consent == wire::Consent::Cookieless).collect();
    assert!(!anonymous.is_empty());
    for batch in &anonymous {
        assert_eq!((&batch.visitor, &batch.meta), (&None, &None));
        assert!(batch.events.iter().all(|event| event.kind != EventKind::Pageview), "its beginning was counted");
    }
    assert!(anonymous.iter().any(|batch| batch.events.iter().any(|event| matches!(event.kind, EventKind::Custom { .. }))));
    assert!(anonymous.iter().all(|batch| batch.pageview == anonymous[0].pageview));
    assert_eq!(anonymous[0].events[0].seq, 0, "it is a pageview of its own");
    assert!(rest.iter().all(|batch| batch.consent == wire::Consent::Cookieless || batch.pageview != anonymous[0].pageview));
    assert_eq!(kept("pulso."), 0, "and for good");
}

#[wasm_bindgen_test]
async fn off_ends_everything_and_a_new_consent_begins_anew() {
    network(503);
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    wait(20).await;
    tracker.consent(Consent::Off);
    network(202);
    assert_eq!(kept("pulso."), 0);
    tracker.track("share", &[]);
    js(
        "window.dispatchEvent(new Event('scroll')); window.dispatchEvent(new Event('online')); window.dispatchEvent(new PageTransitionEvent('pagehide'))",
    );
    wait(60).await;
    assert_eq!(sent(), [], "nothing that was measured before leaves either");
    tracker.consent(Consent::Cookieless);
    wait(20).await;
    assert_eq!(events(&sent()), [EventKind::Pageview]);
    drop(tracker);
}
