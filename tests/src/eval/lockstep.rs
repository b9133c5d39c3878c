//! A recommender in another process: it gets one click a line, and the next one only after its answer, so that it cannot peek.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;

use crate::click::{Click, ItemId};
use crate::log::{ClickLog, Window};
use crate::metrics::Tally;
use crate::prequential::CLICKS_PER_TICK;
use crate::recommender::LIST_LEN;
use crate::sessions::Sessions;

/// An answer takes microseconds; a publication of a large model perhaps a second.
const ANSWER_WAIT: Duration = Duration::from_mins(1);
/// The last lines that a subject said before it failed.
const LAST_WORDS_MAX: usize = 20;

/// What is started: `LABEL=program argument …`, cut at spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub label: String,
    pub command: Vec<String>,
}

impl std::str::FromStr for Subject {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (label, command) = text.split_once('=').context("a subject is LABEL=program argument …")?;
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        ensure!(!label.is_empty() && !command.is_empty(), "a subject is LABEL=program argument …");
        Ok(Self { label: label.to_owned(), command })
    }
}

/// What came of a subject.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub tally: Tally,
    /// Names of articles that the session had read: a subject is not to give them, and they take up places.
    pub already_read: u64,
    /// Names that no click of the log has.
    pub unknown: u64,
}

/// Plays the log to a subject, up to the window's end.
pub(crate) fn run(log: &ClickLog, window: Window, subject: &Subject, bar: &ProgressBar) -> Result<Answers> {
    let mut running = Running::start(subject)?;
    let outcome = play(log, window, &mut running, bar);
    bar.finish_and_clear();
    match (outcome, running.end()) {
        (Ok(answers), _) => Ok(answers),
        (Err(error), last_words) => Err(error).with_context(|| format!("{}; its last words:\n{last_words}", subject.label)),
    }
}

fn play(log: &ClickLog, window: Window, running: &mut Running, bar: &ProgressBar) -> Result<Answers> {
    let mut sessions = Sessions::default();
    let mut answers = Answers::default();
    let mut list = Vec::with_capacity(LIST_LEN);
    for (read, (click, next)) in log.iter().enumerate() {
        if log.hour(click.at_ms) >= window.to {
            break;
        }
        if read % CLICKS_PER_TICK == 0 {
            bar.set_position(u64::try_from(read).unwrap_or(0));
        }
        let answer = running.ask(click).with_context(|| format!("click {read}"))?;
        let history = sessions.open(click);
        if let Some(next) = next.filter(|_| log.is_in(window, click.at_ms)) {
            parse(answer, &mut list).with_context(|| format!("the answer to click {read}: {answer}"))?;
            answers.already_read += list.iter().filter(|item| history.contains(item)).map(|_| 1).sum::<u64>();
            answers.unknown += list.iter().filter(|item| **item == ItemId::UNKNOWN).map(|_| 1).sum::<u64>();
            answers.tally.score(&list, next.item, log.is_cold(next));
        }
        if next.is_none() {
            sessions.close(click.session);
        }
    }
    Ok(answers)
}

/// An answer's names. Anything but a number that was sent is a name of the subject's own.
fn parse(answer: &str, list: &mut Vec<ItemId>) -> Result<()> {
    list.clear();
    for name in answer.split_ascii_whitespace() {
        let item = name.parse().map_or(ItemId::UNKNOWN, ItemId);
        ensure!(item == ItemId::UNKNOWN || !list.contains(&item), "{name} is named twice");
        list.push(item);
    }
    ensure!(list.len() <= LIST_LEN, "more than {LIST_LEN} names");
    Ok(())
}

/// A click as a line of the interface.
pub(crate) fn write_line(click: &Click, to: &mut impl Write) -> std::io::Result<()> {
    let Click { at_ms, session, item, visitor, context } = click;
    write!(to, "{at_ms}\t{}\t{}\t{visitor}", session.0, item.0)?;
    for value in context {
        write!(to, "\t{value}")?;
    }
    writeln!(to)
}

/// A subject's process.
struct Running {
    child: Arc<Mutex<Child>>,
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
    answer: String,
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    watchdog: JoinHandle<()>,
    last_words: JoinHandle<VecDeque<String>>,
}

