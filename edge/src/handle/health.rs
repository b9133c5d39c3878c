//! `GET /health`: which parts are there; with `deep=1`, for the holder of the admin secret, whether they answer.

use std::rc::Rc;

use wire::Portal;

use super::{admin, limits, refuse};
use crate::answer::Answer;
use crate::config::Config;
use crate::delivery::world::World as _;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::health::{self, Check};
use crate::platform::http::{self, Head};
use crate::platform::isolate::Isolate;
use crate::platform::{self, Env, Request, assets, clock, kv, store};
use crate::route::{File, Route};
use crate::{probe, script};

pub(super) async fn answer(request: &Request, head: &Head, config: &Result<Rc<Config>>, env: &Env) -> Answer {
    let retry_queues = config.as_ref().map_or(1, |config| config.retry_queues);
    let bindings = platform::bindings(env, retry_queues);
    let deep = match config {
        // A deep look costs a record in each stream: not for everybody.
        Ok(config) if probe::is_wanted(&head.query) => match admit(request, config, env).await {
            Ok(()) => look(config, env).await,
            Err(error) => return refuse(&error),
        },
        _ => Vec::new(),
    };
    health::report(config, &bindings, platform::deployment(env), deep)
}

/// As for the admin's own doors: who guessed too often is told so.
async fn admit(request: &Request, config: &Config, env: &Env) -> Result<()> {
    let lines = http::facts(request, config.is_dev);
    let Facts { sender, .. } = Facts::parse(&lines, config.is_dev);
    limits::admit(Some(&Route::Metrics), sender.as_deref(), env).await?;
    let admitted = admin::admit(request, config);
    if admitted == Err(Error::Unauthorized) {
        limits::note_guess(sender.as_deref(), env).await;
    }
    admitted
}

/// Asks every part something; one after the other, for an isolate has six connections and nobody is in a hurry.
async fn look(config: &Rc<Config>, env: &Env) -> Vec<Check> {
    let isolate = Isolate::new(env, config);
    let mut checks = vec![probe::of_key(config), probe::of_next_secret(config)];
    for portal in config.portals.iter() {
        checks.push(probe_stream(&isolate, portal).await);
    }
    if let Some(portal) = config.portals.iter().next() {
        let read = kv::get(env, &File::Rules.key(portal.id.as_str())).await;
        checks.push(probe::of_store(kv::BINDING, read.map(drop)));
    }
    checks.push(probe::of_store(store::BINDING, store::keys(env, script::FOLDER, "", 1).await.map(drop)));
    let scripts = match assets::get(env, script::CURRENT).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("pulso.js was not deployed: cargo xtask build".to_owned()),
        Err(code) => Err(code),
    };
    checks.push(probe::of_store(assets::BINDING, scripts));
    checks
}

/// Whether a portal's stream takes a record.
pub(super) async fn probe_stream(isolate: &Isolate, portal: &Portal) -> Check {
    let now_ms = clock::now_ms().saturating_add_signed(isolate.clock_offset_ms());
    let reply = match probe::call(portal, &isolate.config().kinesis, now_ms) {
        Ok(call) => isolate.post(call).await,
        Err(error) => Err(error.code().to_owned()),
    };
    probe::of_stream(portal, &reply)
}
