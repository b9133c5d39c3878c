//! On this machine: one event from a file, or a queue that hears the topics.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use notifier::{Message, News};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::platform::teller::Teller;

/// An event of Lambda has 1 MB at most (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const EVENT_BYTES_MAX: u64 = 1_048_576;
/// After a queue that did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints an event's messages, and sends them where somebody listens.
///
/// # Errors
/// A sentence.
pub(crate) async fn event(mut teller: Teller, file: &Path, as_json: bool) -> Result<(), String> {
    let mut event = Vec::new();
    let unreadable = |error: std::io::Error| format!("{}: {error}", file.display());
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(EVENT_BYTES_MAX).read_to_end(&mut event).map_err(unreadable)?;
    } else {
        std::fs::File::open(file).and_then(|file| file.take(EVENT_BYTES_MAX).read_to_end(&mut event)).map_err(unreadable)?;
    }
    if tell(&mut teller, &event, as_json).await? { Ok(()) } else { Err("not everybody could be told".to_owned()) }
}

/// The same with each message of a queue, until a signal comes.
///
/// # Errors
/// A sentence.
pub(crate) async fn follow(mut teller: Teller, queue: &str, as_json: bool) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("no signals: {error}"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    loop {
        let aws = teller.aws.clone();
        let received = tokio::select! {
            received = aws.receive(queue) => received,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        let messages = received.unwrap_or_else(|why| {
            tracing::warn!("the queue does not answer, trying again: {why}");
            Vec::new()
        });
        if messages.is_empty() {
            tokio::select! {
                () = sleep(PAUSE) => {}
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
            }
        }
        for message in &messages {
            // What is no event will be none the next time: it is said and forgotten.
            let is_told = tell(&mut teller, message.body.as_bytes(), as_json).await.unwrap_or_else(|why| {
                tracing::error!(body = message.body, "not understood: {why}");
                true
            });
            if is_told && let Err(why) = aws.delete(queue, message).await {
                tracing::warn!("a message will come again: {why}");
            }
        }
    }
}

/// Whether everybody was told whom somebody named.
async fn tell(teller: &mut Teller, event: &[u8], as_json: bool) -> Result<bool, String> {
    for news in notifier::read(event).map_err(|error| error.to_string())? {
        print(&news, as_json);
    }
    let rest = notifier::Rest::of(event, &teller.channels()).map_err(|error| error.to_string())?;
    Ok(teller.tell(rest).await.left.pulso_rest.is_empty())
}

fn print(news: &News, as_json: bool) {
    let Message { subject, email, sms, webhook, urgency } = Message::of(news);
    let text = if as_json {
        json!({ "news": news, "urgency": urgency, "subject": subject, "email": email, "sms": sms, "webhook": webhook }).to_string()
    } else {
        format!("== {subject}\n{email}-- SMS: {sms}\n")
    };
    let mut out = std::io::stdout().lock();
    // Whoever reads line by line sees it at once; a closed pipe is how `| head` says that it has enough.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
