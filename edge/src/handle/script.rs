//! `GET /pulso.js`, `/recommendations.js`, `/pulso.json` and `/v/…`: scripts among the assets; older versions, which pages pin by their hash, in R2.

use super::{Handled, failed};
use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::platform::{Env, Request, assets, http, log, store};
use crate::script::{self, Current, Script};

pub(super) async fn serve(request: &Request, script: Script<'_>, env: &Env) -> Handled {
    let version = match script.version {
        Some(version) => version.to_owned(),
        None => current(env).await?.version_of(script.name).ok_or(Error::UnknownPath)?.to_owned(),
    };
    let etag = script::etag(&version, script.name);
    if script::is_known(http::header(request, "if-none-match").as_deref(), &etag) {
        return Ok(Answer::empty(304).with_all(script.headers(&version, false)));
    }
    let path = format!("{}{version}/{}", script::FOLDER, script.name);
    if script::accepts_brotli(http::accepted_encodings(request).as_deref())
        && let Some(bytes) = assets::get(env, &format!("{path}.br")).await.map_err(failed("script"))?
    {
        return Ok(Answer::bytes(bytes).with_all(script.headers(&version, true)));
    }
    let bytes = match assets::get(env, &path).await.map_err(failed("script"))? {
        Some(bytes) => Some(bytes),
        None => store::get(env, &path).await.map_err(failed("script"))?.map(String::into_bytes),
    };
    let bytes = bytes.ok_or(Error::UnknownPath)?;
    Ok(Answer::bytes(bytes).with_all(script.headers(&version, false)))
}

/// What is deployed now, with its `integrity`, for those who write the tag.
pub(super) async fn describe(env: &Env) -> Handled {
    let text = assets::get(env, script::CURRENT).await.map_err(failed("script"))?.ok_or(Error::UnknownPath)?;
    let headers = [("content-type", "application/json"), ("cache-control", "public, max-age=300"), ("access-control-allow-origin", "*")];
    Ok(Answer::bytes(text).with_all(headers.map(|(name, value)| (name, value.to_owned())).to_vec()))
}

/// Keeps what is deployed: a page that pins a version finds it when the next one is.
pub(super) async fn keep(env: &Env) {
    let kept = async {
        let current = current(env).await.map_err(|error| error.to_string())?;
        for file in &current.files {
            let path = format!("{}{file}", script::FOLDER);
            if store::get(env, &path).await?.is_none()
                && let Some(bytes) = assets::get(env, &path).await?
            {
                store::put(env, &path, String::from_utf8(bytes).map_err(|_| "not_utf8")?).await?;
            }
        }
        Ok::<_, String>(())
    };
    if let Err(code) = kept.await {
        log::event("scripts_unkept", &[("code", &code)]);
    }
}

async fn current(env: &Env) -> Result<Current> {
    let text = assets::get(env, script::CURRENT).await.map_err(failed("script"))?;
    let text = text.ok_or_else(|| Error::unavailable("script: current.json is not deployed: cargo xtask build".to_owned()))?;
    serde_json::from_slice(&text).map_err(|error| Error::unavailable(format!("script: current.json: {error}")))
}