impl Running {
    fn start(subject: &Subject) -> Result<Self> {
        let (program, arguments) = subject.command.split_first().context("no program")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}: {program} cannot be started", subject.label))?;
        let input = child.stdin.take().context("no stdin")?;
        let output = child.stdout.take().context("no stdout")?;
        let errors = child.stderr.take().context("no stderr")?;
        let child = Arc::new(Mutex::new(child));
        let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let watchdog = std::thread::spawn({
            let (child, answered, is_over) = (Arc::clone(&child), Arc::clone(&answered), Arc::clone(&is_over));
            move || watch(&child, &answered, &is_over)
        });
        let last_words = std::thread::spawn(move || {
            let mut last = VecDeque::new();
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                last.push_back(line);
                if last.len() > LAST_WORDS_MAX {
                    last.pop_front();
                }
            }
            last
        });
        let (input, output) = (Some(BufWriter::new(input)), BufReader::new(output));
        Ok(Self { child, input, output, answer: String::new(), answered, is_over, watchdog, last_words })
    }

    /// One line out, one line in.
    fn ask(&mut self, click: &Click) -> Result<&str> {
        let input = self.input.as_mut().context("it is over")?;
        write_line(click, input).and_then(|()| input.flush()).context("it takes no more clicks")?;
        self.answer.clear();
        if self.output.read_line(&mut self.answer).context("its answer cannot be read")? == 0 {
            bail!("it ended, or gave no answer for {} s", ANSWER_WAIT.as_secs());
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Ok(self.answer.trim_end())
    }

    /// Lets it end, and tells what it said on its standard error.
    fn end(mut self) -> String {
        // The end of its input is the end of its work; the watchdog sees to it that it obeys.
        drop(self.input.take());
        let mut rest = String::new();
        while matches!(self.output.read_line(&mut rest), Ok(count) if count > 0) {
            rest.clear();
        }
        let last_words = self.last_words.join().unwrap_or_default();
        // Not `wait`: the watchdog needs the lock.
        while matches!(self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.watchdog.join();
        Vec::from(last_words).join("\n")
    }
}

/// Ends a subject that no longer answers.
fn watch(child: &Mutex<Child>, answered: &AtomicU64, is_over: &AtomicBool) {
    const LOOK: Duration = Duration::from_millis(100);
    let (mut before, mut silent) = (0, Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        let now = answered.load(Ordering::Relaxed);
        silent = if now == before { silent + LOOK } else { Duration::ZERO };
        before = now;
        if silent >= ANSWER_WAIT {
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::click::{CONTEXT_LEN, HOUR_MS, SessionId};

    fn toy_log(sessions: u32) -> ClickLog {
        let click = |session, item| Click {
            at_ms: u64::from(session * 10 + item) * 1_000,
            session: SessionId(session),
            item: ItemId(item),
            visitor: session,
            context: [4, 3, 2, 1, 21, 7],
        };
        ClickLog::of((0..sessions).flat_map(|session| [click(session, 0), click(session, 1)]).collect())
    }

    fn shell(script: &str) -> Subject {
        Subject { label: "stand-in".into(), command: ["sh", "-c", script].map(str::to_owned).into() }
    }

    fn run(script: &str) -> Result<Answers> {
        super::run(&toy_log(3), Window { from: 0, to: 1 }, &shell(script), &ProgressBar::hidden())
    }

    #[test]
    fn a_line_is_what_the_interface_says() {
        let click = Click { at_ms: HOUR_MS, session: SessionId(7), item: ItemId(8), visitor: 9, context: [1; CONTEXT_LEN] };
        let mut line = Vec::new();
        write_line(&click, &mut line).unwrap();
        assert_eq!(line, b"3600000\t7\t8\t9\t1\t1\t1\t1\t1\t1\n");
    }

    #[test]
    fn answers_are_scored_and_bad_names_counted() {
        let answers = run("while read line; do echo 0 x 1; done").unwrap();
        assert_eq!((answers.tally.scored, answers.already_read, answers.unknown), (3, 3, 3));
        assert!((answers.tally.measures().hit_rate - 1.0).abs() < 1e-12);
        assert!((answers.tally.measures().mrr - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_answer_is_a_miss() {
        let answers = run("while read line; do echo; done").unwrap();
        assert_eq!(answers.tally.scored, 3);
        assert!(answers.tally.measures().hit_rate.abs() < 1e-12);
    }

    #[test]
    fn a_subject_that_fails_says_why() {
        let said = format!("{:#}", run("read line; echo 1; echo no memory >&2; exit 3").unwrap_err());
        assert!(said.contains("stand-in") && said.contains("no memory"), "{said}");
        assert!(format!("{:#}", run("while read line; do echo 1 1; done").unwrap_err()).contains("named twice"));
        assert!(format!("{:#}", run("while read line; do echo 1 2 3 4 5 6 7 8 9 10 11; done").unwrap_err()).contains("more than 10"));
    }

    #[test]
    fn the_next_click_comes_only_after_the_answer() {
        // It looks whether a second line is there before it answers the first: `read -t` gives up after a tenth of a second.
        let answers = run("while read line; do if timeout 0.1 head -c 1 | grep -q .; then echo 1; else echo 0; fi; done").unwrap();
        assert!(answers.tally.measures().hit_rate.abs() < 1e-12, "a line came early");
    }

    #[test]
    fn a_subject_is_a_label_and_a_command() {
        let subject: Subject = "ours, 60 s=backend evaluate --set=b".parse().unwrap();
        assert_eq!(subject.label, "ours, 60 s");
        assert_eq!(subject.command, ["backend", "evaluate", "--set=b"]);
        assert!("backend evaluate".parse::<Subject>().is_err() && "ours= ".parse::<Subject>().is_err());
    }
}
