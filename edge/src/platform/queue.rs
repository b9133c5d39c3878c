//! The retry queue: sending to it, and the messages that it delivers.

use worker::{MessageBatch, MessageBuilder, MessageExt, QueueContentType, QueueRetryOptionsBuilder, RawMessage};

use super::{Env, clock};

/// Its name in `wrangler.toml`.
pub(crate) const BINDING: &str = "RETRY";
/// The queue of messages that the platform gave up.
pub(crate) const DEAD_QUEUE: &str = "pulso-retry-dead";
/// A send that is not confirmed by then did not happen, as far as the page is concerned.
const DEADLINE_MS: u64 = 5_000;

/// Whether the queue confirmed a message. Text, for base64 would lose a quarter of the 128,000 bytes that a message may have.
pub(crate) async fn send(env: &Env, text: String, delay_s: u32) -> bool {
    let Ok(queue) = env.queue(BINDING) else { return false };
    let message = MessageBuilder::new(text).content_type(QueueContentType::Text).delay_seconds(delay_s).build();
    matches!(clock::within(DEADLINE_MS, queue.send(message)).await, Some(Ok(())))
}

/// A delivered message. Exactly one of `ack` and `again` must follow: one that is neither comes back without a delay.
pub(crate) struct Message(RawMessage);

impl Message {
    /// Its text. A body of another kind, which we never send, comes as JSON for its dead letter.
    pub(crate) fn text(&self) -> String {
        let body = self.0.body();
        body.as_string().or_else(|| worker::js_sys::JSON::stringify(&body).ok().map(String::from)).unwrap_or_default()
    }

    /// It is done with.
    pub(crate) fn ack(&self) {
        self.0.ack();
    }

    /// The queue keeps it, and delivers it again as it is.
    pub(crate) fn again(&self, delay_s: u32) {
        self.0.retry_with_options(&QueueRetryOptionsBuilder::new().with_delay_seconds(delay_s).build());
    }
}

/// The messages of a batch. Not through serde: what it cannot read it skips, and what is skipped counts as acknowledged.
pub(crate) fn messages(batch: &MessageBatch<String>) -> impl Iterator<Item = Message> {
    batch.raw_iter().map(Message)
}
