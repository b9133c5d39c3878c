//! What is behind a tracker: hands signals to the core and does what it answers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use js_sys::{Array, Function};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Performance, Window};

use super::config::{Error, Settings};
use super::device::{self, Device};
use super::dom;
use super::watch::{self, Watch};
use crate::consent::Consent;
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::visit::{Flush, Visit};

/// Single-page applications set the new title after `pushState`, often in the next turn of the event loop.
const TITLE_DELAY_MS: u32 = 50;

/// What listeners, timers and answers of the network reach through a weak pointer.
///
/// The cells of the core are never borrowed while JavaScript runs, so that a page whose patched `fetch` leads back here does no harm.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) window: Window,
    pub(super) document: Document,
    pub(super) location: JsValue,
    performance: Performance,
    pub(super) device: Device,
    pub(super) settings: Settings,
    /// Where batches go.
    pub(super) url: JsValue,
    pub(super) visit: RefCell<Visit>,
    pub(super) outbox: RefCell<Outbox>,
    /// Bodies without a receipt, by their tickets: where they are kept on the device, and the body.
    pub(super) letters: Array,
    /// Events that were written, and not yet sealed.
    pub(super) events: Array,
    next_seq: Cell<u32>,
    /// Texts by name: those of the running pageview, and of the one before.
    pub(super) words: JsValue,
    /// What holds; `None` before the page is shown, and after the end.
    pub(super) mode: Cell<Option<Consent>>,
    /// The last sign of the reader that the core has not been told: telling waits for the next deadline or signal.
    active_at_ms: Cell<Option<u32>>,
    /// A navigation within the document whose page is read a little later.
    arrived_at_ms: Cell<Option<u32>>,
    timer: RefCell<Option<Timeout>>,
    is_timed: Cell<bool>,
    pub(super) is_measuring: Cell<bool>,
    /// Everything that JavaScript calls back, by the number of the call.
    callback: Function,
    watch: RefCell<Option<Watch>>,
}

impl Shared {
    /// Looks through the configuration and begins.
    pub(super) fn start(said: JsValue) -> Result<Rc<Self>, Error> {
        let window = dom::window().ok_or(Error::NoPage)?;
        let document = window.document().ok_or(Error::NoPage)?;
        let performance = window.performance().ok_or(Error::NoPage)?;
        let settings = Settings::of(said)?;
        let shared = Rc::new_cyclic(|weak| Self {
            location: dom::get(&window, "location"),
            performance,
            device: Device::open(&window),
            url: dom::joined(&dom::get(&settings.said, "endpoint"), &"/pageview".into()),
            settings,
            visit: RefCell::new(Visit::new()),
            outbox: RefCell::new(Outbox::new()),
            letters: Array::new(),
            events: Array::new(),
            next_seq: Cell::new(0),
            words: dom::object(),
            mode: Cell::new(None),
            active_at_ms: Cell::new(None),
            arrived_at_ms: Cell::new(None),
            timer: RefCell::new(None),
            is_timed: Cell::new(false),
            is_measuring: Cell::new(false),
            callback: watch::callback(weak.clone()),
            watch: RefCell::new(None),
            window,
            document,
        });
        let watch = Watch::new(&shared);
        *shared.watch.borrow_mut() = Some(watch);
        // A page that is rendered ahead of the reader may never be seen.
        if !dom::get(&shared.document, "prerendering").is_truthy() {
            shared.open();
        }
        Ok(shared)
    }

    /// Listens no longer.
    pub(super) fn end(&self) {
        self.mode.set(None);
        let _ended = self.timer.take();
        if let Some(watch) = self.watch.take() {
            watch.end(self);
        }
    }

    pub(super) fn now_ms(&self) -> u32 {
        dom::monotonic_ms(self.performance.now())
    }

    /// A function that calls back with this number, and with whatever JavaScript says.
    pub(super) fn callback(&self, call: u32) -> Function {
        self.callback.unchecked_ref::<dom::Bindable>().bind(&JsValue::UNDEFINED, call)
    }

