//! `target/bench/clicks.tsv`: the click log as `backend evaluate` reads it, kept for the next run.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::paths;

/// What the columns begin with, and their number.
const COLUMNS: &str = "at_ms,visitor,session,article,environment,device_group,os,country,region,referrer_type";
const DAY_MS: u64 = 86_400_000;

/// The file and what is in it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clicks {
    /// What it was made of, and how large that was.
    log: (PathBuf, u64),
    pub(super) path: PathBuf,
    bytes: u64,
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
        let (path, facts) = (folder.join("clicks.tsv"), folder.join("clicks.json"));
        let kept = fs::read_to_string(&facts).ok().and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let is_whole = |kept: &Self| fs::metadata(&kept.path).is_ok_and(|file| file.len() == kept.bytes);
        if let Some(kept) = kept.filter(|kept| kept.log == (log.to_owned(), size) && is_whole(kept)) {
            return Ok(kept);
        }
        println!("  making {}", path.display());
        let file = BufReader::new(File::open(log)?);
        let (count, last_ms) = convert(plain(file)?, &mut BufWriter::with_capacity(1 << 20, File::create(&path)?))?;
        let bytes = fs::metadata(&path)?.len();
        let made = Self { log: (log.to_owned(), size), path, bytes, count, last_day_ms: last_ms.saturating_sub(DAY_MS) };
        fs::write(facts, serde_json::to_string_pretty(&made)?)?;
        Ok(made)
    }
}

fn plain(mut file: BufReader<File>) -> Result<Box<dyn BufRead>> {
    let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if is_gzip { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(BufReader::with_capacity(1 << 20, text)))
}

/// How many clicks, and when the last one was.
fn convert(log: impl BufRead, out: &mut impl std::io::Write) -> Result<(u64, u64)> {
    let (mut lines, mut count, mut last_ms) = (log.lines(), 0, 0);
    let header = lines.next().transpose()?.unwrap_or_default();
    ensure!(header == COLUMNS, "the columns are {header:?}, they must be {COLUMNS}");
    for line in lines {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        let [at_ms, visitor, session, article, context @ ..] = fields.as_slice() else { anyhow::bail!("no click: {line:?}") };
        let now_ms: u64 = at_ms.parse().with_context(|| format!("no click: {line:?}"))?;
        ensure!(now_ms >= last_ms, "the click log is not in the order of time: {line:?}");
        writeln!(out, "{at_ms}\t{session}\t{article}\t{visitor}\t{}", context.join("\t"))?;
        (count, last_ms) = (count + 1, now_ms);
    }
    out.flush()?;
    Ok((count, last_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_becomes_a_line_of_the_evaluation() {
        let log = format!("{COLUMNS}\n5,visitor,session,article,4,3,2,1,21,7\n9,v,s,b,4,3,2,1,21,7\n");
        let mut out = Vec::new();
        assert_eq!(convert(log.as_bytes(), &mut out).unwrap(), (2, 9));
        assert_eq!(String::from_utf8(out).unwrap(), "5\tsession\tarticle\tvisitor\t4\t3\t2\t1\t21\t7\n9\ts\tb\tv\t4\t3\t2\t1\t21\t7\n");
    }

    #[test]
    fn other_columns_and_another_order_are_refused() {
        for log in ["at_ms,session\n1,2\n".to_owned(), format!("{COLUMNS}\n5,v,s,a\n4,v,s,a\n"), format!("{COLUMNS}\n5,v\n")] {
            assert!(convert(log.as_bytes(), &mut Vec::new()).is_err(), "{log}");
        }
    }
}
