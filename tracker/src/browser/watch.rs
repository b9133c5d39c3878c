//! Everything the tracker listens to.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, EventTarget, MouseEvent, PageTransitionEvent, ResizeObserver, Window};

use super::history::PatchedMethod;
use super::listener::Listener;
use super::tracker::Shared;
use super::{dom, media, page};
use crate::click::Click;
use crate::signal::Signal;

/// Signs of a reader. All are cheap to note; `timeupdate` comes from media that play.
const ACTIVITY: [&str; 7] = ["pointerdown", "pointermove", "wheel", "touchmove", "keydown", "scroll", "timeupdate"];

/// Listeners and observers; dropping it removes them all.
#[derive(Debug)]
pub(super) struct Watch {
    view: Rc<View>,
    _listeners: Vec<Listener>,
    _patches: Vec<PatchedMethod>,
}

impl Watch {
    pub(super) fn new(shared: &Weak<Shared>) -> Self {
        let view = View::new(shared.clone());
        let mut listeners = Vec::new();
        if let (Some(window), Some(document)) = (dom::window(), dom::document()) {
            watch_activity(&window, shared, &view, &mut listeners);
            watch_attention(&window, &document, shared, &mut listeners);
            watch_clicks(&window, shared, &mut listeners);
        }
        let patches =
            ["pushState", "replaceState"].into_iter().filter_map(|name| PatchedMethod::new(name, calls(shared, Shared::navigate)));
        Self { view, _listeners: listeners, _patches: patches.collect() }
    }

    /// Measures the view with the next frame.
    pub(super) fn measure(&self) {
        self.view.schedule();
    }
}

/// A callback that does something with the tracker as long as there is one.
fn calls<F: Fn(&Rc<Shared>)>(shared: &Weak<Shared>, act: F) -> impl Fn() + use<F> {
    let weak = shared.clone();
    move || {
        if let Some(shared) = weak.upgrade() {
            act(&shared);
        }
    }
}

fn watch_activity(window: &Window, shared: &Weak<Shared>, view: &Rc<View>, listeners: &mut Vec<Listener>) {
    for kind in ACTIVITY {
        let note = calls(shared, Shared::note_activity);
        let view = Rc::clone(view);
        listeners.push(Listener::new(window, kind, move |event| {
            if kind == "scroll" {
                view.schedule();
            }
            if kind != "timeupdate" || media::is_heard(&event) {
                note();
            }
        }));
    }
}

fn watch_attention(window: &Window, document: &Document, shared: &Weak<Shared>, listeners: &mut Vec<Listener>) {
    let document: &EventTarget = document;
    let window: &EventTarget = window;
    for (target, kind) in [(document, "visibilitychange"), (window, "focus"), (window, "blur")] {
        let attend = calls(shared, Shared::attend);
        listeners.push(Listener::new(target, kind, move |_| attend()));
    }
    // `pagehide` is the last event that iOS Safari delivers, and it comes while the page still counts as visible.
    let leave = calls(shared, |shared| shared.tell(Signal::Attention { is_visible: false, has_focus: false }, dom::now()));
    listeners.push(Listener::new(window, "pagehide", move |_| leave()));
    // A page that returns from the back-forward cache is a new pageview.
    let back = calls(shared, Shared::show_again);
    listeners.push(Listener::new(window, "pageshow", move |event| {
        if event.dyn_ref::<PageTransitionEvent>().is_some_and(PageTransitionEvent::persisted) {
            back();
        }
    }));
    let show = calls(shared, Shared::show);
    listeners.push(Listener::new(document, "prerenderingchange", move |_| show()));
    let navigate = calls(shared, Shared::navigate);
    listeners.push(Listener::new(window, "popstate", move |_| navigate()));
}

fn watch_clicks(window: &Window, shared: &Weak<Shared>, listeners: &mut Vec<Listener>) {
    for kind in ["click", "auxclick"] {
        let weak = shared.clone();
        listeners.push(Listener::new(window, kind, move |event| {
            // `auxclick` is also the right button, which opens a menu and follows nothing.
            let is_menu = event.dyn_ref::<MouseEvent>().is_some_and(|mouse| mouse.button() == 2);
            if let (false, Some(shared)) = (is_menu, weak.upgrade()) {
                click(&shared, &event);
            }
        }));
    }
}

/// The path of the event reaches into open shadow trees, where `target` does not.
fn click(shared: &Rc<Shared>, event: &Event) {
    let path = event.composed_path();
    let elements: Vec<Element> = path.iter().filter_map(|node| node.dyn_into().ok()).collect();
    let attribute = |name: &str| elements.iter().find_map(|element| element.get_attribute(name));
    let link = elements.iter().find(|element| matches!(element.local_name().as_str(), "a" | "area") && element.has_attribute("href"));
    let (Some(link), Some(document)) = (link, dom::document()) else { return };
    let href = link.get_attribute("href").and_then(|href| page::absolute(&document, &href)).unwrap_or_default();
    let page_url = document.location().and_then(|location| location.href().ok()).unwrap_or_default();
    let rec_id = attribute("data-pulso-rec-id").unwrap_or_default();
    let click = Click {
        href: href.as_bytes(),
        page_url: page_url.as_bytes(),
        is_download: link.has_attribute("download"),
        rec_id: rec_id.as_bytes(),
        position: attribute("data-pulso-position").and_then(|position| position.parse().ok()),
    };
    shared.tell(Signal::Click(click), dom::now());
}

type Frame = Closure<dyn FnMut()>;

/// Measures how deep the window reaches, between two frames, when the layout is known anyway.
#[derive(Debug)]
struct View {
    is_scheduled: Cell<bool>,
    frame: Frame,
    resized: RefCell<Option<(ResizeObserver, Frame)>>,
}

impl View {
    fn new(shared: Weak<Shared>) -> Rc<Self> {
        let view = Rc::new_cyclic(|weak: &Weak<Self>| {
            let view = weak.clone();
            let frame = Closure::new(move || {
                if let (Some(view), Some(shared)) = (view.upgrade(), shared.upgrade()) {
                    view.is_scheduled.set(false);
                    if let Some((bottom_px, height_px)) = measure() {
                        shared.note_view(bottom_px, height_px);
                    }
                }
            });
            Self { is_scheduled: Cell::new(false), frame, resized: RefCell::new(None) }
        });
        view.observe();
        view
    }

    /// Late images and infinite scrolling change the height without a scroll.
    fn observe(self: &Rc<Self>) {
        let weak = Rc::downgrade(self);
        let resized = Frame::new(move || {
            if let Some(view) = weak.upgrade() {
                view.schedule();
            }
        });
        let root = dom::document().and_then(|document| document.document_element());
        if let (Some(root), Ok(observer)) = (root, ResizeObserver::new(resized.as_ref().unchecked_ref())) {
            observer.observe(&root);
            *self.resized.borrow_mut() = Some((observer, resized));
        }
    }

    fn schedule(&self) {
        if !self.is_scheduled.replace(true)
            && let Some(window) = dom::window()
        {
            let _ = window.request_animation_frame(self.frame.as_ref().unchecked_ref());
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some((observer, _)) = self.resized.borrow().as_ref() {
            observer.disconnect();
        }
    }
}

fn measure() -> Option<(u32, u32)> {
    let window = dom::window()?;
    let root = dom::document()?.document_element()?;
    let bottom_px = dom::whole(window.scroll_y().ok()? + window.inner_height().as_ref().ok().and_then(JsValue::as_f64)?);
    let height_px = u32::try_from(root.scroll_height()).ok()?;
    Some((u32::try_from(bottom_px).unwrap_or(u32::MAX), height_px))
}