    /// The page is shown for the first time.
    pub(super) fn open(self: &Rc<Self>) {
        let mode = self.allowed(self.settings.consent);
        self.mode.set(Some(mode));
        if mode.may_store() {
            self.take_up();
        } else {
            self.device.erase();
        }
        if !self.settings.is_manual {
            self.begin(&self.settings.said, self.now_ms());
        }
    }

    /// What holds when the reader agreed to `mode`.
    fn allowed(&self, mode: Consent) -> Consent {
        let navigator = dom::get(&self.window, "navigator");
        let mode = mode.under_gpc(dom::get(&navigator, "globalPrivacyControl").is_truthy());
        mode.where_storable(mode.may_store() && self.device.open_visitor())
    }

    /// A pageview begins.
    pub(super) fn begin(self: &Rc<Self>, said: &JsValue, at_ms: u32) {
        self.set_word("place", &self.place());
        let path = dom::get(&self.location, "pathname");
        let is_excluded = self.settings.exclude.as_ref().is_some_and(|exclude| exclude.test(&path));
        let mode = self.mode.get().unwrap_or(Consent::Off);
        if mode == Consent::Off || is_excluded || self.device.is_opted_out() {
            return;
        }
        // The id is gone: the reader, or another page where consent was withdrawn, has erased it since.
        let mode = mode.where_storable(self.device.visitor().is_some());
        self.mode.set(Some(mode));
        self.set_word("head", &self.describe(said, mode));
        self.next_seq.set(0);
        self.active_at_ms.set(None);
        self.tell(Signal::Begin { idle_window_ms: self.settings.idle_window_ms, is_counted: true }, at_ms, &event_of("pageview"));
        self.attend(true);
        self.measure();
    }

    /// Tells the core, writes what it says, and lets leave what is due.
    fn tell(self: &Rc<Self>, signal: Signal, at_ms: u32, event: &JsValue) {
        let flush = self.obey(signal, at_ms, event);
        if flush != Flush::Hold {
            self.send(flush == Flush::Beacon);
        }
        self.rest(flush == Flush::Beacon);
    }

    /// Tells the core, and writes what it says.
    fn obey(&self, signal: Signal, at_ms: u32, event: &JsValue) -> Flush {
        let orders = self.visit.borrow_mut().handle(signal, at_ms);
        if orders.is_event_taken {
            self.write(event);
        }
        if let Some(measures) = orders.engagement {
            let event = event_of("engagement");
            dom::set(&event, "engaged_ms", &measures.engaged_ms.into());
            dom::set(&event, "scroll_pct", &measures.scroll_pct.into());
            self.write(&event);
        }
        if orders.flush != Flush::Hold {
            self.seal();
        }
        orders.flush
    }

    fn write(&self, event: &JsValue) {
        dom::set(event, "seq", &self.next_seq.get().into());
        self.next_seq.set(self.next_seq.get() + 1);
        dom::set(event, "at_ms", &dom::unix_ms().into());
        self.events.push(event);
    }

    /// Sets the one timer to the next deadline, and posts what is due while there is one: an idle page neither wakes nor sends.
    pub(super) fn rest(self: &Rc<Self>, is_beacon: bool) {
        let now_ms = self.now_ms();
        let retry_in_ms = self.outbox.borrow().retry_in_ms(now_ms);
        let wake_in_ms = self.visit.borrow().wake_in_ms(now_ms, retry_in_ms).filter(|_| self.mode.get().is_some());
        self.is_timed.set(wake_in_ms.is_some());
        let weak = Rc::downgrade(self);
        self.timer.replace(wake_in_ms.map(|in_ms| {
            let ring = move || {
                if let Some(shared) = weak.upgrade() {
                    // Not dropped before the end: it is this very closure.
                    let _rung = shared.timer.take();
                    shared.attend(true);
                }
            };
            // The monotonic clock is cut to whole milliseconds; one more makes sure that the deadline has passed.
            Timeout::new(in_ms.saturating_add(1), ring)
        }));
        if wake_in_ms.is_some() {
            self.send(is_beacon);
        }
    }

    /// A sign of the reader is only noted: the timer asks for it in time.
    pub(super) fn note(self: &Rc<Self>, event: &JsValue) {
        self.active_at_ms.set(Some(dom::monotonic_ms(dom::number(&dom::get(event, "timeStamp")))));
        if !self.is_timed.get() {
            self.attend(true);
        }
    }

