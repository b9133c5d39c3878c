//! Recommendations while the worker's key-value store fails, on the real workerd: always 200, never empty, and `source` says the truth.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use ureq::Agent;
use wire::Recommendations;

use crate::beacon::now_ms;
use crate::stack::{self, ADMIN_SECRET, Plan, Stack, StoreFault, Trial};
use crate::{model, pack, setup};

/// Nobody reads this portal here, so that the backend publishes nothing over what the trial does.
const PORTAL: &str = "ge";
/// What the worker remembers is read again after 15 s; the request that finds it stale is still answered with the old.
const REREAD: Duration = Duration::from_secs(17);
/// How long a change may take to show: memory's 15 s, and a request to notice.
const PATIENCE: Duration = Duration::from_secs(40);
/// An answer that needs longer has waited for more than one dead store: the worker gives it a second.
const ANSWER_MAX: Duration = Duration::from_millis(2_500);
/// Older than this is no model.
const DAY_MS: u64 = 86_400_000;

/// The doors that answer with a list.
const DOORS: [&str; 6] =
    ["recommendations", "recommendations?item=/ge/1&read=/ge/2", "similar?item=/ge/1", "trending", "top-pages", "latest"];

/// What `store` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The worker's port; the other parts take the four after it.
    #[arg(long, default_value_t = 8887, value_parser = clap::value_parser!(u16).range(1024..65530))]
    port: u16,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    stack::catch_signals()?;
    let wasm = setup::ensure()?;
    pack::everything(&wasm, false)?;
    check(options.port)
}

/// Starts the stack and goes through every way in which the store may fail.
pub(crate) fn check(port: u16) -> Result<()> {
    let stack = Stack::start_trial(Plan { port, data: None, drop_nth: None }, Trial::STORE)?;
    let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).http_status_as_error(false).build().into();
    let mut trial = StoreTrial { url: stack.plan().worker_url(), stack, agent };
    trial.run()
    // The stack stops when it is dropped: there is nothing to be drained.
}

struct StoreTrial {
    stack: Stack,
    url: String,
    agent: Agent,
}

impl StoreTrial {
    fn run(&mut self) -> Result<()> {
        self.all_answer("nothing is published", "built_in")?;
        self.publish("cards", cards(now_ms())?.as_bytes())?;
        self.publish("model", &model::made(PORTAL, now_ms()))?;
        self.await_source("trending")?;
        println!("a model and cards are published");

        self.fault(StoreFault::Down)?;
        self.stays("the store is down, the isolate remembers", "trending")?;
        self.fault(StoreFault::None)?;
        self.write("model", b"PULSOdamaged")?;
        self.stays("the blob is damaged, the isolate remembers the last good one", "trending")?;
        self.stack.replace_store(StoreFault::None)?;
        self.all_answer("the blob is damaged, the isolate is new", "latest")?;
        self.delete("model")?;
        self.stack.replace_store(StoreFault::None)?;
        self.all_answer("the blob is missing", "latest")?;
        self.publish("model", &model::made(PORTAL, now_ms() - DAY_MS - 1_000))?;
        self.stack.replace_store(StoreFault::None)?;
        self.all_answer("the backend is dead for a day", "latest")?;

        self.publish("model", &model::made(PORTAL, now_ms()))?;
        for fault in [StoreFault::Down, StoreFault::Silent] {
            self.stack.replace_store(fault)?;
            self.all_answer(&format!("the store is {}, the isolate is new", fault.name()), "built_in")?;
        }
        self.fault(StoreFault::None)?;
        self.await_source("trending")?;
        println!("ok   the store is back, and so are its articles");
        self.write("rules", b"{\"v\":1,\"blocks\":")?;
        self.stack.replace_store(StoreFault::None)?;
        self.all_answer("nobody knows what is blocked", "built_in")
    }

