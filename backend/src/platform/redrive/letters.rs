//! `backend redrive --dead-letters`: lists, shows, or sends again what was set aside in the bucket.

use std::collections::VecDeque;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use wire::Portals;

use super::{queue, say};
use crate::error::{Error, Result};
use crate::platform::admin::Admin;
use crate::platform::clock::now_ms;
use crate::platform::kinesis::Kinesis;
use crate::platform::s3::Bucket;
use crate::platform::signals::Signals;
use crate::redrive::args::{LetterArgs, Prefix};
use crate::redrive::letter::{self, Content, LetterTally};
use crate::redrive::listing::Object;
use crate::redrive::parcel::Outcome;
use crate::tail::clean;

/// Objects of one run; the next run takes the rest.
const OBJECTS_MAX: usize = 100_000;
/// A larger object was not made by the edge: one of `spill/` has some 10 MB at most.
const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Objects that are read ahead.
const AHEAD: usize = 8;

type Read = std::result::Result<Option<String>, String>;

struct Redrive {
    args: LetterArgs,
    is_dry: bool,
    bucket: Bucket,
    edge: Admin,
    /// Not there when nothing will be put.
    kinesis: Option<Kinesis>,
    portals: Portals,
    tally: LetterTally,
    bar: ProgressBar,
}

/// What became of an object.
enum Fate {
    /// All of its content is safe: so many records or bodies.
    Safe(u64),
    /// Some of it is not: so many are, and why the rest is not.
    Kept(u64, String),
}

/// Does what the options say, until a signal comes.
///
/// # Errors
/// What keeps it from starting; [`Error::LeftBehind`].
pub(super) async fn run(mut args: LetterArgs, is_dry: bool, portals: Portals) -> Result<()> {
    let mut signals = Signals::listen().map_err(|source| Error::Runtime { source })?;
    let bucket = open(&args)?;
    if let Some(key) = &args.inspect {
        return inspect(&bucket, key).await;
    }
    if let Some(key) = &args.key {
        let unknown = || Error::Bucket { why: format!("{} begins with none of dead/, bad/ and spill/", clean(key)) };
        args.prefix = Prefix::of(key).ok_or_else(unknown)?;
    }
    let objects = list(&bucket, &args).await?;
    let edge = Admin::new(&args.edge_url, None)?;
    let is_sending = !args.list && !is_dry;
    let kinesis = if is_sending && args.prefix != Prefix::Bad { Some(Kinesis::connect().await?) } else { None };
    let bar = if args.list { ProgressBar::hidden() } else { progress(objects.len()) };
    let mut redrive = Redrive { args, is_dry, bucket, edge, kinesis, portals, tally: LetterTally::default(), bar };
    tokio::select! {
        _ = signals.next() => {}
        () = redrive.work(objects) => {}
    }
    redrive.bar.finish_and_clear();
    if redrive.args.list {
        return Ok(());
    }
    say(&format!("{}{}", if is_dry { "dry run: " } else { "" }, redrive.tally));
    match redrive.tally.kept {
        0 => Ok(()),
        count => Err(Error::LeftBehind { count, what: "objects" }),
    }
}

fn open(args: &LetterArgs) -> Result<Bucket> {
    let missing = |name| Error::MissingOption { name };
    let endpoint = args.endpoint.as_ref().ok_or_else(|| missing("--endpoint (PULSO_R2_ENDPOINT)"))?;
    let id = args.r2_access_key_id.as_ref().ok_or_else(|| missing("PULSO_R2_ACCESS_KEY_ID"))?;
    let secret = args.r2_secret_access_key.as_ref().ok_or_else(|| missing("PULSO_R2_SECRET_ACCESS_KEY"))?;
    Bucket::new(endpoint, &args.region, &args.bucket, id, secret)
}

fn progress(count: usize) -> ProgressBar {
    // Draws on standard error, and nothing when that is no terminal.
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} objects, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn inspect(bucket: &Bucket, key: &str) -> Result<()> {
    let failed = |why| Error::Bucket { why };
    let text = bucket.get(key).await.map_err(failed)?.ok_or_else(|| failed(format!("there is no object {}", clean(key))))?;
    let parsed = Prefix::of(key).ok_or_else(|| "its prefix is unknown".to_owned()).and_then(|prefix| Content::parse(prefix, &text));
    match parsed {
        Ok(content) => say(&content.pretty()),
        Err(why) => say(&format!("not understood ({}), as it is:\n{}", clean(&why), letter::clean_lines(&text))),
    };
    Ok(())
}

