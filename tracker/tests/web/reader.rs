//! What the reader does.

use tracker::{Config, Consent, Scalar, Tracker};
use wasm_bindgen_test::wasm_bindgen_test;
use wire::{EventKind, LinkKind};

use super::{config, events, js, network, sent, wait};

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

/// Engaged milliseconds of a visit of 700 ms with an idle window of 150 ms, in which `sign` happens every 30 ms.
async fn engaged_with(sign: &str) -> u64 {
    network(202);
    let tracker = Tracker::start(Config { idle_window_ms: 150, ..config(Consent::Cookieless) }).unwrap();
    js(&format!("window.signs = setInterval(() => {{ {sign} }}, 30)"));
    wait(700).await;
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
    assert!((140..=160).contains(&idle_ms), "{idle_ms}");
    for sign in [
        "document.getElementById('inner').dispatchEvent(new Event('scroll'))",
        "document.getElementById('mute').dispatchEvent(new Event('timeupdate'))",
        "window.dispatchEvent(new Event('resize'))",
    ] {
        let ms = engaged_with(sign).await;
        assert!((140..=160).contains(&ms), "{sign}: {ms}");
    }
    for sign in [
        "document.dispatchEvent(new Event('scroll'))",
        "document.getElementById('loud').dispatchEvent(new Event('timeupdate'))",
        "document.body.dispatchEvent(new Event('keydown', { bubbles: true }))",
        "document.body.dispatchEvent(new Event('pointermove', { bubbles: true }))",
    ] {
        let ms = engaged_with(sign).await;
        assert!(ms >= 350, "{sign}: {ms}");
    }
    js("for (const id of ['inner', 'loud', 'mute']) document.getElementById(id).remove()");
}
