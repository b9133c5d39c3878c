//! The bodies that the outbox speaks of by ticket, and the two ways by which they leave.

use js_sys::{Promise, Reflect};
use wasm_bindgen::JsValue;
use web_sys::RequestInit;

use super::{dom, store};
use crate::batch::restamp;
use crate::identity::Id;
use crate::outbox::{Outbox, Outcome};

#[derive(Debug)]
struct Letter {
    ticket: u32,
    body: Vec<u8>,
    /// Its key in the store; `None` when it lives in memory only.
    key: Option<String>,
}

/// Bodies without a receipt.
#[derive(Debug)]
pub(super) struct Letters {
    url: String,
    outbox: Outbox,
    kept: Vec<Letter>,
    in_flight: Option<u32>,
    may_store: bool,
}

impl Letters {
    pub(super) fn new(endpoint: &str, may_store: bool) -> Self {
        let url = format!("{endpoint}/pageview");
        let mut letters = Self { url, outbox: Outbox::new(), kept: Vec::new(), in_flight: None, may_store };
        let left = if may_store { store::batches() } else { Vec::new() };
        for (key, body) in left {
            letters.admit(store::events(&key), body.into_bytes(), Some(key));
        }
        letters
    }

    /// Whether bodies may be kept on the device from now on.
    pub(super) fn keep(&mut self, may_store: bool) {
        self.may_store = may_store;
    }

    pub(super) fn take_dropped(&mut self) -> u32 {
        self.outbox.take_dropped()
    }

    pub(super) fn retry_at_ms(&self) -> Option<u64> {
        self.outbox.retry_at_ms()
    }

    pub(super) fn resume(&mut self) {
        self.outbox.resume();
    }

    /// Takes in a sealed body. `events`: those in it, and the dropped ones that it reports.
    pub(super) fn put(&mut self, pageview: &Id, first_seq: u32, events: u32, body: &[u8]) {
        let key = self.may_store.then(|| store::key(pageview, first_seq, events));
        let key = key.filter(|key| store::write(key, &String::from_utf8_lossy(body)));
        self.admit(events, body.to_vec(), key);
    }

    fn admit(&mut self, events: u32, body: Vec<u8>, key: Option<String>) {
        let admission = self.outbox.admit(events);
        if let Some(ticket) = admission.evicted {
            self.forget(ticket);
        }
        self.kept.push(Letter { ticket: admission.ticket, body, key });
    }

    /// Posts the next body that is due; the answer comes back through [`Letters::answer`].
    pub(super) fn post(&mut self) -> Option<Promise> {
        loop {
            let now = dom::now();
            let ticket = self.outbox.next_post(now.monotonic_ms)?;
            let Some(body) = self.body(ticket, now.unix_ms) else {
                self.settle(ticket, Outcome::Answered(202));
                continue;
            };
            self.in_flight = Some(ticket);
            let init = RequestInit::new();
            init.set_method("POST");
            init.set_body(&body.into());
            // `keepalive` outlives the page; `omit`, because no cookie of the edge's host is ours.
            let _ = Reflect::set(&init, &"keepalive".into(), &JsValue::TRUE);
            let _ = Reflect::set(&init, &"credentials".into(), &"omit".into());
            return dom::window().map(|window| window.fetch_with_str_and_init(&self.url, &init));
        }
    }

    /// What became of the post: the status of the answer, `None` when none came.
    pub(super) fn answer(&mut self, status: Option<u16>) {
        if let Some(ticket) = self.in_flight.take() {
            self.settle(ticket, status.map_or(Outcome::Failed, Outcome::Answered));
        }
    }

    /// Sends everything that is due as beacons.
    pub(super) fn beacon(&mut self) {
        let now = dom::now();
        while let Some(ticket) = self.outbox.next_beacon(now.monotonic_ms) {
            let Some(body) = self.body(ticket, now.unix_ms) else {
                self.settle(ticket, Outcome::Answered(202));
                continue;
            };
            // A string goes as `text/plain`, which needs no preflight. `false`: the quota of 64 KiB is used up.
            let navigator = dom::window().map(|window| window.navigator());
            let is_taken = navigator.is_some_and(|navigator| navigator.send_beacon_with_opt_str(&self.url, Some(&body)).unwrap_or(false));
            self.settle(ticket, if is_taken { Outcome::Beaconed } else { Outcome::Failed });
        }
    }

    /// The body as it leaves now; `None` when another tab has delivered it, or the reader has erased it.
    fn body(&mut self, ticket: u32, unix_ms: u64) -> Option<String> {
        let letter = self.kept.iter_mut().find(|letter| letter.ticket == ticket)?;
        if let Some(key) = &letter.key {
            store::read(key)?;
        }
        restamp(&mut letter.body, unix_ms);
        Some(String::from_utf8_lossy(&letter.body).into_owned())
    }

    fn settle(&mut self, ticket: u32, outcome: Outcome) {
        let [random] = dom::random().unwrap_or_default();
        if self.outbox.settle(ticket, outcome, dom::now().monotonic_ms, random) {
            self.forget(ticket);
        }
    }

    fn forget(&mut self, ticket: u32) {
        let is_meant = |letter: &mut Letter| letter.ticket == ticket;
        for letter in self.kept.extract_if(.., is_meant) {
            if let Some(key) = letter.key {
                store::forget(&key);
            }
        }
    }
}