/// All keys first: what the edge writes meanwhile, such as a body that it refuses again, is for the next run.
async fn list(bucket: &Bucket, args: &LetterArgs) -> Result<Vec<Object>> {
    let prefix = args.prefix.as_str();
    let start_after = format!("{prefix}{}", args.since.as_deref().unwrap_or_default());
    let begins_with = args.key.as_deref().unwrap_or(prefix);
    let (mut objects, mut token): (Vec<Object>, Option<String>) = (Vec::new(), None);
    loop {
        let page = bucket.list(begins_with, &start_after, token.as_deref()).await.map_err(|why| Error::Bucket { why })?;
        objects.extend(page.objects);
        token = page.next;
        if token.is_none() || objects.len() >= OBJECTS_MAX {
            // A bucket that does not know `start-after` gives them all.
            objects.retain(|object| object.key.as_str() >= start_after.as_str() && object.key.starts_with(prefix));
            objects.retain(|object| args.key.as_ref().is_none_or(|key| object.key == *key));
            if let (Some(key), true) = (&args.key, objects.is_empty()) {
                return Err(Error::Bucket { why: format!("there is no object {}", clean(key)) });
            }
            objects.truncate(OBJECTS_MAX);
            return Ok(objects);
        }
    }
}

impl Redrive {
    async fn work(&mut self, objects: Vec<Object>) {
        let mut waiting = objects.into_iter();
        let mut ahead: VecDeque<(Object, JoinHandle<Read>)> = VecDeque::new();
        loop {
            while ahead.len() < AHEAD {
                let Some(object) = waiting.next() else { break };
                let read = tokio::spawn(read(self.bucket.clone(), object.clone()));
                ahead.push_back((object, read));
            }
            let Some((object, read)) = ahead.pop_front() else { return };
            let read = read.await.unwrap_or_else(|error| Err(error.to_string()));
            if !self.treat(&object, read).await {
                return;
            }
            self.bar.inc(1);
        }
    }

    /// Whether to go on.
    async fn treat(&mut self, object: &Object, read: Read) -> bool {
        let content = match read {
            // The edge's cron was faster.
            Ok(None) => return true,
            Ok(Some(text)) => Content::parse(self.args.prefix, &text),
            Err(why) => Err(why),
        };
        let is_filtered = self.args.filter.reason.is_some() || self.args.filter.portal.is_some();
        let is_wanted = content.as_ref().map_or(!is_filtered, |content| content.fits(&self.args.filter));
        self.tally.objects += 1;
        if !is_wanted {
            self.tally.unwanted += 1;
            return true;
        }
        if self.args.list {
            return say(&letter::line(object, content.as_ref().ok(), now_ms()));
        }
        let fate = match content {
            Ok(content) => self.send(&content).await,
            Err(why) => Fate::Kept(0, why),
        };
        match fate {
            Fate::Safe(pieces) => {
                self.tally.sent += 1;
                self.tally.pieces += pieces;
                if self.args.delete {
                    self.delete(object).await;
                }
            }
            Fate::Kept(pieces, why) => {
                self.tally.kept += 1;
                self.tally.pieces += pieces;
                self.note(object, &format!("kept, {why}"));
            }
        }
        true
    }

    async fn send(&self, content: &Content) -> Fate {
        if let Content::Bad(bad) = content {
            return if self.is_dry {
                Fate::Safe(1)
            } else {
                match self.edge.post_pageview(bad.origin.as_deref(), &bad.body).await {
                    Ok(()) => Fate::Safe(1),
                    Err(why) => Fate::Kept(0, why),
                }
            };
        }
        let (parcels, unfit) = content.parcels(&self.portals);
        let outcomes = match &self.kinesis {
            Some(kinesis) => queue::put(kinesis, &parcels, &self.portals).await,
            None => vec![Outcome::Stored; parcels.len()],
        };
        let mut troubles: Vec<String> = unfit.iter().map(ToString::to_string).collect();
        troubles.extend(outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Stored => None,
            Outcome::Failed { reason } => Some(reason.clone()),
        }));
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let all = parcels.len() + unfit.len();
        let safe = all - troubles.len();
        match troubles.first() {
            None => Fate::Safe(count(safe)),
            Some(first) => Fate::Kept(count(safe), format!("{} of {all} records not stored: {first}", troubles.len())),
        }
    }

    async fn delete(&mut self, object: &Object) {
        match self.bucket.delete(&object.key).await {
            Ok(()) => self.tally.deleted += 1,
            Err(why) => self.note(object, &format!("sent but not deleted, {why}")),
        }
    }

    fn note(&self, object: &Object, what: &str) {
        let line = format!("{}  {}", clean(&object.key), clean(what));
        self.bar.suspend(|| say(&line));
    }
}

async fn read(bucket: Bucket, object: Object) -> Read {
    if object.bytes > OBJECT_BYTES_MAX {
        return Err(format!("{} bytes are more than {OBJECT_BYTES_MAX}", object.bytes));
    }
    bucket.get(&object.key).await
}
