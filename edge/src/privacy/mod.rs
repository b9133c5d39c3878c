//! Personal data is taken out of what pages send before anything is stored: what an address says of its reader, and in every text e-mail
//! addresses, CPFs, Brazilian telephone numbers and tokens.
//!
//! A text without `@`, `=`, `%`, a number of eight digits or a long word, which is nearly every one, costs one look at each byte.

mod address;
mod batch;
mod body;
mod number;
mod scan;
mod token;

pub use address::{Address, cleaned};
pub(crate) use batch::clean;
pub(crate) use body::clean_refused;
pub use scan::{Place, masked};
