//! `target/bench/clicks.tsv`: the click log as `backend evaluate` reads it, kept for the next run.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::paths;

/// What the columns begin with, and their number.
const COLUMNS: &str = "at_ms,visitor,session,article,environment,device_group,os,country,region,referrer_type";
const DAY_MS: u64 = 86_400_000;
/// What a learner does by the clock, such as its lists every five seconds, it does once in a few clicks of a log with two clicks a second;
/// a learner with much to do does it once in thousands.
pub(super) const BUSY_PER_S: u64 = 1_000;

/// The file and what is in it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clicks {
    /// What it was made of, and how large that was.
    log: (PathBuf, u64),
    pub(super) path: PathBuf,
    /// The same clicks, so close together that they are [`BUSY_PER_S`] on average.
    pub(super) busy_path: PathBuf,
    bytes: [u64; 2],
    pub(super) count: u64,
    /// When the last day begins.
    pub(super) last_day_ms: u64,
}

impl Clicks {
    /// Made now, or found.
    pub(super) fn ensure(log: &Path) -> Result<Self> {
        let size = fs::metadata(log).with_context(|| format!("no click log at {}: name one with --clicks FILE", log.display()))?.len();
        let folder = paths::at("target/bench");
        fs::create_dir_all(&folder)?;
        let [path, busy_path, facts] = ["clicks.tsv", "clicks-busy.tsv", "clicks.json"].map(|name| folder.join(name));
        let kept = fs::read_to_string(&facts).ok().and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let bytes = || [&path, &busy_path].map(|path| fs::metadata(path).map_or(0, |file| file.len()));
        let is_whole = |kept: &Self| kept.path == path && kept.busy_path == busy_path && kept.bytes == bytes();
        if let Some(kept) = kept.filter(|kept| kept.log == (log.to_owned(), size) && is_whole(kept)) {
            return Ok(kept);
        }
        println!("  making {}", path.display());
        let file = BufReader::new(File::open(log)?);
        let out = |path: &Path| Ok::<_, anyhow::Error>(BufWriter::with_capacity(1 << 20, File::create(path)?));
        let Span { count, first_ms, last_ms } = convert(plain(file)?, &mut out(&path)?)?;
        squeeze(&Span { count, first_ms, last_ms }, BufReader::new(File::open(&path)?), &mut out(&busy_path)?)?;
        let (bytes, last_day_ms) = (bytes(), last_ms.saturating_sub(DAY_MS));
        let made = Self { log: (log.to_owned(), size), path, busy_path, bytes, count, last_day_ms };
        fs::write(facts, serde_json::to_string_pretty(&made)?)?;
        Ok(made)
    }
}

fn plain(mut file: BufReader<File>) -> Result<Box<dyn BufRead>> {
    let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if is_gzip { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(BufReader::with_capacity(1 << 20, text)))
}

/// How many clicks, and when the first and the last one were.
#[derive(Debug, Default, PartialEq, Eq)]
struct Span {
    count: u64,
    first_ms: u64,
    last_ms: u64,
}

fn convert(log: impl BufRead, out: &mut impl Write) -> Result<Span> {
    let (mut lines, mut span) = (log.lines(), Span::default());
    let header = lines.next().transpose()?.unwrap_or_default();
    ensure!(header == COLUMNS, "the columns are {header:?}, they must be {COLUMNS}");
    for line in lines {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        let [at_ms, visitor, session, article, context @ ..] = fields.as_slice() else { anyhow::bail!("no click: {line:?}") };
        let now_ms: u64 = at_ms.parse().with_context(|| format!("no click: {line:?}"))?;
        ensure!(now_ms >= span.last_ms, "the click log is not in the order of time: {line:?}");
        writeln!(out, "{at_ms}\t{session}\t{article}\t{visitor}\t{}", context.join("\t"))?;
        let first_ms = if span.count == 0 { now_ms } else { span.first_ms };
        span = Span { count: span.count + 1, first_ms, last_ms: now_ms };
    }
    out.flush()?;
    Ok(span)
}

/// The same clicks at [`BUSY_PER_S`].
fn squeeze(span: &Span, clicks: impl BufRead, out: &mut impl Write) -> Result<()> {
    let length_ms = (span.last_ms - span.first_ms).max(1);
    for line in clicks.lines() {
        let line = line?;
        let (at_ms, rest) = line.split_once('\t').with_context(|| format!("no click: {line:?}"))?;
        let offset_ms = at_ms.parse::<u64>()?.saturating_sub(span.first_ms) * (span.count * 1_000 / BUSY_PER_S) / length_ms;
        writeln!(out, "{}\t{rest}", span.first_ms + offset_ms)?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_becomes_a_line_of_the_evaluation() {
        let log = format!("{COLUMNS}\n5,visitor,session,article,4,3,2,1,21,7\n9,v,s,b,4,3,2,1,21,7\n");
        let mut out = Vec::new();
        assert_eq!(convert(log.as_bytes(), &mut out).unwrap(), Span { count: 2, first_ms: 5, last_ms: 9 });
        assert_eq!(String::from_utf8(out).unwrap(), "5\tsession\tarticle\tvisitor\t4\t3\t2\t1\t21\t7\n9\ts\tb\tv\t4\t3\t2\t1\t21\t7\n");
    }

    #[test]
    fn other_columns_and_another_order_are_refused() {
        for log in ["at_ms,session\n1,2\n".to_owned(), format!("{COLUMNS}\n5,v,s,a\n4,v,s,a\n"), format!("{COLUMNS}\n5,v\n")] {
            assert!(convert(log.as_bytes(), &mut Vec::new()).is_err(), "{log}");
        }
    }

    #[test]
    fn a_busy_portal_has_a_thousand_clicks_in_a_second() {
        let slow: Vec<String> = (0..=1_000).map(|n| format!("{}\ts\ta\n", 5 + n * 400)).collect();
        let mut out = Vec::new();
        squeeze(&Span { count: 1_000, first_ms: 5, last_ms: 400_005 }, slow.concat().as_bytes(), &mut out).unwrap();
        let busy = String::from_utf8(out).unwrap();
        assert!(busy.starts_with("5\ts\ta\n6\ts") && busy.ends_with("\n1005\ts\ta\n"), "{busy}");
    }
}
