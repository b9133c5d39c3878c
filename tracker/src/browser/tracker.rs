//! The tracker of a page: hands signals to the core and does what it answers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_timers::callback::Timeout;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Response;

use super::config::{Config, Error};
use super::letters::Letters;
use super::page::{PageFacts, is_other_page};
use super::watch::Watch;
use super::{dom, store};
use crate::consent::Consent;
use crate::identity::{Id, pageview_id};
use crate::signal::{Now, Signal};
use crate::visit::{Flush, Visit};
use crate::web_url::is_web_url;

/// Single-page applications set the new title after `pushState`, often in the next turn of the event loop.
const TITLE_DELAY_MS: u32 = 50;

/// A running tracker. Dropping it stops it; [`Tracker::stop`] sends what is left first.
#[derive(Debug)]
pub struct Tracker {
    shared: Rc<Shared>,
}

/// What listeners, timers and answers of the network reach through a weak pointer.
#[derive(Debug)]
pub(super) struct Shared {
    state: RefCell<State>,
    /// The last sign of the reader that the core has not been told: telling waits for the next deadline or signal.
    untold_activity: Cell<Option<Now>>,
    /// The deepest view that the core has not been told.
    untold_view: Cell<Option<(u32, u32)>>,
    timer: RefCell<Option<(u64, Timeout)>>,
    /// A navigation within the document whose page is read a little later.
    navigation: RefCell<Option<(Now, Timeout)>>,
    on_answer: Closure<dyn FnMut(JsValue)>,
    watch: RefCell<Option<Watch>>,
}

#[derive(Debug)]
struct State {
    visit: Visit,
    letters: Letters,
    config: Config,
    consent: Consent,
    visitor: Option<Id>,
    pageview: Id,
    facts: Option<PageFacts>,
}

impl Tracker {
    /// Starts to measure the page. With [`Consent::Off`] nothing is measured, and what was kept on the device is erased.
    ///
    /// # Errors
    /// [`Error`]: the configuration is wrong, or this is no page.
    pub fn start(config: Config) -> Result<Self, Error> {
        config.check()?;
        let window = dom::window().ok_or(Error::NoPage)?;
        let url = window.location().href().unwrap_or_default();
        if !is_web_url(url.as_bytes()) {
            return Err(Error::NoPage);
        }
        let is_gpc_on = dom::flag(&JsValue::from(window.navigator()), "globalPrivacyControl");
        let consent = config.consent.under_gpc(is_gpc_on);
        let has_store = consent.may_store() && store::open_visitor(dom::now().unix_ms);
        let consent = consent.where_storable(has_store);
        if !consent.may_store() {
            store::erase();
        }
        let state = State {
            visit: Visit::new(config.idle_window_ms),
            letters: Letters::new(&config.endpoint, consent.may_store()),
            visitor: None,
            pageview: [b'0'; 32],
            facts: None,
            consent,
            config,
        };
        let shared = Rc::new_cyclic(|weak| Shared::new(state, weak.clone()));
        if consent != Consent::Off {
            *shared.watch.borrow_mut() = Some(Watch::new(&Rc::downgrade(&shared)));
            if !dom::document().is_some_and(|document| dom::flag(&document, "prerendering")) {
                shared.show();
            }
        }
        Ok(Self { shared })
    }

    /// Ends the pageview, sends what is left, and listens no longer.
    pub fn stop(self) {
        self.shared.tell(Signal::Attention { is_visible: false, has_focus: false }, dom::now());
    }
}

impl Shared {
    fn new(state: State, weak: Weak<Self>) -> Self {
        Self {
            state: RefCell::new(state),
            untold_activity: Cell::new(None),
            untold_view: Cell::new(None),
            timer: RefCell::new(None),
            navigation: RefCell::new(None),
            on_answer: Closure::new(move |answer: JsValue| {
                if let Some(shared) = weak.upgrade() {
                    shared.answer(&answer);
                }
            }),
            watch: RefCell::new(None),
        }
    }

