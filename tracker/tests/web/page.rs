//! Where pageviews begin, and what they say.

use tracker::{Config, Consent, Error, Tracker};
use wasm_bindgen_test::wasm_bindgen_test;
use wire::{Batch, EventKind};

use super::{config, events, js, network, sent, wait};

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
fn a_wrong_configuration_says_what_to_do() {
    network(202);
    let good = || config(Consent::Cookieless);
    for (wrong, error) in [
        (Config { portal: "G1".to_owned(), ..good() }, Error::Portal),
        (Config { portal: String::new(), ..good() }, Error::Portal),
        (Config { endpoint: "pulso.example".to_owned(), ..good() }, Error::Endpoint),
        (Config { content: Some("[".to_owned()), ..good() }, Error::Content),
        (Config { exclude: Some("(".to_owned()), ..good() }, Error::Exclude),
        (Config { idle_window_ms: 0, ..good() }, Error::IdleWindow),
    ] {
        assert_eq!(Tracker::start(wrong).err(), Some(error));
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(sent(), []);
    assert_eq!(Config::new("g1", "https://pulso.example/").endpoint, "https://pulso.example");
}

#[wasm_bindgen_test]
async fn a_manual_page_begins_when_it_is_told() {
    network(202);
    let home = js("return location.pathname").as_string().unwrap();
    let tracker = Tracker::start(Config { is_manual: true, ..config(Consent::Cookieless) }).unwrap();
    js("history.pushState(null, '', '/manual')");
    wait(80).await;
    assert_eq!(sent(), []);
    tracker.page(None, None);
    wait(20).await;
    assert_eq!(sent()[0].item.as_ref().unwrap().as_str(), "/manual");
    js(&format!("history.replaceState(null, '', {home:?})"));
    drop(tracker);
}

#[wasm_bindgen_test]
async fn excluded_pages_and_staff_are_not_measured() {
    network(202);
    let home = js("return location.pathname").as_string().unwrap();
    let tracker = Tracker::start(Config { exclude: Some(format!("^{home}$")), ..config(Consent::Cookieless) }).unwrap();
    tracker.track("share", &[]);
    wait(20).await;
    assert_eq!(sent(), []);
    js("history.pushState(null, '', '/measured')");
    wait(80).await;
    assert_eq!(events(&sent())[0], EventKind::Pageview, "the exception ends where the pattern does");
    drop(tracker);
    js(&format!("history.replaceState(null, '', {home:?})"));
    network(202);
    js("localStorage['pulso-exclude'] = '1'");
    Tracker::start(config(Consent::Cookieless)).unwrap().stop();
    js("delete localStorage['pulso-exclude']");
    assert_eq!(sent(), []);
}

#[wasm_bindgen_test]
async fn a_fragment_is_a_page_only_where_the_portal_says_so() {
    for (is_hash, pageviews) in [(false, 1), (true, 2)] {
        network(202);
        js("location.hash = ''");
        wait(20).await;
        let tracker = Tracker::start(Config { is_hash, ..config(Consent::Cookieless) }).unwrap();
        js("location.hash = '/esportes'");
        wait(120).await;
        let begun: Vec<Batch> = sent().into_iter().filter(|batch| batch.meta.is_some()).collect();
        assert_eq!(begun.len(), pageviews);
        if is_hash {
            assert_eq!(begun[1].item.as_ref().unwrap().as_str(), "/esportes");
        }
        drop(tracker);
        js("history.replaceState(null, '', location.pathname)");
    }
}

#[wasm_bindgen_test]
async fn a_prerendered_page_counts_when_it_is_shown() {
    network(202);
    js("localStorage.clear()");
    js("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })");
    let tracker = Tracker::start(config(Consent::Full)).unwrap();
    tracker.track("share", &[]);
    wait(30).await;
    assert_eq!(sent(), []);
    js("delete document.prerendering; document.dispatchEvent(new Event('prerenderingchange'))");
    wait(20).await;
    assert_eq!(events(&sent()), [EventKind::Pageview]);
    drop(tracker);
}

#[wasm_bindgen_test]
async fn a_page_that_says_nonsense_of_itself_makes_a_valid_batch() {
    network(202);
    js("document.head.insertAdjacentHTML('beforeend', '<meta property=\"og:image\" content=\"data:image/png;base64,AAAA\">\
        <meta property=\"article:published_time\" content=\"yesterday\"><meta property=\"og:type\" content=\"article\">');
        const title = document.createElement('meta'); title.setAttribute('property', 'og:title');
        title.content = 'ñ\\u2028\"'.repeat(5000); document.head.append(title)");
    Tracker::start(config(Consent::Cookieless)).unwrap().stop();
    js("for (const meta of document.querySelectorAll('meta[property]')) meta.remove()");
    let batch = sent()[0].clone();
    assert_eq!(batch.page, wire::PageKind::Article);
    let meta = batch.meta.unwrap();
    assert_eq!((meta.image, meta.published_at_ms), (None, None));
    assert!(meta.title.unwrap().starts_with("ñ\u{2028}\"ñ"));
}

#[wasm_bindgen_test]
async fn a_canonical_address_that_an_application_forgot_to_change_is_not_believed() {
    network(202);
    let home = js("return location.pathname").as_string().unwrap();
    js("document.head.insertAdjacentHTML('beforeend', '<link rel=canonical href=/canonical>')");
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    js("history.pushState(null, '', '/forgotten')");
    wait(120).await;
    js("document.querySelector('[rel=canonical]').href = '/changed'; history.pushState(null, '', '/x')");
    wait(120).await;
    let items: Vec<String> = sent().into_iter().filter(|batch| batch.meta.is_some()).map(|batch| batch.item.unwrap().to_string()).collect();
    assert_eq!(items, ["/canonical", "/forgotten", "/changed"]);
    js(&format!("document.querySelector('[rel=canonical]').remove(); history.replaceState(null, '', {home:?})"));
    drop(tracker);
}

#[wasm_bindgen_test]
async fn the_module_of_recommendations_comes_from_the_edges_alias() {
    network(202);
    let here = js("return location.origin").as_string().unwrap();
    let tracker = Tracker::start(Config::new("g1", &here)).unwrap();
    // The test's server has no such file: what counts is what was asked for.
    let answer = tracker.recommendations(&wasm_bindgen::JsValue::UNDEFINED);
    assert!(wasm_bindgen_futures::JsFuture::from(answer).await.is_err());
    wait(50).await;
    // Other tests' trackers ask their own edge.
    let asked = js("return performance.getEntriesByType('resource').map(entry => entry.name)
        .filter(name => name.startsWith(location.origin) && /recommendations/.test(name)).join()");
    assert_eq!(asked.as_string(), Some(format!("{here}/recommendations.js")));
    tracker.stop();
}
