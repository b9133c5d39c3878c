//! A batch of a queue: the retry queues' is tried again, the dead-letter queue's is settled.

use std::rc::Rc;

use super::told;
use crate::config::Config;
use crate::delivery::queue::{retry_all, settle_given_up};
use crate::delivery::world::Message as _;
use crate::platform::isolate::Isolate;
use crate::platform::queue::{self, DEAD_QUEUE};
use crate::platform::{Env, MessageBatch, memory};

/// Wait when the worker itself is not configured right, seconds.
const UNCONFIGURED_DELAY_S: u32 = 300;

pub(crate) async fn consume(batch: &MessageBatch<String>, env: &Env) {
    let isolate = |config: Rc<Config>| Isolate::new(env, &config);
    match memory::config(env).map(isolate) {
        Ok(isolate) if batch.queue() == DEAD_QUEUE => settle_given_up(&isolate, queue::messages(batch)).await,
        Ok(isolate) => retry_all(&isolate, queue::messages(batch)).await,
        Err(_) => queue::messages(batch).for_each(|message| message.again(UNCONFIGURED_DELAY_S)),
    }
    told::trouble(env).await;
}
