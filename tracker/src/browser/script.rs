//! What `embed.js` calls; only in the build of `/pulso.js`.

use wasm_bindgen::prelude::wasm_bindgen;

use super::config::{Config, Error};
use super::tracker::Tracker;
use crate::batch::PageKind;
use crate::consent::Consent;

/// A running tracker, as JavaScript holds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Pulso {
    tracker: Tracker,
}

#[wasm_bindgen]
impl Pulso {
    /// Starts with what the script tag says, or says in the console what is wrong with it.
    #[must_use]
    pub fn start(portal: &str, endpoint: &str, consent: &str, page: Option<String>, item: Option<String>) -> Option<Self> {
        match started(portal, endpoint, consent, page, item) {
            Ok(tracker) => Some(Self { tracker }),
            Err(error) => {
                web_sys::console::error_1(&format!("pulso: {error}").into());
                None
            }
        }
    }

    /// Ends the pageview, sends what is left, and listens no longer.
    pub fn stop(self) {
        self.tracker.stop();
    }
}

fn started(portal: &str, endpoint: &str, consent: &str, page: Option<String>, item: Option<String>) -> Result<Tracker, Error> {
    let mut config = Config::new(portal, endpoint);
    config.consent = Consent::parse(consent.as_bytes()).ok_or_else(|| Error::BadConsent(consent.to_owned()))?;
    config.page = match page {
        Some(page) => Some(PageKind::parse(page.as_bytes()).ok_or(Error::BadPage(page))?),
        None => None,
    };
    config.item = item;
    Tracker::start(config)
}
