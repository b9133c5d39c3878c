//! Reads a click log, plain or gzip, into memory, and knows of every click which one follows it in its session.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use hashbrown::HashMap;

use crate::click::{CONTEXT_LEN, Click, HOUR_MS, ItemId, SessionId};

/// A click takes 40 bytes here, with what follows it; more would not fit into the memory of a developer's machine.
const CLICKS_MAX: usize = 50_000_000;
/// A line of the log is about 60 bytes.
const LINE_BYTES_MAX: u64 = 1_000;

/// A log in memory, in time order.
#[derive(Debug, Default)]
pub(crate) struct ClickLog {
    pub clicks: Vec<Click>,
    /// Of each click, what its session opens next, and when; `None` for its last one.
    pub next: Vec<Option<Next>>,
    /// When each article was first clicked, by its number; Unix time, milliseconds.
    first_seen_ms: Vec<u64>,
    /// The start of the hour of the first click; Unix time, milliseconds.
    pub origin_ms: u64,
}

/// What a session opens after a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next {
    pub item: ItemId,
    /// Unix time, milliseconds.
    pub at_ms: u64,
}

/// Hours since the log's first hour: `from` counts, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub from: u64,
    pub to: u64,
}

impl ClickLog {
    /// Reads a CSV file whose columns begin `at_ms,visitor,session,article`; up to six more are the context.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("no click log at {}: put clicks-dev.csv.gz there, or name one with --clicks FILE", path.display()))?;
        let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
        let source: Box<dyn Read> = if is_gzip { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
        Self::parse(&mut BufReader::with_capacity(1 << 20, source)).with_context(|| format!("{} is no click log", path.display()))
    }

    /// Of an open file.
    pub(crate) fn parse(source: &mut impl BufRead) -> Result<Self> {
        let mut line = String::new();
        source.read_line(&mut line)?;
        ensure!(line.starts_with("at_ms,visitor,session,article"), "its columns do not begin at_ms,visitor,session,article");
        let (mut items, mut sessions, mut visitors) = (Numbers::default(), Numbers::default(), Numbers::default());
        let mut clicks: Vec<Click> = Vec::new();
        loop {
            line.clear();
            if source.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
                break;
            }
            let number = clicks.len() + 2;
            let click = parse_line(line.trim_end(), &mut items, &mut sessions, &mut visitors)
                .with_context(|| format!("line {number} is not one: {}", line.trim_end()))?;
            ensure!(clicks.last().is_none_or(|last| last.at_ms <= click.at_ms), "line {number} is earlier than the one before");
            ensure!(clicks.len() < CLICKS_MAX, "more than {CLICKS_MAX} clicks");
            clicks.push(click);
        }
        if clicks.is_empty() {
            bail!("it has no clicks");
        }
        Ok(Self::of(clicks))
    }

    /// Of clicks in time order.
    pub(crate) fn of(clicks: Vec<Click>) -> Self {
        let mut following: HashMap<SessionId, Next> = HashMap::new();
        // Backwards: what was seen last is what comes next.
        let mut next: VecDeque<Option<Next>> = VecDeque::with_capacity(clicks.len());
        for click in clicks.iter().rev() {
            next.push_front(following.insert(click.session, Next { item: click.item, at_ms: click.at_ms }));
        }
        let mut first_seen: HashMap<ItemId, u64> = HashMap::new();
        for click in &clicks {
            first_seen.entry(click.item).or_insert(click.at_ms);
        }
        let count = first_seen.keys().map(|item| item.0).max().map_or(0, |last| last + 1);
        let first_seen_ms = (0..count).map(|item| first_seen.get(&ItemId(item)).copied().unwrap_or(u64::MAX)).collect();
        let origin_ms = clicks.first().map_or(0, |click| click.at_ms - click.at_ms % HOUR_MS);
        Self { clicks, next: next.into(), first_seen_ms, origin_ms }
    }

    /// Without the clicks before an hour; hours keep their numbers, and articles the time when they were new.
    pub(crate) fn starting(mut self, hour: u64) -> Self {
        let skipped = self.clicks.partition_point(|click| self.hour(click.at_ms) < hour);
        self.clicks.drain(..skipped);
        self.next.drain(..skipped);
        self
    }

    /// Each click with what follows it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Click, Option<Next>)> {
        self.clicks.iter().zip(self.next.iter().copied())
    }

    /// Whole hours since the log's first.
    pub(crate) fn hour(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.origin_ms) / HOUR_MS
    }

    /// Whether a time is in a window.
    pub(crate) fn is_in(&self, window: Window, at_ms: u64) -> bool {
        (window.from..window.to).contains(&self.hour(at_ms))
    }

    /// Whether an article was first clicked less than an hour before it is clicked now.
    pub(crate) fn is_cold(&self, next: Next) -> bool {
        let first = usize::try_from(next.item.0).ok().and_then(|at| self.first_seen_ms.get(at)).copied().unwrap_or(next.at_ms);
        next.at_ms.saturating_sub(first) < HOUR_MS
    }
}

