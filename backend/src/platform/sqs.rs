//! SQS: receive, delete, and let a message become visible again.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};

use crate::error::{Result, root_cause};
use crate::platform::aws;
use crate::redrive::queue::Delivered;

/// What SQS gives at most in a call.
pub(crate) const MESSAGES_MAX: usize = 10;
/// Longer than three attempts at the stream take, each with its timeout: nobody else gets a message that is in work here.
const VISIBILITY_S: i32 = 120;

/// One queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// By the usual variables and files; makes no call yet.
    ///
    /// # Errors
    /// [`crate::error::Error::NoRegion`].
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        Ok(Self { client: Client::new(&aws::config().await?), url: url.to_owned() })
    }

    /// Up to ten messages; waits so many seconds for the first.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn receive(&self, wait_s: i32) -> std::result::Result<Vec<Delivered>, String> {
        let call = self.client.receive_message().queue_url(&self.url).max_number_of_messages(i32::try_from(MESSAGES_MAX).unwrap_or(1));
        let call = call.wait_time_seconds(wait_s).visibility_timeout(VISIBILITY_S);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let output = call.send().await.map_err(sentence)?;
        Ok(output.messages.unwrap_or_default().into_iter().filter_map(delivered).collect())
    }

    /// Deletes deliveries; says of each whether it is gone.
    pub(crate) async fn delete(&self, messages: &[&Delivered]) -> Vec<bool> {
        let entries = messages.iter().enumerate().map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(&message.receipt).build()
        });
        // Fails only without an id or a receipt, which are there.
        let entries: Vec<_> = entries.filter_map(std::result::Result::ok).collect();
        if entries.is_empty() {
            return vec![false; messages.len()];
        }
        match self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await {
            Ok(output) => {
                let is_gone = |index: usize| output.successful().iter().any(|entry| entry.id() == index.to_string());
                (0..messages.len()).map(is_gone).collect()
            }
            Err(error) => {
                tracing::warn!("cannot delete messages: {}", sentence(error));
                vec![false; messages.len()]
            }
        }
    }

    /// Lets deliveries become visible after so many seconds each. When it fails they do so by themselves, at the latest in two minutes.
    pub(crate) async fn postpone(&self, messages: &[(&Delivered, u32)]) {
        let entries = messages.iter().enumerate().map(|(index, (message, delay_s))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(i32::try_from(*delay_s).unwrap_or(VISIBILITY_S))
                .build()
        });
        let entries: Vec<_> = entries.filter_map(std::result::Result::ok).collect();
        if entries.is_empty() {
            return;
        }
        let call = self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        if let Err(error) = call.send().await {
            tracing::debug!("cannot postpone messages: {}", sentence(error));
        }
    }
}

fn delivered(message: Message) -> Option<Delivered> {
    let receives = message.attributes.as_ref().and_then(|found| found.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    let receives = receives.and_then(|count| count.parse().ok()).unwrap_or(1);
    Some(Delivered {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle?,
        text: message.body.unwrap_or_default(),
        receives,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
fn sentence<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    error.message().map_or_else(|| format!("{error}: {}", root_cause(&error)), str::to_owned)
}
