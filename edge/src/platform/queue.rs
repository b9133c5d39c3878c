//! The retry queues: sending to them, and the messages that they deliver.

use worker::js_sys::{Array, Date, Function, JSON, Promise, Reflect};
use worker::wasm_bindgen::{JsCast as _, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{BatchMessageBuilder, MessageBatch, MessageBuilder, MessageExt, QueueContentType, QueueRetryOptionsBuilder, RawMessage};

use super::{Env, clock};
use crate::delivery::world::Message;
use crate::heartbeat::Backlog;
use crate::retry::Delivered;

/// The queue of messages that the platform gave up.
pub(crate) const DEAD_QUEUE: &str = "pulso-retry-dead";
/// A send that is not confirmed by then did not happen, as far as the page is concerned. Sends were seen hanging for a minute.
const DEADLINE_MS: u64 = 5_000;

/// The binding of the n-th queue in `wrangler.toml`.
pub(crate) fn binding(number: u32) -> String {
    format!("RETRY_{number}")
}

/// Whether the queue confirmed a batch of messages, small enough for one send.
/// Text, for base64 would lose a quarter of the 128,000 bytes that a message may have.
pub(crate) async fn send(env: &Env, number: u32, texts: Vec<String>, delay_s: u32) -> bool {
    let Ok(queue) = env.queue(&binding(number)) else { return false };
    let message = |text| MessageBuilder::new(text).content_type(QueueContentType::Text).delay_seconds(delay_s).build();
    let batch = BatchMessageBuilder::new().messages(texts.into_iter().map(message)).build();
    matches!(clock::within(DEADLINE_MS, queue.send_batch(batch)).await, Some(Ok(())))
}

/// A delivered message.
pub(crate) struct Delivery(RawMessage);

impl Message for Delivery {
    /// The shim hands over `[attempts, body]`, since the crate `worker` does not know `attempts`.
    /// A body that is no text, which we never send, comes as JSON for its dead letter.
    fn delivered(&self) -> Delivered {
        let pair = Array::from(&self.0.body());
        let body = pair.get(1);
        let text = body.as_string().or_else(|| JSON::stringify(&body).ok().map(String::from)).unwrap_or_default();
        let deliveries = pair.get(0).as_f64().and_then(|count| format!("{count:.0}").parse().ok()).unwrap_or(1);
        Delivered { text, deliveries }
    }

    fn ack(&self) {
        self.0.ack();
    }

    fn again(&self, delay_s: u32) {
        self.0.retry_with_options(&QueueRetryOptionsBuilder::new().with_delay_seconds(delay_s).build());
    }
}

/// The messages of a batch. Not through serde: what it cannot read it skips, and what is skipped counts as acknowledged.
pub(crate) fn messages(batch: &MessageBatch<String>) -> impl Iterator<Item = Delivery> {
    batch.raw_iter().map(Delivery)
}

/// What waits in the n-th queue; `None` when the platform does not tell. The crate `worker` does not know the method
/// (<https://developers.cloudflare.com/queues/configuration/javascript-apis/>).
pub(crate) async fn backlog(env: &Env, number: u32) -> Option<Backlog> {
    let queue = Reflect::get(env, &binding(number).into()).ok()?;
    let method = Reflect::get(&queue, &"metrics".into()).ok()?.dyn_into::<Function>().ok()?;
    let promise = method.call0(&queue).ok()?.dyn_into::<Promise>().ok()?;
    let metrics = clock::within(DEADLINE_MS, JsFuture::from(promise)).await?.ok()?;
    let field = |name: &str| Reflect::get(&metrics, &name.into()).ok();
    let whole = |value: f64| format!("{value:.0}").parse::<u64>().ok();
    // A date, or milliseconds: both were documented. Local queues say 1970 of an empty one.
    let at_ms = |value: JsValue| value.dyn_ref::<Date>().map_or_else(|| value.as_f64(), |date| Some(date.get_time()));
    let messages = field("backlogCount")?.as_f64().and_then(whole)?;
    let oldest_at_ms = field("oldestMessageTimestamp").and_then(at_ms).and_then(whole).filter(|at_ms| *at_ms > 0 && messages > 0);
    Some(Backlog { messages: u32::try_from(messages).unwrap_or(u32::MAX), oldest_at_ms })
}
