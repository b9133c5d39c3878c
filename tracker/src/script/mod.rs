//! The core as numbers: what `pulso.js` calls. No allocator, no table, no import; the memory is one page that only this file touches.
//!
//! Every argument and answer is an `i32`, so that the same glue drives the wasm and its JavaScript build; `performance.now()`
//! loses its fraction on the way in.
//! The names are one letter because they travel to every reader; `pulso.js` gives them back their own.

#![expect(unsafe_code, reason = "exports of wasm, and its one static; there is one thread")]

use core::cell::UnsafeCell;

use crate::click::{Link, LinkKind};
use crate::consent::Consent;
use crate::outbox::Outbox;
use crate::signal::Signal;
use crate::visit::{Flush, Visit};

#[repr(C)]
struct Core {
    visit: Visit,
    outbox: Outbox,
}

/// The page's one thread is the only one that there is.
struct OneThread(UnsafeCell<Core>);

// SAFETY: nothing else runs while an export runs, and no export calls another.
unsafe impl Sync for OneThread {}

// All zeros: anything else would become a data segment that every reader loads.
static CORE: OneThread = OneThread(UnsafeCell::new(Core { visit: Visit::new(), outbox: Outbox::new() }));

fn core() -> &'static mut Core {
    // SAFETY: each export asks once, and they never overlap.
    unsafe { &mut *CORE.0.get() }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `tell(signal, x, y, now)` -> orders. Signals: 0 activity, 1 attention (visible, focused), 2 scroll (bottom, height),
/// 3 event (bytes), 4 leave, 5 begin (idle window, counted).
/// Orders, from the lowest bit: take the event, take an engagement, post, send as a beacon; above, the scroll depth.
#[unsafe(export_name = "t")]
extern "C" fn tell(signal: u32, x: i32, y: i32, now_ms: u32) -> u32 {
    let signal = match signal {
        0 => Signal::Activity,
        1 => {
            if x != 0 {
                core().outbox.resume();
            }
            Signal::Attention { is_visible: x != 0, has_focus: y != 0 }
        }
        2 => Signal::Scroll { bottom_px: x, height_px: y },
        3 => Signal::Event { bytes: x.cast_unsigned() },
        4 => Signal::Leave,
        _ => Signal::Begin { idle_window_ms: x.cast_unsigned(), is_counted: y != 0 },
    };
    let orders = core().visit.handle(signal, now_ms);
    let engagement = orders.engagement.map_or(0, |engagement| 2 | engagement.scroll_pct << 4);
    u32::from(orders.is_event_taken) | engagement | flush_bits(orders.flush)
}

#[expect(clippy::as_conversions, reason = "the discriminants are the bits")]
const fn flush_bits(flush: Flush) -> u32 {
    flush as u32
}

/// Engaged milliseconds of the engagement to write.
#[unsafe(export_name = "e")]
extern "C" fn engaged_ms() -> u32 {
    core().visit.engaged_ms()
}

/// `wake(now)` -> milliseconds after which the next deadline has passed, 0 without one.
#[unsafe(export_name = "w")]
extern "C" fn wake(now_ms: u32) -> u32 {
    let core = core();
    core.visit.wake_in_ms(now_ms, core.outbox.retry_in_ms(now_ms)).map_or(0, |in_ms| in_ms + 1)
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

/// `next(is_beacon, now)` -> ticket of the body to send now, or 0.
#[unsafe(export_name = "x")]
extern "C" fn next(is_beacon: u32, now_ms: u32) -> u32 {
    core().outbox.next(is_beacon != 0, now_ms).unwrap_or(0)
}

/// `settle(ticket, status, random, now)` -> 1 when the body is settled. Status 0: no answer, or no beacon.
#[unsafe(export_name = "o")]
extern "C" fn settle(ticket: u32, status: u32, random: u32, now_ms: u32) -> u32 {
    u32::from(core().outbox.settle(ticket, status, now_ms, random))
}

/// `link(is_web, is_same_site, is_jump, is_file)` -> 0 no link, 1 internal, 2 outbound, 3 download.
#[unsafe(export_name = "l")]
extern "C" fn link(is_web: u32, is_same_site: u32, is_jump: u32, is_file: u32) -> u32 {
    let link = Link { is_web: is_web != 0, is_same_site: is_same_site != 0, is_jump: is_jump != 0, is_file: is_file != 0 };
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
        2 => Consent::Full,
        _ => Consent::Cookieless,
    };
    mode.under_gpc(is_gpc_on != 0).level()
}
