//! The Lambda function.
//!
//! Each way gets each transition at least once, or the event lies in the dead-letter queue and the alarm `notifier-failed` goes past us:
//! when nothing could be told the invocation fails, and Lambda tries it twice more; when a part could not, that part alone becomes an event
//! of its own, so that a webhook that is away never makes e-mail or SMS go out twice. They do go out twice when SNS took a message whose
//! answer was lost, when a copy of an event meets another instance, or when that event of its own could not be made.

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use notifier::Rest;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::platform::teller::Teller;

/// Answers the runtime until it ends us.
///
/// # Errors
/// A sentence.
pub(crate) async fn serve(teller: Teller) -> Result<(), String> {
    if teller.channels().is_empty() {
        return Err("neither PULSO_PEOPLE_TOPIC nor PULSO_WEBHOOK_URL is set: nobody would hear anything".to_owned());
    }
    // An instance has one event at a time.
    let teller = Arc::new(Mutex::new(teller));
    let handle = service_fn(move |event: LambdaEvent<Value>| {
        let teller = Arc::clone(&teller);
        async move { answer(&mut *teller.lock().await, &event.payload).await }
    });
    lambda_runtime::run(handle).await.map_err(|error| error.to_string())
}

async fn answer(teller: &mut Teller, event: &Value) -> Result<(), String> {
    let rest = Rest::of(event.to_string().as_bytes(), &teller.channels()).map_err(|error| error.to_string())?;
    let outcome = teller.tell(rest).await;
    let left = outcome.left.pulso_rest.len();
    match (left, outcome.sent) {
        (0, _) => Ok(()),
        (_, 0) => Err(format!("nothing of it could be told, {left} left")),
        (_, _) => {
            let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").map_err(|_| "AWS_LAMBDA_FUNCTION_NAME is not set".to_owned())?;
            teller
                .aws
                .invoke(&function, &outcome.left.to_event())
                .await
                .map_err(|why| format!("{left} could not be told nor kept for later: {why}"))
        }
    }
}
