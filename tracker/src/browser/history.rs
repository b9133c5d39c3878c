//! Notices the navigations of single-page applications: `pushState` and `replaceState` fire no event of their own.

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::History;

use super::dom;

type Patch = Closure<dyn FnMut(JsValue, JsValue, JsValue) -> Result<JsValue, JsValue>>;

/// A method of `history` that tells us when it was called. Dropping it puts the original back, unless the page has patched it since.
#[derive(Debug)]
pub(super) struct PatchedMethod {
    history: History,
    name: &'static str,
    original: Function,
    patch: Option<Patch>,
}

impl PatchedMethod {
    pub(super) fn new(name: &'static str, told: impl Fn() + 'static) -> Option<Self> {
        let history = dom::window()?.history().ok()?;
        let original: Function = Reflect::get(&history, &name.into()).ok()?.dyn_into().ok()?;
        let (target, call) = (history.clone(), original.clone());
        // What the browser refuses by throwing is thrown on to the page, as without us.
        let patch: Patch = Closure::new(move |state, title, url| {
            let answer = call.call3(&target, &state, &title, &url)?;
            told();
            Ok(answer)
        });
        Reflect::set(&history, &name.into(), patch.as_ref()).ok()?;
        Some(Self { history, name, original, patch: Some(patch) })
    }
}

impl Drop for PatchedMethod {
    fn drop(&mut self) {
        let Some(patch) = self.patch.take() else { return };
        let is_ours = Reflect::get(&self.history, &self.name.into()).is_ok_and(|now| &now == patch.as_ref());
        if is_ours {
            let _ = Reflect::set(&self.history, &self.name.into(), &self.original);
        } else {
            // The page's own patch still calls ours: a dropped closure would throw there.
            patch.forget();
        }
    }
}
