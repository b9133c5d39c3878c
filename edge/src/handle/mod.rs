//! One file per kind of event: asks the core what to do and lets the shell do it.

pub(crate) mod admin;
pub(crate) mod cron;
pub(crate) mod flight;
mod health;
pub(crate) mod limits;
pub(crate) mod pageview;
mod published;
pub(crate) mod queue;
pub(crate) mod read;
mod salt;
pub(crate) mod script;
pub(crate) mod told;

use std::rc::Rc;

use crate::answer::Answer;
use crate::config::Config;
use crate::cors;
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::platform::http::{self, Head};
use crate::platform::{Context, Env, Request, log, memory};
use crate::route::{Route, route};

/// Answers a request. Whatever goes wrong becomes an answer.
pub(crate) async fn request(request: &Request, env: &Env, context: &Context) -> Answer {
    let head = http::head(request);
    let config = memory::config(env);
    if route(&head.method, &head.path) == Ok(Route::Health) {
        return health::answer(request, &head, &config, env).await;
    }
    let answer = match config {
        Ok(config) => routed(request, &head, &config, env, context).await,
        Err(error) => refuse(&error),
    };
    told::later(env, context);
    answer
}

async fn routed(request: &Request, head: &Head, config: &Rc<Config>, env: &Env, context: &Context) -> Answer {
    let origin = head.origin.as_deref();
    let route = route(&head.method, &head.path);
    let lines = http::facts(request, config.is_dev);
    let Facts { client, sender, .. } = Facts::parse(&lines, config.is_dev);
    if let Err(error) = limits::admit(route.as_ref().ok(), sender.as_deref(), env).await {
        return refuse(&error).with_all(cors::headers(config, origin));
    }
    let answer = match route {
        Ok(Route::Preflight { allow }) => return cors::preflight(config, origin, allow),
        Ok(Route::Recommend { door }) => read::recommend(&client, head, door, config, env, context).await,
        Ok(Route::Script(script)) => return script::serve(request, script, env).await.unwrap_or_else(|error| refuse(&error)),
        Ok(Route::CurrentScript) => return script::describe(env).await.unwrap_or_else(|error| refuse(&error)),
        Ok(Route::Metrics) => admin::metrics(request, config),
        Ok(Route::BadBodies) => admin::bad_bodies(request, head, config, env).await,
        Ok(Route::Published { portal, file }) => admin::published(request, portal, file, config, env).await,
        Ok(Route::Publish { portal, file }) => admin::publish(request, portal, file, config, env).await,
        // Posts of pages come in by `platform/page.js`.
        Ok(Route::Health | Route::Collect) => Err(Error::UnknownPath),
        Err(error) => Err(error),
    };
    if answer == Err(Error::Unauthorized) {
        limits::note_guess(sender.as_deref(), env).await;
    }
    answer.unwrap_or_else(|error| refuse(&error)).with_all(cors::headers(config, origin))
}

/// The answer to an error; ours are logged, the client's are not.
fn refuse(error: &Error) -> Answer {
    if let Error::Unavailable { cause } = error {
        log::event("unavailable", &[("cause", cause)]);
    }
    Answer::refusal(error)
}

/// A failure of a store, for the admin and the log.
fn failed(what: &str) -> impl Fn(String) -> Error {
    move |code| Error::unavailable(format!("{what}: {code}"))
}

/// What every handler returns.
type Handled = Result<Answer>;
