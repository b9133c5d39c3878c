//! Mistakes in a worker's configuration, made on purpose one at a time: `/health` has to turn red and say what is wrong (row 39 of the fault matrix).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use toml::{Table, Value};

use super::health::{Health, Seen};
use crate::stack::{self, ADMIN_SECRET, AWS_ENV, Stack};
use crate::{beacon, paths, rotate, run};

/// How long the local worker may take to start anew with another configuration.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What `wrangler.toml` and the secrets say.
#[derive(Debug, Clone)]
struct Told {
    settings: Table,
    secrets: BTreeMap<String, String>,
}

/// One mistake.
struct Mistake {
    what: &'static str,
    make: fn(&mut Told),
    /// What `/health` says about it.
    said: &'static str,
    /// It is seen by asking the world alone.
    is_deep: bool,
}

const MISTAKES: &[Mistake] = &[
    Mistake { what: "no key-value store", make: |told| told.remove("kv_namespaces"), said: "STORE: binding is missing", is_deep: false },
    Mistake { what: "no bucket", make: |told| told.remove("r2_buckets"), said: "ARCHIVE: binding is missing", is_deep: false },
    Mistake { what: "no assets", make: |told| told.remove("assets"), said: "ASSETS: binding is missing", is_deep: false },
    Mistake { what: "a queue too few", make: |told| told.var("RETRY_QUEUES", "3"), said: "RETRY_2: binding is missing", is_deep: false },
    Mistake { what: "no count of queues", make: |told| told.var("RETRY_QUEUES", "two"), said: "RETRY_QUEUES must be", is_deep: false },
    Mistake { what: "SQS without its address", make: |told| told.var("RETRY_QUEUE", "sqs"), said: "set SQS_QUEUE_URL", is_deep: false },
    Mistake { what: "no time for spilling", make: |told| told.var("SPILL_AFTER_S", "0"), said: "SPILL_AFTER_S must be", is_deep: false },
    Mistake {
        what: "a switch between on and off",
        make: |told| told.var("GROUP_COMMIT", "maybe"),
        said: "GROUP_COMMIT must be",
        is_deep: false,
    },
    Mistake {
        what: "an environment that nobody knows",
        make: |told| told.var("PULSO_ENV", "prod"),
        said: "PULSO_ENV must be",
        is_deep: false,
    },
    Mistake {
        what: "no AWS secret",
        make: |told| told.secret("AWS_SECRET_ACCESS_KEY", None),
        said: "set AWS_ACCESS_KEY_ID and",
        is_deep: false,
    },
    Mistake {
        what: "no admin secret",
        make: |told| told.secret("ADMIN_SECRET", None),
        said: "admin_secret: set ADMIN_SECRET",
        is_deep: false,
    },
    Mistake {
        what: "an AWS secret of another key",
        make: |told| told.secret("AWS_SECRET_ACCESS_KEY", Some("of-another-key")),
        said: "AWS_SECRET_ACCESS_KEY does not belong to",
        is_deep: true,
    },
    Mistake {
        what: "an AWS key that was deleted",
        make: |told| told.secret("AWS_ACCESS_KEY_ID", Some("AKIAGONE000000000000")),
        said: "AWS_ACCESS_KEY_ID is not known there",
        is_deep: true,
    },
    Mistake {
        what: "a region without the streams",
        make: |told| told.secret("AWS_REGION", Some("eu-west-1")),
        said: "stream pulso-ge-events: AccessDeniedException: the worker's user needs",
        is_deep: true,
    },
];

impl Told {
    fn remove(&mut self, section: &str) {
        self.settings.remove(section);
    }

    fn var(&mut self, name: &str, value: &str) {
        if let Some(vars) = self.settings.get_mut("vars").and_then(Value::as_table_mut) {
            vars.insert(name.to_owned(), value.into());
        }
    }

    /// As `wrangler dev` reads it, secrets win over variables.
    fn secret(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.secrets.insert(name.to_owned(), value.to_owned()),
            None => self.secrets.remove(name),
        };
    }
}

/// A local worker whose configuration is changed under way.
#[derive(Debug)]
pub(super) struct Subject {
    folder: PathBuf,
    pub url: String,
    right: Told,
}

