//! The bodies that the outbox speaks of by ticket, and the two ways by which they leave.

use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsValue;

use super::shared::Shared;
use super::watch::ANSWER;
use super::{device, dom};
use crate::consent::Consent;
use crate::outbox::LETTERS_MAX;

/// A collector that takes the request and never answers is given up.
const ANSWER_MS_MAX: u32 = 30_000;
/// Stands for "another tab has delivered it, or the reader has erased it".
const SETTLED: u32 = 200;
/// No answer: offline, blocked, or no room for the request.
const FAILED: u32 = 0;

impl Shared {
    /// Puts what was written into a body of its own.
    pub(super) fn seal(&self) {
        let open = self.events.length();
        let first_seq = dom::get(&self.events.get(0), "seq");
        let dropped = self.visit.borrow_mut().seal() + self.outbox.borrow_mut().take_dropped();
        let head = self.head();
        dom::set(&head, "dropped", &dropped.into());
        dom::set(&head, "events", &self.events);
        // Everything but the opening brace, before which the time of sending is put.
        let body = js_sys::JSON::stringify(&head).map_or(JsValue::UNDEFINED, |text| text.slice(1, u32::MAX).into());
        self.events.set_length(0);
        dom::set(&head, "meta", &JsValue::UNDEFINED);
        let key = device::batch_key(&dom::get(&head, "pageview"), first_seq, open + dropped);
        let is_kept = self.mode.get() == Some(Consent::Full) && self.device.keep(&key, &body);
        self.admit(open + dropped, &if is_kept { key } else { JsValue::UNDEFINED }, &body);
    }

    fn admit(&self, events: u32, key: &JsValue, body: &JsValue) {
        let ticket = self.outbox.borrow_mut().admit(events);
        self.letters.set(ticket, Array::of2(key, body).into());
        self.forget(ticket.wrapping_sub(LETTERS_MAX));
    }

    /// Bodies that earlier pages left, oldest first.
    pub(super) fn take_up(&self) {
        for key in self.device.batches().iter() {
            if let Some(body) = self.device.read(&key) {
                self.admit(device::events_of(&key), &key, &body);
            }
        }
    }

    /// Sends what is due: the next body as a post, or all of them as beacons.
    pub(super) fn send(&self, is_beacon: bool) {
        while let Some(ticket) = self.next(is_beacon) {
            let [key, body] = self.letter(ticket);
            if key.is_truthy() && self.device.read(&key).is_none() {
                self.settle(ticket, SETTLED);
                continue;
            }
            let body = [dom::unix_ms().into(), ",".into(), body]
                .iter()
                .fold(r#"{"v":1,"sent_at_ms":"#.into(), |text, part| dom::joined(&text, part));
            if is_beacon {
                // A text goes as `text/plain`, which needs no preflight. Neither a receipt nor a refusal counts:
                // it is sent again when this page, or the next one, is shown.
                dom::send_beacon(&self.url, &body);
            } else {
                self.post(ticket, &body);
            }
        }
    }

    fn post(&self, ticket: u32, body: &JsValue) {
        let init = dom::object();
        dom::set(&init, "method", &"POST".into());
        dom::set(&init, "body", body);
        // It outlives the page.
        dom::set(&init, "keepalive", &JsValue::TRUE);
        // No cookie of the edge's host is ours.
        dom::set(&init, "credentials", &"omit".into());
        dom::set(&init, "signal", &dom::abort_in(ANSWER_MS_MAX).unwrap_or(JsValue::UNDEFINED));
        match dom::fetch(&self.url, &init) {
            Ok(promise) => dom::when_settled(&promise, &self.callback(ANSWER.wrapping_add(ticket))),
            Err(_) => self.settle(ticket, FAILED),
        }
    }

    /// What became of a post: a `Response`, or the reason why there is none.
    pub(super) fn answer(self: &Rc<Self>, ticket: u32, answer: &JsValue) {
        self.settle(ticket, dom::whole(dom::number(&dom::get(answer, "status"))));
        self.rest(false);
    }

    /// Nothing that was measured so far is sent any more.
    pub(super) fn discard(&self) {
        self.outbox.borrow_mut().resume();
        while let Some(ticket) = self.next(true) {
            self.settle(ticket, SETTLED);
        }
    }

    /// The page runs on, or the network is back.
    pub(super) fn resume(&self, is_network_back: bool) {
        let now_ms = self.now_ms();
        let mut outbox = self.outbox.borrow_mut();
        outbox.resume();
        if is_network_back {
            outbox.heal(now_ms);
        }
    }

    fn next(&self, is_beacon: bool) -> Option<u32> {
        self.outbox.borrow_mut().next(is_beacon, self.now_ms())
    }

    fn settle(&self, ticket: u32, status: u32) {
        let [random, ..] = dom::random();
        if self.outbox.borrow_mut().settle(ticket, status, self.now_ms(), u32::from(random)) {
            self.forget(ticket);
        }
    }

    fn letter(&self, ticket: u32) -> [JsValue; 2] {
        let letter = self.letters.get(ticket);
        [dom::at(&letter, 0), dom::at(&letter, 1)]
    }

    fn forget(&self, ticket: u32) {
        let [key, _] = self.letter(ticket);
        if key.is_truthy() {
            self.device.forget(&key);
        }
        self.letters.delete(ticket);
    }
}
