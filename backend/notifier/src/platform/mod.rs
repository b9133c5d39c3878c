//! Where the notifier touches the world: SNS, a webhook, SQS, the Lambda runtime, files, the clock.

mod args;
mod aws;
mod function;
mod local;
mod teller;
mod webhook;

pub(crate) use args::Args;

/// Tells, as the arguments and the environment say.
///
/// # Errors
/// A sentence.
pub(crate) async fn run(args: Args) -> Result<(), String> {
    let teller = teller::Teller::new(&args)?;
    // Only where there is a runtime to ask: on this machine nobody would ever answer.
    match (&args.event, &args.follow_queue) {
        (Some(file), _) => local::event(teller, file, args.json).await,
        (None, Some(queue)) => local::follow(teller, queue, args.json).await,
        (None, None) if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() => function::serve(teller).await,
        (None, None) => Err("there is no Lambda runtime here: name an event (--event FILE) or a queue (--follow-queue URL)".to_owned()),
    }
}
