//! `backend tail`: events as they arrive, and what the edge refused, as lines on standard output.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use wire::{Portal, Portals};

use crate::args::TailArgs;
use crate::error::{Error, Result};
use crate::platform::admin::{Admin, BAD_PAGE};
use crate::platform::clock::now_ms;
use crate::platform::files;
use crate::platform::kinesis::{Kinesis, Page, Trouble};
use crate::platform::reader::{self, Taker};
use crate::platform::signals::Signals;
use crate::shards::{Checkpoints, Start};
use crate::tail::View;
use crate::transform::read_record;

/// How often the edge is asked for refused bodies.
const BAD_EVERY: Duration = Duration::from_secs(1);
/// Texts on their way to a slow terminal; readers wait when there are more.
const TEXTS_MAX: usize = 64;
/// Clocks differ a little, and Kinesis refuses a time in its future.
const SLACK_MS: u64 = 1_000;

/// Prints until Ctrl-C, or until nobody reads the output.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn run(args: TailArgs) -> Result<()> {
    let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
    let portals = files::read_portals(&args.common.portals)?;
    let chosen = choose(&portals, args.portal.as_deref())?;
    let admin = Admin::new(&args.common.edge_url, Some(args.common.admin_secret.clone()))?;
    let view = View { has_colours: io::stdout().is_terminal(), visitor: args.visitor };
    let since_ms = if args.from_start { None } else { Some(now_ms().saturating_sub(SLACK_MS)) };
    let (lines, mut printed) = mpsc::channel::<String>(TEXTS_MAX);
    let (_reading, stop) = watch::channel(());
    if !args.bad {
        let kinesis = Kinesis::connect().await?;
        for portal in chosen {
            let stream = portal.events_stream();
            let taker = Line { portal, stream, since_ms, view: view.clone(), lines: lines.clone(), memory: Mutex::default() };
            tokio::spawn(reader::read_stream(kinesis.clone(), Arc::new(taker), stop.clone()));
        }
    }
    if args.visitor.is_none() {
        tokio::spawn(follow_bad(admin, view, since_ms, args.portal, lines));
    } else {
        drop(lines);
    }
    loop {
        tokio::select! {
            _ = signals.next() => return Ok(()),
            text = printed.recv() => match text {
                // A closed pipe is how `| head` says that it has enough.
                Some(text) if print(&text).is_ok() => {}
                Some(_) | None => return Ok(()),
            },
        }
    }
}

fn choose(portals: &Portals, id: Option<&str>) -> Result<Vec<Portal>> {
    match id {
        None => Ok(portals.iter().cloned().collect()),
        Some(id) => portals.get(id).map(|portal| vec![portal.clone()]).ok_or_else(|| Error::UnknownPortal { portal: id.to_owned() }),
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Turns the records of one portal into lines.
struct Line {
    portal: Portal,
    stream: String,
    since_ms: Option<u64>,
    view: View,
    lines: mpsc::Sender<String>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    checkpoints: Checkpoints,
    is_away: bool,
}

impl Line {
    fn note(&self, is_away: bool) -> bool {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let has_changed = memory.is_away != is_away;
        memory.is_away = is_away;
        has_changed
    }
}

impl Taker for Line {
    fn stream(&self) -> &str {
        &self.stream
    }

    fn fresh(&self) -> Start {
        self.since_ms.map_or(Start::TrimHorizon, Start::Since)
    }

    fn with_checkpoints<T>(&self, change: impl FnOnce(&mut Checkpoints) -> T) -> T {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner).checkpoints)
    }

    fn take(&self, shard: &str, page: &Page) {
        if self.note(false) {
            tracing::warn!(stream = self.stream, "the stream is back");
        }
        for record in &page.records {
            let text = match read_record(&record.data, &self.portal.id) {
                Ok(envelope) => self.view.events(&envelope),
                Err(poison) => self.view.poison(self.portal.id.as_str(), shard, &record.sequence_number, &poison.to_string()),
            };
            // Fails when the printer is gone: the process is about to end.
            let _ = self.lines.blocking_send(text);
        }
        if let Some(last) = page.records.last() {
            self.with_checkpoints(|checkpoints| checkpoints.advance(shard, last.sequence_number.clone()));
        }
    }

    fn reading(&self, _shards: &BTreeSet<String>) {}

    fn trouble(&self, trouble: &Trouble) {
        if !matches!(trouble, Trouble::IteratorExpired) && self.note(true) {
            tracing::warn!(stream = self.stream, "cannot read the stream, trying again: {trouble}");
        }
    }
}

/// Asks the edge for refused bodies, from `since_ms` on.
async fn follow_bad(admin: Admin, view: View, since_ms: Option<u64>, portal: Option<String>, lines: mpsc::Sender<String>) {
    let mut after: Option<String> = None;
    let mut is_away = false;
    loop {
        let page = match admin.bad(after.as_deref(), since_ms.unwrap_or(0)).await {
            Ok(page) => page,
            Err(error) => {
                if !is_away {
                    tracing::warn!("refused posts cannot be shown, trying again: {error}");
                }
                is_away = true;
                sleep(BAD_EVERY).await;
                continue;
            }
        };
        if is_away {
            tracing::warn!("the edge is back");
            is_away = false;
        }
        for refused in &page.bodies {
            let is_chosen = portal.is_none() || refused.body.portal.is_none() || refused.body.portal == portal;
            if is_chosen && lines.send(view.refused(refused)).await.is_err() {
                return;
            }
        }
        let is_full = page.bodies.len() >= BAD_PAGE;
        after = page.next.or_else(|| page.bodies.last().map(|refused| refused.key.clone())).or(after);
        if !is_full {
            sleep(BAD_EVERY).await;
        }
    }
}
