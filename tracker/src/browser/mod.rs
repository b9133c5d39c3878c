//! The shell: listens to the page, asks the core, talks to the network and to `localStorage`. It decides nothing.

mod config;
mod dom;
mod history;
mod letters;
mod listener;
mod media;
mod page;
#[cfg(feature = "script")]
mod script;
mod store;
mod tracker;
mod watch;

pub use config::{Config, Error};
pub use tracker::Tracker;
