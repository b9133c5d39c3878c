//! `target/bench/events.ndjson`: a portal's stream as a file, made of real clicks, and kept for the next run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::pageview;
use crate::beacon::Random;
use crate::paths;
use crate::replay::{Click, ClickLog};

/// Goes up whenever `pageview.rs` makes other records of the same clicks.
const REVISION: u32 = 2;

/// What the file was made of: when it is the same, so is the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Recipe {
    revision: u32,
    events_min: u64,
    /// The click log and its size; `None` for made clicks.
    clicks: Option<(PathBuf, u64)>,
}

/// The file and what is in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EventFile {
    recipe: Recipe,
    pub path: PathBuf,
    pub bytes: u64,
    pub records: u64,
    /// With those of repeated records.
    pub events: u64,
    pub pageviews: u64,
}

enum Clicks {
    Real(ClickLog),
    Made { random: Random, at_ms: u64 },
}

impl EventFile {
    /// The file with at least so many events, made now or found.
    pub(super) fn ensure(log: &Path, events_min: u64) -> Result<Self> {
        let folder = paths::at("target/bench");
        fs::create_dir_all(&folder)?;
        let (path, facts) = (folder.join("events.ndjson"), folder.join("events.json"));
        let clicks = fs::metadata(log).ok().map(|metadata| (log.to_owned(), metadata.len()));
        if clicks.is_none() {
            println!("  {} is absent: the clicks are MADE, and sessions and articles are not as real readers have them", log.display());
        }
        let recipe = Recipe { revision: REVISION, events_min, clicks };
        let kept = fs::read_to_string(&facts).ok().and_then(|text| serde_json::from_str::<Self>(&text).ok());
        if let Some(kept) = kept.filter(|kept| kept.recipe == recipe && fs::metadata(&kept.path).is_ok_and(|file| file.len() == kept.bytes))
        {
            return Ok(kept);
        }
        let clicks = match &recipe.clicks {
            Some((log, _)) => Clicks::Real(ClickLog::open(log)?),
            None => Clicks::Made { random: Random::from_seed(7), at_ms: 1_789_873_200_000 },
        };
        println!("  making {} of {events_min} events", path.display());
        let made = Self { recipe, path, bytes: 0, records: 0, events: 0, pageviews: 0 }.make(clicks)?;
        fs::write(facts, serde_json::to_string_pretty(&made)?)?;
        Ok(made)
    }

    /// Whether real readers made the clicks.
    pub(super) const fn is_real(&self) -> bool {
        self.recipe.clicks.is_some()
    }

    fn make(mut self, mut clicks: Clicks) -> Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&self.path)?);
        // Records that arrive after the next click; the earliest on top.
        let mut waiting: BinaryHeap<Reverse<(u64, u64, String)>> = BinaryHeap::new();
        let mut latest_at_ms = 0;
        while self.events < self.recipe.events_min {
            let click = clicks.next()?.with_context(|| format!("the click log ends after {} events", self.events))?;
            ensure!(click.at_ms >= latest_at_ms, "the click log is not in the order of time");
            latest_at_ms = click.at_ms;
            while waiting.peek().is_some_and(|Reverse((received_at_ms, ..))| *received_at_ms < click.at_ms) {
                self.write(&mut out, &mut waiting)?;
            }
            for record in pageview::records(&click, self.pageviews) {
                self.events += u64::try_from(record.batch.events.len())?;
                self.records += 1;
                waiting.push(Reverse((record.edge.received_at_ms, self.records, record.to_record()?)));
            }
            self.pageviews += 1;
        }
        while !waiting.is_empty() {
            self.write(&mut out, &mut waiting)?;
        }
        out.flush()?;
        Ok(self)
    }

    fn write(&mut self, out: &mut BufWriter<File>, waiting: &mut BinaryHeap<Reverse<(u64, u64, String)>>) -> Result<()> {
        if let Some(Reverse((_, _, record))) = waiting.pop() {
            out.write_all(record.as_bytes())?;
            self.bytes += u64::try_from(record.len())?;
        }
        Ok(())
    }
}

impl Clicks {
    fn next(&mut self) -> Result<Option<Click>> {
        match self {
            Self::Real(log) => log.next_click(),
            Self::Made { random, at_ms } => {
                *at_ms += random.below(1_200);
                // A few readers and a few articles make most of the clicks.
                let (visitor, article) = (random.below(60_000), random.below(5_000));
                Ok(Some(Click { at_ms: *at_ms, visitor: random.below(visitor + 1), article: random.below(article + 1) }))
            }
        }
    }
}
