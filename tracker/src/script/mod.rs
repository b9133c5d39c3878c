//! The core as numbers: what `pulso.js` calls. No allocator, no table, no import; the memory is one page that only this file touches.
//!
//! Every argument and answer is an `i32`, so that the same glue drives the wasm and its JavaScript build; `performance.now()`
//! loses its fraction on the way in.
//! The names are one letter because they travel to every reader; `pulso.js` gives them back their own.

#![expect(unsafe_code, reason = "exports of wasm, and its one static; there is one thread")]

use core::cell::UnsafeCell;

use crate::click::{Link, LinkKind};
use crate::consent::Consent;
use crate::outbox::{Outbox, Outcome};
use crate::signal::Signal;
use crate::visit::{Engagement, Flush, Visit};

#[repr(C)]
struct Core {
    visit: Visit,
    engaged_ms: u32,
    outbox: Outbox,
}

/// The page's one thread is the only one that there is.
struct OneThread(UnsafeCell<Core>);

// SAFETY: nothing else runs while an export runs, and no export calls another.
unsafe impl Sync for OneThread {}

// All zeros: anything else would become a data segment that every reader loads.
static CORE: OneThread = OneThread(UnsafeCell::new(Core {
    visit: Visit::new(),
    engaged_ms: 0,
    outbox: Outbox::new(),
}));

fn core() -> &'static mut Core {
    // SAFETY: each export asks once, and they never overlap.
    unsafe { &mut *CORE.0.get() }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `tell(signal, x, y, now)` -> orders. Signals: 0 activity, 1 attention (visible, focused), 2 scroll (bottom, height),
/// 3 event (bytes, by the reader), 4 leave, 5 begin (idle window, counted).
/// Orders, from the lowest bit: take the event, take an engagement, post, send as a beacon; 7 bits of scroll depth; above, the count of events.
#[unsafe(export_name = "t")]
extern "C" fn tell(signal: u32, x: i32, y: i32, now_ms: u32) -> u32 {
    let signal = match signal {
        0 => Signal::Activity,
        1 => Signal::Attention { is_visible: x != 0, has_focus: y != 0 },
        2 => Signal::Scroll { bottom_px: x, height_px: y },
        3 => Signal::Event { bytes: x.cast_unsigned(), is_activity: y != 0 },
        4 => Signal::Leave,
        _ => Signal::Begin { idle_window_ms: x.cast_unsigned(), is_counted: y != 0 },
    };
    let core = core();
    let orders = core.visit.handle(signal, now_ms);
    let flush = match orders.flush {
        Flush::Hold => 0,
        Flush::Post => 4,
        Flush::Beacon => 8,
    };
    let engagement = orders.engagement.map_or(0, |Engagement { engaged_ms, scroll_pct }| {
        core.engaged_ms = engaged_ms;
        2 | scroll_pct << 4
    });
    u32::from(orders.is_event_taken) | engagement | flush | orders.events << 11
}

/// Engaged milliseconds of the engagement to write.
#[unsafe(export_name = "e")]
extern "C" fn engaged_ms() -> u32 {
    core().engaged_ms
}

/// `wake(now)` -> milliseconds until the next deadline, -1 without one.
#[unsafe(export_name = "w")]
extern "C" fn wake(now_ms: u32) -> u32 {
    let core = core();
    core.visit.wake_in_ms(now_ms, core.outbox.retry_in_ms(now_ms)).unwrap_or(u32::MAX)
}

/// `admit(events)` -> ticket.
#[unsafe(export_name = "a")]
extern "C" fn admit(events: u32) -> u32 {
    core().outbox.admit(events)
}

/// `seal()` -> events forgotten since the last one.
#[unsafe(export_name = "s")]
extern "C" fn seal() -> u32 {
    let core = core();
    core.visit.seal() + core.outbox.take_dropped()
}

/// `next(is_beacon, now)` -> ticket of the body to send now, or -1.
#[unsafe(export_name = "x")]
extern "C" fn next(is_beacon: u32, now_ms: u32) -> u32 {
    core().outbox.next(is_beacon != 0, now_ms).unwrap_or(u32::MAX)
}

/// `settle(ticket, status, retry_after_s, random, now)` -> 1 when the body is settled. Status 0: no answer; 1: taken as a beacon.
#[unsafe(export_name = "o")]
extern "C" fn settle(ticket: u32, status: u32, retry_after_s: u32, random: u32, now_ms: u32) -> u32 {
    let outcome = match status {
        0 => Outcome::Failed,
        1 => Outcome::Beaconed,
        _ => Outcome::Answered { status, retry_after_s },
    };
    let [random, ..] = random.to_le_bytes();
    u32::from(core().outbox.settle(ticket, outcome, now_ms, random))
}

/// `resume(is_network_back)`.
#[unsafe(export_name = "r")]
extern "C" fn resume(is_network_back: u32) {
    let outbox = &mut core().outbox;
    outbox.resume();
    if is_network_back != 0 {
        outbox.heal();
    }
}

/// `link(facts)` -> 0 no link, 1 internal, 2 outbound, 3 download. Facts: 1 web, 2 same site, 4 jump, 8 file.
#[unsafe(export_name = "l")]
extern "C" fn link(facts: u32) -> u32 {
    let is = |bit: u32| facts & bit != 0;
    let link = Link { is_web: is(1), is_same_site: is(2), is_jump: is(4), is_file: is(8) };
    match link.kind() {
        None => 0,
        Some(LinkKind::Internal) => 1,
        Some(LinkKind::Outbound) => 2,
        Some(LinkKind::Download) => 3,
    }
}

/// `consent(mode, is_gpc_on)` -> the mode that holds: 0 off, 1 cookieless, 2 full.
#[unsafe(export_name = "c")]
extern "C" fn consent(mode: u32, is_gpc_on: u32) -> u32 {
    let mode = match mode {
        0 => Consent::Off,
        1 => Consent::Cookieless,
        _ => Consent::Full,
    };
    match mode.under_gpc(is_gpc_on != 0) {
        Consent::Off => 0,
        Consent::Cookieless => 1,
        Consent::Full => 2,
    }
}

