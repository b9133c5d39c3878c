//! The shell: listens to the page, asks the core, talks to the network and to `localStorage`. It decides nothing.
//!
//! Texts stay in JavaScript: what crosses the border is numbers and handles. That is most of why it is small.

mod config;
mod delivery;
mod device;
mod dom;
#[cfg(feature = "npm")]
mod npm;
mod page;
mod shared;
mod tracker;
mod watch;

pub use config::{Config, Error, PageKind};
pub use tracker::{Scalar, Tracker};

/// Half as large as the standard library's.
#[cfg(all(feature = "npm", target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