    /// Asks until the memory was read again, and some more.
    fn stays(&self, what: &str, source: &str) -> Result<()> {
        let until = Instant::now() + REREAD;
        while Instant::now() < until {
            self.answer("recommendations", what, source)?;
            std::thread::sleep(Duration::from_millis(500));
        }
        self.answer("recommendations", what, source)?;
        println!("ok   {what}: {source}");
        Ok(())
    }

    /// Every door answers, from this rung or, where it begins further down or has more to say, from another that is no better.
    fn all_answer(&self, what: &str, source: &str) -> Result<()> {
        for door in DOORS {
            self.answer(door, what, source)?;
        }
        println!("ok   {what}: {source}");
        Ok(())
    }

    fn answer(&self, door: &str, what: &str, source: &str) -> Result<()> {
        let begun = Instant::now();
        let answer = self.ask(door).with_context(|| what.to_owned())?;
        let took = begun.elapsed();
        ensure!(!answer.items.is_empty(), "{what}: /{door} is empty: {answer:?}");
        let said = answer.source.as_str();
        ensure!(said == source, "{what}: /{door} says it is from {said}, and should be from {source}: {answer:?}");
        let is_learnt = !matches!(source, "latest" | "built_in");
        ensure!((answer.model_version != "none") == is_learnt, "{what}: /{door} names the wrong model: {answer:?}");
        ensure!(took < ANSWER_MAX, "{what}: /{door} took {} ms", took.as_millis());
        Ok(())
    }

    fn await_source(&self, source: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask("recommendations")?;
            if answer.source.as_str() == source {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "no answer is from {source} after {} s: {answer:?}", PATIENCE.as_secs());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// An answer of 200.
    fn ask(&self, door: &str) -> Result<Recommendations> {
        let mark = if door.contains('?') { '&' } else { '?' };
        let mut answer =
            self.agent.get(format!("{}/{door}{mark}portal={PORTAL}", self.url)).call().context("the worker does not answer")?;
        let (status, text) = (answer.status().as_u16(), answer.body_mut().read_to_string()?);
        ensure!(status == 200, "/{door} answered {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("/{door} answered no list: {text}"))
    }

    /// Through the admin door.
    fn publish(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let put =
            self.agent.put(format!("{}/admin/portals/{PORTAL}/{file}", self.url)).header("Authorization", format!("Bearer {ADMIN_SECRET}"));
        let mut answer = put.send(bytes)?;
        ensure!(answer.status().as_u16() == 200, "{file} is not published: {}", answer.body_mut().read_to_string()?);
        Ok(())
    }

    /// Past the admin door.
    fn write(&self, file: &str, bytes: &[u8]) -> Result<()> {
        let answer = self.agent.put(format!("{}/__store/{file}/{PORTAL}", self.url)).send(bytes)?;
        ensure!(answer.status().as_u16() == 200, "{file} is not written");
        Ok(())
    }

    fn delete(&self, file: &str) -> Result<()> {
        let answer = self.agent.delete(format!("{}/__store/{file}/{PORTAL}", self.url)).call()?;
        ensure!(answer.status().as_u16() == 200, "{file} is not deleted");
        Ok(())
    }

    fn fault(&self, fault: StoreFault) -> Result<()> {
        let answer = self.agent.put(format!("{}/__store/fault", self.url)).send(fault.name())?;
        ensure!(answer.status().as_u16() == 200, "the store does not take a fault");
        Ok(())
    }
}

/// Cards of articles that no model knows, published a minute apart.
fn cards(now_ms: u64) -> Result<String> {
    let card = |n: u64| {
        let url = format!("https://ge.example/card/{n}");
        (format!("/card/{n}"), json!({ "url": url, "title": format!("Card {n}"), "published_at_ms": now_ms - n * 60_000 }))
    };
    let cards: serde_json::Map<String, Value> = (0..3).map(card).collect();
    Ok(serde_json::to_string(&json!({ "v": 1, "cards": cards }))?)
}
