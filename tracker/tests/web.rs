//! The shell in a real browser: real listeners, real storage; only `fetch` and `sendBeacon` are stood in for.
#![cfg(target_arch = "wasm32")]

use js_sys::{Array, Function, Promise};
use tracker::{Config, Consent, Error, PageKind, Scalar, Tracker};
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
         window.beacons = 0;
         navigator.sendBeacon = (url, body) => {{ sent.push(body); beacons++; return true; }};"
    ));
}

fn sent() -> Vec<Batch> {
    let bodies: Array = js("return window.sent").unchecked_into();
    let parsed = bodies.iter().map(|body| Batch::parse(body.as_string().unwrap().as_bytes()).unwrap());
    parsed.inspect(|parsed| assert_eq!(parsed.rejected, [])).map(|parsed| parsed.batch).collect()
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
    assert!(back[2..].iter().any(|batch| batch.events == left[1].events), "a beacon is no receipt");
    let begun: Vec<_> = back[2..].iter().filter(|batch| batch.meta.is_some()).map(|batch| &batch.pageview).collect();
    assert!(begun.len() == 1 && *begun[0] != left[0].pageview, "a return is a new pageview");
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
    wait(20).await;
    tracker.stop();
    let rest = sent();
    assert_eq!(before, 1);
    let anonymous: Vec<&Batch> = rest.iter().filter(|batch| batch.consent == wire::Consent::Cookieless).collect();
    assert!(!anonymous.is_empty());
    for batch in &anonymous {
        assert_eq!((&batch.visitor, &batch.meta), (&None, &None));
        assert!(batch.events.iter().all(|event| event.kind != EventKind::Pageview), "its beginning was counted");
    }
    assert!(anonymous.iter().any(|batch| batch.events.iter().any(|event| matches!(event.kind, EventKind::Custom { .. }))));
    assert!(anonymous.iter().all(|batch| batch.pageview == anonymous[0].pageview));
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

#[wasm_bindgen_test]
async fn what_the_portal_counts_is_sent_with_its_properties() {
    network(202);
    let tracker = Tracker::start(config(Consent::Cookieless)).unwrap();
    tracker.track("share", &[("network", Scalar::Text("é\u{2028}")), ("count", Scalar::Number(2.5)), ("is_first", Scalar::Bool(true))]);
    tracker.stop();
    let custom = events(&sent()).into_iter().find_map(|kind| match kind {
        EventKind::Custom { name, props } => Some((name, props)),
        EventKind::Pageview | EventKind::Engagement { .. } | EventKind::Impression { .. } | EventKind::Click { .. } => None,
    });
    let (name, props) = custom.unwrap();
    assert_eq!(name, "share");
    assert_eq!(props["network"], wire::Scalar::Text("é\u{2028}".to_owned()));
    assert_eq!((props.len(), &props["is_first"]), (3, &wire::Scalar::Bool(true)));
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
async fn depth_is_that_of_the_element_that_the_portal_names() {
    js("document.body.insertAdjacentHTML('beforeend', '<div id=short style=\"position:absolute;top:0;height:10px;width:9px\"></div>\
        <div id=long style=\"position:absolute;top:0;height:90000px;width:9px;overflow:hidden\"></div>')");
    for (selector, depths) in [("#short", 100..=100), ("#long", 0..=3)] {
        network(202);
        let tracker = Tracker::start(Config { content: Some(selector.to_owned()), ..config(Consent::Cookieless) }).unwrap();
        wait(60).await;
        tracker.stop();
        let depth = events(&sent()).into_iter().find_map(|kind| match kind {
            EventKind::Engagement { scroll_pct, .. } => Some(scroll_pct),
            EventKind::Pageview | EventKind::Custom { .. } | EventKind::Impression { .. } | EventKind::Click { .. } => None,
        });
        assert!(depths.contains(&depth.unwrap()), "{selector}: {depth:?}");
    }
    js("document.getElementById('short').remove(); document.getElementById('long').remove()");
}

/// Engaged milliseconds of a visit of 400 ms with an idle window of 100 ms, in which `sign` happens every 30 ms.
async fn engaged_with(sign: &str) -> u64 {
    network(202);
    let tracker = Tracker::start(Config { idle_window_ms: 100, ..config(Consent::Cookieless) }).unwrap();
    js(&format!("window.signs = setInterval(() => {{ {sign} }}, 30)"));
    wait(400).await;
    js("clearInterval(signs)");
    tracker.stop();
    let measures = events(&sent()).into_iter().filter_map(|kind| match kind {
        EventKind::Engagement { engaged_ms, .. } => Some(engaged_ms),
        EventKind::Pageview | EventKind::Custom { .. } | EventKind::Impression { .. } | EventKind::Click { .. } => None,
    });
    measures.max().unwrap_or(0)
}

#[wasm_bindgen_test]
async fn only_a_reader_gives_signs_of_a_reader() {
    js("document.body.insertAdjacentHTML('beforeend', '<div id=inner></div><video id=loud></video><video id=mute muted></video>');
        document.getElementById('mute').muted = true");
    let idle_ms = engaged_with("").await;
    assert!((90..=110).contains(&idle_ms), "{idle_ms}");
    for sign in [
        "document.getElementById('inner').dispatchEvent(new Event('scroll'))",
        "document.getElementById('mute').dispatchEvent(new Event('timeupdate'))",
        "window.dispatchEvent(new Event('resize'))",
    ] {
        let ms = engaged_with(sign).await;
        assert!((90..=110).contains(&ms), "{sign}: {ms}");
    }
    for sign in [
        "document.dispatchEvent(new Event('scroll'))",
        "document.getElementById('loud').dispatchEvent(new Event('timeupdate'))",
        "document.body.dispatchEvent(new Event('keydown', { bubbles: true }))",
        "document.body.dispatchEvent(new Event('pointermove', { bubbles: true }))",
    ] {
        let ms = engaged_with(sign).await;
        assert!(ms >= 300, "{sign}: {ms}");
    }
    js("for (const id of ['inner', 'loud', 'mute']) document.getElementById(id).remove()");
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
