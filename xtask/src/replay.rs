//! Replays a click log as beacons through the worker, and has an independent reader count what arrived.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::TrySendError;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use wire::{EventKind, PageKind, PortalId, VisitorId};

use crate::beacon::{Beacon, Page, Random, event, now_ms, pageview_id};
use crate::dev::ReplayOptions;
use crate::ledger::{Ledger, Totals};
use crate::pack;
use crate::stack::{self, Stack};

/// Posts under way at once; one browser would have six.
const POSTERS: usize = 16;

/// The columns that a replay needs, first in the file.
const COLUMNS: &str = "at_ms,visitor,session,article";

/// A click log that has been opened and looks right.
pub(crate) struct ClickLog {
    lines: std::io::Lines<BufReader<Box<dyn Read>>>,
    line: u64,
}

/// A reader opened an article.
#[derive(Debug, PartialEq)]
pub(crate) struct Click {
    pub(crate) at_ms: u64,
    pub(crate) visitor: u64,
    pub(crate) article: u64,
}

impl ClickLog {
    /// A CSV file, plain or gzip, whose columns begin `at_ms,visitor,session,article`.
    ///
    /// # Errors
    /// When the file cannot be read or has other columns; says which.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("the click log {} cannot be opened", path.display()))?;
        let mut file = BufReader::new(file);
        let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let text: Box<dyn Read> = if is_gzip { Box::new(flate2::bufread::MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut lines = BufReader::new(text).lines();
        let header = lines.next().transpose().with_context(|| format!("{} cannot be read", path.display()))?.unwrap_or_default();
        ensure!(header.starts_with(COLUMNS), "{} is no click log: its columns are {header:?}, they must begin {COLUMNS}", path.display());
        Ok(Self { lines, line: 1 })
    }

    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// When a line cannot be read; says which.
    pub(crate) fn next_click(&mut self) -> Result<Option<Click>> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        self.line += 1;
        let line = line.with_context(|| format!("line {} of the click log cannot be read", self.line))?;
        let click = parse_click(&line).with_context(|| format!("line {} of the click log is {line:?}", self.line))?;
        Ok(Some(click))
    }
}

fn parse_click(line: &str) -> Result<Click> {
    let mut columns = line.split(',');
    let mut number = |name: &str| -> Result<u64> {
        let text = columns.next().with_context(|| format!("{name} is missing"))?;
        text.parse().with_context(|| format!("{name} must be a whole number, not {text:?}"))
    };
    let at_ms = number("at_ms")?;
    let visitor = number("visitor")?;
    number("session")?;
    Ok(Click { at_ms, visitor, article: number("article")? })
}

/// Sends the log and counts.
pub(crate) fn run(mut log: ClickLog, options: &ReplayOptions, stack: &mut Stack) -> Result<Totals> {
    let plan = stack.plan().clone();
    let ledger_path = stack.logs().join("ledger.tsv");
    let ledger = Arc::new(Mutex::new(Ledger::create(&ledger_path)?));
    let portals: Vec<PortalId> = pack::portals()?.iter().map(|portal| portal.id.clone()).collect();
    let bar = progress(options.limit);
    let (sender, receiver) = mpsc::sync_channel::<Page>(POSTERS * 4);
    let receiver = Arc::new(Mutex::new(receiver));
    let posters: Vec<_> = (0..POSTERS)
        .map(|_| {
            let (beacon, receiver, ledger, bar) = (Beacon::new(plan.port), Arc::clone(&receiver), Arc::clone(&ledger), bar.clone());
            std::thread::spawn(move || post_all(&beacon, &receiver, &ledger, &bar))
        })
        .collect();
    // The posters alone hold it now: when all have stopped, nothing can be sent.
    drop(receiver);
    // An error ends the program; whoever posts meanwhile ends with it.
    feed(&mut log, options, &portals, &sender, stack)?;
    drop(sender);
    for poster in posters {
        while !poster.is_finished() {
            pause(stack)?;
        }
        poster.join().map_err(|_| anyhow::anyhow!("a poster panicked"))??;
    }
    bar.finish_and_clear();
    ledger.lock().map_err(|_| anyhow::anyhow!("the ledger is broken"))?.flush()?;
    println!("counting what is in the streams (an independent reader: boto3)");
    let totals = Totals::count(&ledger_path, &plan)?;
    println!("{totals}");
    Ok(totals)
}