    /// The page returned from the back-forward cache: a new pageview, and what was beaconed is sent once more.
    pub(super) fn show_again(self: &Rc<Self>) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.letters.resume();
        }
        self.show();
    }

    /// A page is shown: on load, on activation of a prerendered page, on return from the back-forward cache.
    pub(super) fn show(self: &Rc<Self>) {
        self.begin(dom::now(), None);
        self.tell(dom::attention(), dom::now());
    }

    /// Visibility or focus may have changed. A page that is shown again sends once more what it had beaconed.
    pub(super) fn attend(self: &Rc<Self>) {
        let attention = dom::attention();
        if let Signal::Attention { is_visible: true, .. } = attention
            && let Ok(mut state) = self.state.try_borrow_mut()
        {
            state.letters.resume();
        }
        self.tell(attention, dom::now());
    }

    /// A sign of the reader. While a timer is set it is only noted: the timer asks for it in time.
    pub(super) fn note_activity(self: &Rc<Self>) {
        let now = dom::now();
        if self.timer.borrow().is_some() {
            self.untold_activity.set(Some(now));
        } else {
            self.tell(Signal::Activity, now);
        }
    }

    /// What the window shows, as measured between two frames.
    pub(super) fn note_view(&self, bottom_px: u32, height_px: u32) {
        let deepest_px = self.untold_view.get().map_or(0, |(deepest_px, _)| deepest_px);
        self.untold_view.set(Some((bottom_px.max(deepest_px.min(height_px)), height_px)));
    }

    /// The address may have changed within the document.
    pub(super) fn navigate(self: &Rc<Self>) {
        let url = dom::window().and_then(|window| window.location().href().ok()).unwrap_or_default();
        let is_other = self.state.try_borrow().is_ok_and(|state| state.facts.as_ref().is_some_and(|facts| is_other_page(&facts.url, &url)));
        if !is_other || self.navigation.borrow().is_some() {
            return;
        }
        let now = dom::now();
        self.tell(Signal::Leave, now);
        let weak = Rc::downgrade(self);
        let read = move || {
            if let Some(shared) = weak.upgrade() {
                shared.arrive();
            }
        };
        *self.navigation.borrow_mut() = Some((now, Timeout::new(TITLE_DELAY_MS, read)));
    }

    /// Begins the pageview of a navigation within the document, with the time of the navigation itself.
    fn arrive(self: &Rc<Self>) {
        // The timer stays alive until here: it may be the one that is running.
        let arrival = self.navigation.borrow_mut().take();
        if let Some((navigated, _timer)) = arrival {
            let before = self.state.try_borrow().ok().and_then(|state| state.facts.clone());
            self.begin(navigated, before.as_ref());
        }
    }

    fn begin(self: &Rc<Self>, now: Now, before: Option<&PageFacts>) {
        self.untold_view.set(None);
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.begin(now, before);
        }
        if let Some(watch) = self.watch.borrow().as_ref() {
            watch.measure();
        }
        self.post();
    }

    /// Tells the core, and does what it says.
    pub(super) fn tell(self: &Rc<Self>, signal: Signal<'_>, now: Now) {
        // Whatever comes before the page was read: it belongs to the new pageview.
        self.arrive();
        let flush = {
            // Borrowed already: a page that patched `fetch` has led us back into ourselves.
            let Ok(mut state) = self.state.try_borrow_mut() else { return };
            // A body that one of these fills is sealed by `handle`, and leaves with the next post.
            if let Some((bottom_px, height_px)) = self.untold_view.take() {
                let _ = state.handle(Signal::Scroll { bottom_px, height_px }, now);
            }
            if let Some(noted) = self.untold_activity.take() {
                let _ = state.handle(Signal::Activity, noted);
            }
            state.handle(signal, now)
        };
        match flush {
            Flush::Beacon => {
                if let Ok(mut state) = self.state.try_borrow_mut() {
                    state.letters.beacon();
                }
            }
            Flush::Hold | Flush::Post => self.post(),
        }
        self.arm(now.monotonic_ms);
    }

    /// Posts the next body that is due, if the page is in front of a reader or has just been opened.
    fn post(self: &Rc<Self>) {
        let promise = self.state.try_borrow_mut().ok().and_then(|mut state| state.letters.post());
        if let Some(promise) = promise {
            let _ = promise.then2(&self.on_answer, &self.on_answer);
        }
    }

    fn answer(self: &Rc<Self>, answer: &JsValue) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.letters.answer(answer.dyn_ref::<Response>().map(Response::status));
        }
        self.post();
        self.arm(dom::now().monotonic_ms);
    }

    /// Sets the one timer to the core's deadline. One that rings too early costs less than setting it anew for each signal.
    fn arm(self: &Rc<Self>, now_ms: u64) {
        let Ok(state) = self.state.try_borrow() else { return };
        let deadline_ms = state.visit.deadline_ms(now_ms, state.letters.retry_at_ms());
        let mut timer = self.timer.borrow_mut();
        match (deadline_ms, timer.as_ref()) {
            (None, _) => *timer = None,
            (Some(deadline_ms), Some((set_ms, _))) if *set_ms <= deadline_ms => {}
            (Some(deadline_ms), _) => {
                let weak = Rc::downgrade(self);
                let delay_ms = u32::try_from(deadline_ms.saturating_sub(now_ms)).unwrap_or(u32::MAX);
                let ring = move || {
                    if let Some(shared) = weak.upgrade() {
                        // Not dropped before the end: it is this very closure.
                        let _rung = shared.timer.borrow_mut().take();
                        shared.tell(Signal::Deadline, dom::now());
                    }
                };
                // The monotonic clock is cut to whole milliseconds; one more makes sure that the deadline has passed.
                *timer = Some((deadline_ms, Timeout::new(delay_ms.saturating_add(1), ring)));
            }
        }
    }
}

impl State {
    fn begin(&mut self, now: Now, before: Option<&PageFacts>) {
        let Some(facts) = PageFacts::read(&self.config, before) else { return };
        self.visitor = if self.consent.may_store() { store::visitor(now.unix_ms) } else { None };
        // The id is gone: the reader, or another page where consent was withdrawn, has erased it since.
        self.consent = self.consent.where_storable(self.visitor.is_some());
        self.letters.keep(self.consent.may_store());
        self.pageview = pageview_id(now.unix_ms, dom::random().unwrap_or_default());
        let page = facts.page(&self.config, self.consent, self.visitor.as_ref());
        let flush = self.visit.begin(&page, &self.pageview, now);
        self.facts = Some(facts);
        self.seal(flush, now);
    }

    fn handle(&mut self, signal: Signal<'_>, now: Now) -> Flush {
        let flush = self.visit.handle(signal, now);
        self.seal(flush, now);
        flush
    }

    fn seal(&mut self, flush: Flush, now: Now) {
        if flush == Flush::Hold {
            return;
        }
        let dropped = self.letters.take_dropped();
        if let Some(sealed) = self.visit.seal(dropped, now) {
            self.letters.put(&self.pageview, sealed.first_seq, sealed.events.saturating_add(dropped), sealed.body);
        }
        self.visit.clear();
    }
}
