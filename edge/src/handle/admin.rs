//! `/admin/` and `/metrics`: what the backend publishes, the refused bodies for integrators, and this isolate's figures. Bearer secret only.

use serde::Serialize;

use super::{Handled, failed};
use crate::answer::Answer;
use crate::auth;
use crate::bad;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::platform::http::{self, Head};
use crate::platform::{Env, Request, kv, memory, store};
use crate::query::Query;
use crate::route::File;

#[derive(Serialize)]
struct Stored {
    key: String,
    bytes: usize,
}

pub(super) fn admit(request: &Request, config: &Config) -> Result<()> {
    auth::admit(http::header(request, "authorization").as_deref(), config)
}

pub(super) async fn publish(request: &mut Request, portal: &str, file: File, config: &Config, env: &Env) -> Handled {
    admit(request, config)?;
    let portal = config.portal(portal)?;
    let bytes_max = file.bytes_max();
    let body = http::body(request, bytes_max, Error::FileTooLarge { bytes_max }).await?;
    file.check(&body, portal)?;
    let key = file.key(portal.id.as_str());
    kv::put(env, &key, &body).await.map_err(failed("publish"))?;
    memory::doubt_published(&portal.id);
    Ok(Answer::json(200, &Stored { key, bytes: body.len() }))
}

/// What is published, as it was put. KV's caches may show what was there half a minute ago.
pub(super) async fn published(request: &Request, portal: &str, file: File, config: &Config, env: &Env) -> Handled {
    admit(request, config)?;
    let portal = config.portal(portal)?;
    let bytes = kv::get(env, &file.key(portal.id.as_str())).await.map_err(failed("published"))?;
    let bytes = bytes.ok_or_else(|| Error::NotPublished { portal: portal.id.to_string(), file: file.name() })?;
    Ok(Answer::bytes(bytes)
        .with("content-type", file.content_type())
        .with("cache-control", "no-store")
        .with("x-content-type-options", "nosniff"))
}

pub(super) fn metrics(request: &Request, config: &Config) -> Handled {
    admit(request, config)?;
    Ok(Answer::text(memory::counters().to_prometheus()))
}

pub(super) async fn bad_bodies(request: &Request, head: &Head, config: &Config, env: &Env) -> Handled {
    admit(request, config)?;
    let wanted = bad::wanted(Query::new(&head.query))?;
    let keys = store::keys(env, bad::PREFIX, &wanted.after, wanted.limit).await.map_err(failed("bad_list"))?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        // Deleted since it was listed: an empty text, which the page leaves out.
        let text = store::get(env, &key).await.map_err(failed("bad_read"))?.unwrap_or_default();
        found.push((key, text));
    }
    Ok(Answer::json(200, &bad::page(&wanted, &found)))
}
