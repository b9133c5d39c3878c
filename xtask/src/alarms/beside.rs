//! `cargo xtask dev --alarms`: the alarms beside an ordinary run, each message on the terminal.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use super::cron::Cron;
use super::trial::{PERIOD, SCALE, WARM_UP};
use super::watch::{Lines, Message};
use crate::pack;
use crate::stack::{Scale, Stack};

/// The alarms of a run.
#[derive(Debug)]
pub(crate) struct Beside {
    _cron: Cron,
    begun: Instant,
    told: Option<Told>,
}

/// Where messages come from.
#[derive(Debug)]
enum Told {
    /// The notifier's own words, as it prints them.
    Notifier { log: PathBuf, read: usize },
    /// Where it is not built: the alarms' messages as they are.
    Inbox(Lines),
}

impl Beside {
    /// Lets the cron tick; alarms follow when there are figures for them.
    pub(crate) fn start(stack: &Stack) -> Self {
        println!(
            "  alarms    from {} s on, in periods of {} s; a portal without readers is silent, which is one",
            WARM_UP.as_secs(),
            SCALE.period_s
        );
        Self { _cron: Cron::start(stack.drain_url(), PERIOD), begun: Instant::now(), told: None }
    }

    /// Deploys the alarms when it is time, and prints what came.
    pub(crate) fn tick(&mut self, stack: &mut Stack) -> Result<()> {
        match &mut self.told {
            None if self.begun.elapsed() < WARM_UP => {}
            None => self.told = Some(Told::start(stack)?),
            Some(Told::Notifier { log, read }) => {
                let text = fs::read_to_string(log).unwrap_or_default();
                // Whole lines: what is being written comes with the next look.
                let end = text.rfind('\n').map_or(*read, |last| last + 1);
                print!("{}", text.get(*read..end).unwrap_or_default());
                *read = end.max(*read);
            }
            Some(Told::Inbox(lines)) => {
                for Message { topic, alarm, state, description, reason, .. } in lines.news::<Message>()? {
                    println!("{topic}  {alarm} is {state}: {reason}\n  {description}");
                }
            }
        }
        Ok(())
    }
}

impl Told {
    fn start(stack: &mut Stack) -> Result<Self> {
        let deployed = stack.monitor(Scale { with_paper: false, ..SCALE })?;
        println!("{} alarms are evaluated every two seconds", deployed.alarms.len());
        if pack::native_program("bootstrap").is_file() {
            stack.tell_alarms()?;
            return Ok(Self::Notifier { log: stack.logs().join("notifier.log"), read: 0 });
        }
        stack.follow_alarms()?;
        Ok(Self::Inbox(Lines::new(&stack.logs(), "inbox")))
    }
}
