//! An event listener that is removed when it is dropped.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{AddEventListenerOptions, Event, EventTarget};

#[derive(Debug)]
pub(super) struct Listener {
    target: EventTarget,
    kind: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Passive, so that scrolling never waits for it; capturing, so that no `stopPropagation` of the page hides an event from it.
    pub(super) fn new(target: &EventTarget, kind: &'static str, listen: impl FnMut(Event) + 'static) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(listen);
        let options = AddEventListenerOptions::new();
        options.set_capture(true);
        options.set_passive(true);
        let function = closure.as_ref().unchecked_ref();
        // It fails only for a target that is gone.
        let _ = target.add_event_listener_with_callback_and_add_event_listener_options(kind, function, &options);
        Self { target: target.clone(), kind, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let function = self.closure.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback_and_bool(self.kind, function, true);
    }
}
