//! `backend redrive`: from the retry queue, or from the bucket.

mod letters;
mod queue;

use std::io::{self, Write as _};

use crate::error::{Error, Result};
use crate::platform::files;
use crate::redrive::args::RedriveArgs;

/// Does what the options say.
///
/// # Errors
/// What keeps it from starting; that something could not be sent.
pub(crate) async fn run(args: RedriveArgs) -> Result<()> {
    let portals = files::read_portals(&args.portals)?;
    if args.dead_letters {
        letters::run(args.letters, args.dry_run, portals).await
    } else {
        let url = args.queue.queue_url.ok_or(Error::MissingOption { name: "--queue-url (PULSO_SQS_QUEUE_URL)" })?;
        queue::run(&url, args.queue.once, args.dry_run, portals).await
    }
}

/// A line for the operator; whether anybody still reads.
fn say(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", line.trim_end_matches('\n')).and_then(|()| out.flush()).is_ok()
}