fn feed(
    log: &mut ClickLog,
    options: &ReplayOptions,
    portals: &[PortalId],
    sender: &mpsc::SyncSender<Page>,
    stack: &mut Stack,
) -> Result<()> {
    let started = Instant::now();
    let mut random = Random::from_entropy(now_ms());
    let mut first_at_ms = None;
    let mut count = 0;
    while options.limit.is_none_or(|limit| count < limit) {
        let Some(click) = log.next_click()? else { break };
        let first_at_ms = *first_at_ms.get_or_insert(click.at_ms);
        if let Some(speed) = options.speed {
            let due = Duration::from_millis(click.at_ms.saturating_sub(first_at_ms) / u64::from(speed));
            while Instant::now() < started + due {
                pause(stack)?;
            }
        }
        let mut page = page(&click, portals, &mut random)?;
        while let Err(refused) = sender.try_send(page) {
            let TrySendError::Full(back) = refused else { bail!("all posters have stopped") };
            page = back;
            pause(stack)?;
        }
        count += 1;
    }
    Ok(())
}

/// A moment's wait, in which a dead part or Ctrl-C is noticed.
fn pause(stack: &mut Stack) -> Result<()> {
    if stack::is_interrupted() {
        bail!("interrupted during the replay");
    }
    stack.check()?;
    std::thread::sleep(Duration::from_millis(10));
    Ok(())
}

/// A click of the log is one pageview now, of the same reader and article; the reader's number decides the portal.
fn page(click: &Click, portals: &[PortalId], random: &mut Random) -> Result<Page> {
    let mut hash = Random::from_seed(click.visitor);
    let visitor = hash.next_u128();
    let index = usize::try_from(hash.below(u64::try_from(portals.len()).unwrap_or(1))).unwrap_or(0);
    let portal = portals.get(index).context("portals.toml has no portal")?.clone();
    Ok(Page {
        portal,
        pageview: pageview_id(now_ms(), random.next_u128()),
        visitor: VisitorId::from_bits(visitor),
        path: format!("/n/{}", click.article),
        kind: PageKind::Article,
        meta: None,
    })
}

fn post_all(beacon: &Beacon, pages: &Mutex<mpsc::Receiver<Page>>, ledger: &Mutex<Ledger>, bar: &ProgressBar) -> Result<()> {
    loop {
        let page = match pages.lock().map_err(|_| anyhow::anyhow!("a poster panicked"))?.recv() {
            Ok(page) => page,
            Err(mpsc::RecvError) => return Ok(()),
        };
        let outcome = beacon.post(&page, vec![event(0, now_ms(), EventKind::Pageview)]);
        if let Err(error) = &outcome {
            bar.suspend(|| eprintln!("refused: {error:#}"));
        }
        let is_accepted = outcome.is_ok_and(|answer| answer.accepted == 1);
        ledger.lock().map_err(|_| anyhow::anyhow!("a poster panicked"))?.write(&page.portal, page.pageview, 0, is_accepted)?;
        bar.inc(1);
    }
}

fn progress(limit: Option<u64>) -> ProgressBar {
    let bar = limit.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let shape = "replaying {wide_bar} {pos} clicks  {per_sec}  {eta} left";
    bar.set_style(ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_read_from_the_first_four_columns() {
        let click = parse_click("1789873200026,317787,476458,9978,4,3,2,1,21,1").unwrap();
        assert_eq!(click, Click { at_ms: 1_789_873_200_026, visitor: 317_787, article: 9978 });
    }

    #[test]
    fn a_wrong_line_says_which_column() {
        for (line, column) in [("", "at_ms"), ("1,x,3,4", "visitor"), ("1,2,3", "article")] {
            assert!(format!("{:#}", parse_click(line).unwrap_err()).contains(column), "{line}");
        }
    }

    #[test]
    fn a_reader_stays_with_one_portal() {
        let portals: Vec<PortalId> = ["g1", "ge"].iter().map(|id| PortalId::parse(id).unwrap()).collect();
        let mut random = Random::from_seed(1);
        let mut seen = std::collections::BTreeSet::new();
        for visitor in 0..50 {
            let click = Click { at_ms: 0, visitor, article: 7 };
            let (first, again) = (page(&click, &portals, &mut random).unwrap(), page(&click, &portals, &mut random).unwrap());
            assert_eq!((&first.portal, first.visitor), (&again.portal, again.visitor));
            assert_ne!(first.pageview, again.pageview);
            seen.insert(first.portal);
        }
        assert_eq!(seen.len(), 2);
    }
}