    /// What was only noted is told now.
    fn catch_up(self: &Rc<Self>) {
        self.arrive();
        if let Some(at_ms) = self.active_at_ms.take() {
            let _ = self.visit.borrow_mut().handle(Signal::Activity, at_ms);
        }
    }

    /// Visibility or focus may have changed. `is_staying`: the page is not being left.
    pub(super) fn attend(self: &Rc<Self>, is_staying: bool) {
        let is_visible = is_staying && !self.document.hidden();
        self.catch_up();
        // A page that is shown again sends once more what it had beaconed.
        if is_visible {
            self.resume(false);
        }
        // `focus` and `blur` also come when a frame inside the page takes the focus; `hasFocus` stays true then.
        let has_focus = self.document.has_focus().unwrap_or(false);
        self.tell(Signal::Attention { is_visible, has_focus }, self.now_ms(), &JsValue::UNDEFINED);
        self.seek();
    }

    /// Announces an event, and writes it if the core takes it.
    pub(super) fn emit(self: &Rc<Self>, event: &JsValue) {
        self.catch_up();
        let bytes = js_sys::JSON::stringify(event).map_or(u32::MAX, |text| text.length());
        self.tell(Signal::Event { bytes }, self.now_ms(), event);
    }

    fn leave(self: &Rc<Self>) {
        self.catch_up();
        self.tell(Signal::Leave, self.now_ms(), &JsValue::UNDEFINED);
    }

    /// The address may have changed within the document.
    pub(super) fn navigate(self: &Rc<Self>) {
        if self.settings.is_manual || self.arrived_at_ms.get().is_some() || self.place() == self.word("place") {
            return;
        }
        self.leave();
        self.arrived_at_ms.set(Some(self.now_ms()));
        let weak = Rc::downgrade(self);
        // It does nothing when something else was told before, and then the page was read.
        Timeout::new(TITLE_DELAY_MS, move || {
            if let Some(shared) = weak.upgrade() {
                shared.arrive();
            }
        })
        .forget();
    }

    /// Begins the pageview of a navigation within the document, with the time of the navigation itself.
    fn arrive(self: &Rc<Self>) {
        if let Some(at_ms) = self.arrived_at_ms.take() {
            self.begin(&JsValue::UNDEFINED, at_ms);
        }
    }

    pub(super) fn page(self: &Rc<Self>, said: &JsValue) {
        self.leave();
        self.begin(said, self.now_ms());
    }

    pub(super) fn track(self: &Rc<Self>, name: &JsValue, props: &JsValue) {
        let event = event_of("custom");
        dom::set(&event, "name", name);
        dom::set(&event, "props", props);
        self.emit(&event);
    }

    /// The reader agreed to something else.
    pub(super) fn agree(self: &Rc<Self>, mode: Consent) {
        let Some(before) = self.mode.get() else { return };
        self.catch_up();
        let mode = self.allowed(mode);
        self.mode.set(Some(mode));
        if !mode.may_store() {
            self.device.erase();
        }
        if before == Consent::Off {
            self.begin(&self.settings.said, self.now_ms());
        } else if mode.level() < before.level() {
            // What is left of this showing belongs to nobody: another pageview, whose beginning is not counted.
            let head = self.head();
            let _ = self.obey(Signal::Leave, self.now_ms(), &JsValue::UNDEFINED);
            if mode == Consent::Off {
                self.discard();
                self.rest(false);
            } else if head.is_truthy() {
                dom::set(&head, "pageview", &device::new_id());
                dom::set(&head, "visitor", &JsValue::UNDEFINED);
                dom::set(&head, "user", &JsValue::UNDEFINED);
                dom::set(&head, "consent", &mode.name().into());
                self.next_seq.set(0);
                let begin = Signal::Begin { idle_window_ms: self.settings.idle_window_ms, is_counted: false };
                self.tell(begin, self.now_ms(), &JsValue::UNDEFINED);
            }
        }
    }
}

/// An event that has to be filled.
pub(super) fn event_of(kind: &str) -> JsValue {
    let event = dom::object();
    dom::set(&event, "kind", &kind.into());
    event
}
