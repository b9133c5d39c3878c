//! Tells people of alarms in their words. What comes is an event of SNS or EventBridge; what goes is an e-mail, an SMS and a message for a
//! webhook.
//!
//! ```
//! let event = include_bytes!("../tests/golden/losing-data.json");
//! let news = notifier::read(event).expect("an event of SNS");
//! let message = notifier::Message::of(&news[0]);
//! assert_eq!(message.subject, "Pulso PAGE: losing-data, portal g1");
//! ```
//!
//! The modules here compute; `platform/`, which the program has, touches the world.

mod alarm;
mod chat;
mod event;
mod message;
mod moment;
mod news;
mod sms;
mod task;
mod told;

pub use event::{Error, read};
pub use message::Message;
pub use news::{News, Turn, Urgency};
pub use told::{Channel, Open, Rest, Told};
