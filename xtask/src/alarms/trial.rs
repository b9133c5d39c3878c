//! The stack of the trial: everything can be made to fail, alarms are deployed, and rounds of faults are judged by what arrives.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use wire::PortalId;

use super::cron::Cron;
use super::rounds::Round;
use super::traffic::Traffic;
use super::watch::{Change, Fires, Heard, Lines, Message};
use crate::faults::Proxy;
use crate::stack::{self, Plan, Scale, Stack, Trial};
use crate::{beacon, pack};

/// A period on this machine: the shortest that CloudWatch takes.
pub(super) const PERIOD: Duration = Duration::from_secs(10);
/// What is 60 s, 300 s, 300 s and 1,000 messages in production.
pub(super) const SCALE: Scale = Scale { period_s: 10, slow_s: 20, model_age_s: 30, backlog_messages: 20, with_paper: true };
/// How long there are figures before anybody judges them: a heart that began to beat is trusted after three of five periods.
pub(super) const WARM_UP: Duration = Duration::from_secs(35);
/// How long all alarms may take to be OK, at the beginning and after a fault: windows of a minute, and what a queue still holds.
const CALM_PATIENCE: Duration = Duration::from_mins(6);
/// How often states are asked for.
const CALM_EVERY: Duration = Duration::from_secs(4);
/// What is between two rounds, so that a late message does not fall into the next.
const BETWEEN: Duration = Duration::from_secs(4);
/// How often figures are put by hand.
const BY_HAND_EVERY: Duration = Duration::from_secs(4);

/// A stack under trial.
pub(super) struct AlarmTrial {
    pub stack: Stack,
    /// Between worker and Kinesis.
    pub proxy: Proxy,
    /// Between backend and Kinesis.
    pub backend_proxy: Proxy,
    pub traffic: Traffic,
    cron: Cron,
    messages: Lines,
    changes: Lines,
}

/// A round that was played.
#[derive(Debug)]
pub(super) struct Played {
    pub heard: Heard,
    pub wrongs: Vec<String>,
    /// From the fault's end until all alarms were OK, seconds.
    pub calm_after_s: f64,
}

impl AlarmTrial {
    /// Starts everything and waits until every alarm is OK.
    pub(super) fn start(port: u16, trial: Trial) -> Result<Self> {
        let mut stack = Stack::start_trial(Plan { port, data: None, drop_nth: None }, trial)?;
        let portals: Vec<PortalId> = pack::portals()?.iter().map(|portal| portal.id.clone()).collect();
        let cron = Cron::start(stack.drain_url(), PERIOD);
        let traffic = Traffic::start(port, &portals);
        std::thread::sleep(WARM_UP);
        stack.monitor(SCALE)?;
        stack.follow_alarms()?;
        let proxy = Proxy::new(&stack.plan().proxy_url());
        let backend_proxy = Proxy::new(&stack.plan().backend_proxy_url());
        let (messages, changes) = (Lines::new(&stack.logs(), "inbox"), Lines::new(&stack.logs(), "evaluator"));
        let mut started = Self { stack, proxy, backend_proxy, traffic, cron, messages, changes };
        let begun = Instant::now();
        started.calm(&mut Heard::default(), unix_s())?;
        println!("every alarm is OK after {:.0} s", begun.elapsed().as_secs_f32());
        Ok(started)
    }

    /// Plays a round: does what it does, listens, undoes it, and waits until all is well.
    pub(super) fn play(&mut self, round: &Round) -> Result<Played> {
        self.messages.news::<Message>()?;
        self.changes.news::<Change>()?;
        let expected = round.expected();
        let (begun, begun_s, mut heard) = (Instant::now(), unix_s(), Heard::default());
        (round.inject)(self)?;
        let mut complete = None;
        let mut put = Instant::now();
        loop {
            self.listen(&mut heard, begun_s)?;
            if !round.by_hand.is_empty() && Instant::now() >= put {
                self.stack.put_figures(&round.figures())?;
                put += BY_HAND_EVERY;
            }
            if complete.is_none() && heard.has_all(&expected) {
                complete = Some(Instant::now());
            }
            let is_watched = complete.is_some_and(|complete| complete.elapsed() >= round.linger);
            if is_watched || begun.elapsed() >= round.patience + round.linger {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        (round.heal)(self)?;
        let healed = Instant::now();
        if round.is_calm_wanted {
            self.calm(&mut heard, begun_s)?;
        }
        let calm_after_s = healed.elapsed().as_secs_f64();
        std::thread::sleep(BETWEEN);
        self.listen(&mut heard, begun_s)?;
        Ok(Played { wrongs: heard.wrongs(&expected), heard, calm_after_s })
    }

    /// Stops the worker's clock, or lets it go on.
    #[expect(clippy::unnecessary_wraps, reason = "a round's beginnings and ends may fail")]
    pub(super) fn cron_rests(&self, is_resting: bool) -> Result<()> {
        self.cron.rest(is_resting);
        Ok(())
    }

    /// Stops everything.
    pub(super) fn finish(self) -> Result<()> {
        let Self { stack, traffic, cron, .. } = self;
        drop(traffic);
        let stopped = stack.stop();
        drop(cron);
        stopped
    }

    fn listen(&mut self, heard: &mut Heard, begun_s: f64) -> Result<()> {
        ensure!(!stack::is_interrupted(), "interrupted");
        self.stack.check()?;
        for message in self.messages.news::<Message>()? {
            heard.hear(message, begun_s);
        }
        for change in self.changes.news::<Change>()? {
            heard.see(&change);
        }
        Ok(())
    }

    /// Waits until no alarm is in another state than OK, and goes on listening.
    fn calm(&mut self, heard: &mut Heard, begun_s: f64) -> Result<()> {
        let deadline = Instant::now() + CALM_PATIENCE;
        loop {
            self.listen(heard, begun_s)?;
            let states = self.stack.alarm_states()?;
            let restless: Vec<&String> = states.iter().filter(|(_, state)| *state != "OK").map(|(name, _)| name).collect();
            if restless.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{restless:?} are not OK after {} s", CALM_PATIENCE.as_secs());
            std::thread::sleep(CALM_EVERY);
        }
    }

    /// A wrong alarm beside a right one that fires: the judge has to miss it.
    pub(super) fn judge_is_awake(heard: &Heard, planted: &'static str, expected: &[Fires]) -> Result<()> {
        let with_planted: Vec<Fires> = expected.iter().copied().chain([Fires::Page(planted)]).collect();
        let wrongs = heard.wrongs(&with_planted);
        ensure!(wrongs == [format!("{planted} did not fire")], "an alarm with wrong dimensions was planted, and the judge says {wrongs:?}");
        println!("found: {planted} (another stage in its dimensions) did not fire");
        Ok(())
    }
}

/// A portal of the trial.
pub(super) fn portal(id: &str) -> Result<PortalId> {
    PortalId::parse(id).context("a portal's id")
}

/// Now, seconds.
fn unix_s() -> f64 {
    f64::from(u32::try_from(beacon::now_ms() / 1_000).unwrap_or(u32::MAX))
}
