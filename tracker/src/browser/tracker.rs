//! What a front end calls.

use std::rc::Rc;

use js_sys::Promise;
use wasm_bindgen::JsValue;

use super::config::{Config, Error, PageKind};
use super::dom;
use super::shared::Shared;
use crate::consent::Consent;

/// A running tracker. Dropping it ends it; [`Tracker::stop`] sends what is left first.
#[derive(Debug)]
pub struct Tracker {
    shared: Rc<Shared>,
}

/// A property of an event of the portal's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text, at most 512 bytes.
    Text(&'a str),
}

impl Tracker {
    /// Starts to measure the page. With [`Consent::Off`] nothing is measured, and what was kept on the device is erased.
    ///
    /// # Errors
    /// [`Error`]: the configuration is wrong, or this is no page. Its message says what to do.
    pub fn start(config: Config) -> Result<Self, Error> {
        Self::run(config.into_js())
    }

    /// The same with a configuration of JavaScript's.
    pub(super) fn run(said: JsValue) -> Result<Self, Error> {
        Ok(Self { shared: Shared::start(said)? })
    }

    /// A page is shown: ends the pageview before it and begins the next. Where [`Config::is_manual`] is set, nothing else does.
    /// `None`: the page's own metadata decide.
    pub fn page(&self, kind: Option<PageKind>, item: Option<&str>) {
        let said = dom::object();
        dom::set(&said, "page", &kind.map_or(JsValue::UNDEFINED, |kind| kind.name().into()));
        dom::set(&said, "item", &item.map_or(JsValue::UNDEFINED, JsValue::from));
        self.shared.page(&said);
    }

    /// Counts something of the portal's own: a name of 1 to 64 bytes, and at most 32 properties.
    pub fn track(&self, name: &str, props: &[(&str, Scalar<'_>)]) {
        let object = dom::object();
        for (key, value) in props {
            let value = match *value {
                Scalar::Bool(value) => value.into(),
                Scalar::Number(value) => value.into(),
                Scalar::Text(value) => value.into(),
            };
            dom::set(&object, key, &value);
        }
        self.shared.track(&name.into(), &object);
    }

    /// Sets the portal's own id of a reader who is logged in; batches carry it from the next pageview on, in mode `full`.
    pub fn identify(&self, id: &str) {
        self.shared.set_word("user", &id.into());
    }

    /// The reader agreed to something else. Given, it holds from the next pageview on; withdrawn, at once, and what was kept is erased.
    pub fn consent(&self, mode: Consent) {
        self.shared.agree(mode);
    }

    /// Asks for recommendations: `options` is an object with the parameters of the edge's `/recommendations`, such as `limit`.
    /// The promise brings the answer, which `openapi.yaml` describes. The module that asks, and that fills the page's own
    /// lists, is loaded from `/recommendations.js` of the edge.
    pub fn recommendations(&self, options: &JsValue) -> Promise {
        self.shared.recommendations(options)
    }

    /// Ends the pageview, sends what is left, and listens no longer.
    pub fn stop(self) {
        self.shared.attend(false);
    }

    #[cfg(feature = "npm")]
    pub(super) fn shared(&self) -> &Rc<Shared> {
        &self.shared
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.shared.end();
    }
}
