//! A front end in Rust that starts the tracker, counts a share, asks what to read next, and lets the reader agree.
//!
//! Built for wasm (`cargo build -p tracker --example front_end --target wasm32-unknown-unknown`, then `wasm-bindgen --target web`) its
//! `main` runs in the page. Anywhere else it only says so: there is no reader to measure.

#[cfg(all(target_arch = "wasm32", feature = "browser"))]
#[expect(unreachable_pub, reason = "wasm-bindgen exports what is public, whatever the module")]
mod page {
    use std::cell::RefCell;

    use tracker::{Config, Consent, Error, PageKind, Scalar, Tracker};
    use wasm_bindgen::JsValue;
    use wasm_bindgen::prelude::wasm_bindgen;

    thread_local! {
        /// Kept for as long as the page is to be measured: dropping it ends it.
        static TRACKER: RefCell<Option<Tracker>> = const { RefCell::new(None) };
    }

    pub(crate) fn start() -> Result<(), Error> {
        let tracker = Tracker::start(Config { page: Some(PageKind::Article), ..Config::new("g1", "https://pulso.g1.example") })?;
        // The answer lists what to read next; boxes with `data-pulso-recommendations` are filled without being asked.
        let _answer = tracker.recommendations(&JsValue::UNDEFINED);
        TRACKER.set(Some(tracker));
        Ok(())
    }

    /// For the page's share button.
    #[wasm_bindgen]
    pub fn shared(network: &str) {
        with(|tracker| tracker.track("share", &[("network", Scalar::Text(network))]));
    }

    /// For the consent banner: given, the reader is recognised from the next pageview on; withdrawn, what was kept is erased.
    #[wasm_bindgen]
    pub fn agreed(is_full: bool) {
        with(|tracker| tracker.consent(if is_full { Consent::Full } else { Consent::Cookieless }));
    }

    fn with(act: impl FnOnce(&Tracker)) {
        TRACKER.with_borrow(|tracker| tracker.as_ref().map(act));
    }
}

#[cfg(all(target_arch = "wasm32", feature = "browser"))]
fn main() {
    if let Err(error) = page::start() {
        wasm_bindgen::throw_str(error.message());
    }
}

#[cfg(not(all(target_arch = "wasm32", feature = "browser")))]
fn main() {
    println!("there is no page here: build for wasm32-unknown-unknown");
}