/// Numbers for names, in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashMap<Box<str>, u32>);

impl Numbers {
    pub(crate) fn of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.0.get(name) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX - 1);
        self.0.insert(name.into(), number);
        number
    }
}

fn parse_line(line: &str, items: &mut Numbers, sessions: &mut Numbers, visitors: &mut Numbers) -> Result<Click> {
    let mut fields = line.split(',');
    let mut field = |name: &str| fields.next().filter(|text| !text.is_empty()).with_context(|| format!("no {name}"));
    let at_ms = field("at_ms")?.parse().context("at_ms is no number")?;
    let visitor = visitors.of(field("visitor")?);
    let session = SessionId(sessions.of(field("session")?));
    let item = ItemId(items.of(field("article")?));
    let mut context = [0; CONTEXT_LEN];
    for (value, text) in context.iter_mut().zip(fields) {
        *value = text.parse().context("a context that is no number below 65,536")?;
    }
    Ok(Click { at_ms, session, item, visitor, context })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "at_ms,visitor,session,article,environment\n";

    fn parse(text: &str) -> Result<ClickLog> {
        ClickLog::parse(&mut format!("{HEAD}{text}").as_bytes())
    }

    #[test]
    fn a_click_knows_what_its_session_opens_next() {
        let log = parse("7200000,v,s,a,4\n7200001,w,t,b,4\n7200500,v,s,b,4\n").unwrap();
        let b = Next { item: ItemId(1), at_ms: 7_200_500 };
        assert_eq!(log.next, [Some(b), None, None]);
        assert_eq!(log.origin_ms, 7_200_000);
        assert_eq!(log.clicks[0].context, [4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_late_start_keeps_hours_and_ages() {
        let log = parse("7200000,v,s,a\n10800000,v,s,b\n14400000,v,s,a\n").unwrap().starting(1);
        assert_eq!((log.clicks.len(), log.hour(log.clicks[0].at_ms)), (2, 1));
        assert_eq!(log.next[0], Some(Next { item: ItemId(0), at_ms: 14_400_000 }));
        assert!(!log.is_cold(log.next[0].unwrap()));
    }

    #[test]
    fn an_article_is_cold_for_an_hour() {
        let log = parse("7200000,v,s,a\n7200000,v,s,b\n").unwrap();
        assert!(log.is_cold(Next { item: ItemId(0), at_ms: 7_200_000 }));
        assert!(log.is_cold(Next { item: ItemId(0), at_ms: 7_200_000 + HOUR_MS - 1 }));
        assert!(!log.is_cold(Next { item: ItemId(0), at_ms: 7_200_000 + HOUR_MS }));
    }

    #[test]
    fn what_is_no_log_is_refused_with_its_line() {
        let said = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert!(said("5,v,s,a\n4,v,s,a\n").contains("line 3 is earlier"));
        assert!(said("x,v,s,a\n").contains("line 2 is not one: x,v,s,a: at_ms is no number"));
        assert!(said("5,v,s\n").contains("no article"));
        assert!(said("").contains("no clicks"));
        assert!(format!("{:#}", ClickLog::parse(&mut "a,b\n".as_bytes()).unwrap_err()).contains("columns"));
    }

    #[test]
    fn an_absent_log_says_what_to_do() {
        let said = format!("{:#}", ClickLog::read(Path::new("/nowhere/clicks.csv.gz")).unwrap_err());
        assert!(said.contains("no click log at /nowhere/clicks.csv.gz") && said.contains("--clicks FILE"), "{said}");
    }
}