impl Subject {
    /// The worker of a stack that has a configuration of its own.
    pub(super) fn new(stack: &Stack) -> Result<Self> {
        let folder = stack.folder().to_owned();
        let settings =
            toml::from_str(&fs::read_to_string(folder.join("wrangler.toml")).context("the stack has no configuration of its own")?)?;
        let text = fs::read_to_string(folder.join(rotate::SECRETS))?;
        let secrets =
            text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { folder, url: stack.plan().worker_url(), right: Told { settings, secrets } })
    }

    /// Makes every mistake in turn, each from what is right.
    pub(super) fn make_all(&self) -> Result<()> {
        for mistake in MISTAKES {
            let begun = Instant::now();
            let mut told = self.right.clone();
            (mistake.make)(&mut told);
            self.tell(&told)?;
            let secret = if mistake.is_deep { Some(ADMIN_SECRET) } else { None };
            let seen = self.until(secret, |seen| !seen.is_green() && seen.to_string().contains(mistake.said));
            let seen = seen.with_context(|| format!("{}: wanted `{}`", mistake.what, mistake.said))?;
            println!("  {:<34} {:>4.1} s  {}", mistake.what, begun.elapsed().as_secs_f32(), first_words(&seen));
        }
        self.mend()
    }

    /// A stream that is not there, seen by a deep look.
    pub(super) fn lose_stream(&self, stack: &Stack) -> Result<()> {
        stream(stack, "delete")?;
        let wanted = "stream pulso-ge-events: ResourceNotFoundException: make the stream";
        let seen = self.until(Some(ADMIN_SECRET), |seen| seen.to_string().contains(wanted))?;
        println!("  {:<40} {}", "a stream that is not there", first_words(&seen));
        stream(stack, "make")?;
        self.until(Some(ADMIN_SECRET), Seen::is_green).map(drop)
    }

    /// What only development admits, a worker of production does not: its origins, and headers of tests.
    pub(super) fn be_production(&self) -> Result<()> {
        let panicking = [("X-Pulso-Test-Panic", "1")];
        let own = format!("http://g1.localhost:{}", self.url.rsplit(':').next().unwrap_or_default());
        ensure!(self.post(&own, &panicking) == 503, "the test header does nothing in development: this check has lost its sense");
        let mut told = self.right.clone();
        told.var("PULSO_ENV", "production");
        self.tell(&told)?;
        let deadline = Instant::now() + PATIENCE;
        while self.post(&own, &[]) != 403 {
            ensure!(Instant::now() < deadline, "production admits the origins of development");
            std::thread::sleep(PAUSE);
        }
        let status = self.post("https://g1.example", &panicking);
        ensure!(status == 202, "production obeys the header of a test: {status}");
        println!("  {:<40} 403 for its origins, 202 in spite of its test header", "production, asked as in development");
        self.mend()
    }

    /// The status of a page's post; 0 while the worker starts anew.
    fn post(&self, origin: &str, headers: &[(&str, &str)]) -> u16 {
        let at_ms = beacon::now_ms();
        let pageview = beacon::pageview_id(at_ms, 0x7e57 << 64);
        let body = format!(
            r#"{{"v":1,"portal":"g1","pageview":"{pageview}","consent":"cookieless","page":"other","url":"{origin}/","sent_at_ms":{at_ms},"events":[{{"seq":0,"kind":"pageview","at_ms":{at_ms}}}]}}"#
        );
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().into();
        let mut request = agent.post(format!("{}/pageview", self.url)).header("Origin", origin);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.content_type("text/plain").send(body).map_or(0, |answer| answer.status().as_u16())
    }

    /// Makes one mistake and leaves it.
    pub(super) fn spoil(&self) -> Result<()> {
        let mut told = self.right.clone();
        told.remove("kv_namespaces");
        self.tell(&told)?;
        self.until(Some(ADMIN_SECRET), |seen| seen.to_string().contains("STORE: binding is missing")).map(drop)
    }

    /// Makes it right again.
    pub(super) fn mend(&self) -> Result<()> {
        self.tell(&self.right)?;
        self.until(Some(ADMIN_SECRET), Seen::is_green).map(drop)
    }

    fn tell(&self, told: &Told) -> Result<()> {
        let lines: Vec<String> = told.secrets.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(self.folder.join(rotate::SECRETS), lines.concat())?;
        Ok(fs::write(self.folder.join("wrangler.toml"), toml::to_string(&told.settings)?)?)
    }

    fn until(&self, secret: Option<&str>, is_so: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = Health::look(&self.url, secret);
            if is_so(&seen) {
                return Ok(seen);
            }
            ensure!(!stack::is_interrupted(), "interrupted");
            if Instant::now() > deadline {
                bail!("the worker says: {seen}");
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn stream(stack: &Stack, what: &str) -> Result<()> {
    let mut script = Command::new(paths::python());
    script.arg(paths::at("tests/deploy/stream.py")).args(["--endpoint", &stack.plan().aws_url(), what, "pulso-ge-events"]).envs(AWS_ENV);
    run::shown("tests/deploy/stream.py", &mut script)
}

fn first_words(seen: &Seen) -> String {
    seen.to_string().chars().take(110).collect()
}
