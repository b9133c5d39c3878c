//! Requests in, answers out.

use futures_util::StreamExt;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::{EncodeBody, Headers, Request, Response};

use super::clock;
use crate::answer::Answer;
use crate::error::{Error, Result};

/// A body that has not arrived by then does not hold its request open any longer: 64 KiB take 10 s at 52 kbit/s, slower than 2G.
const BODY_DEADLINE_MS: u64 = 10_000;

/// The first things that are asked of a request.
#[derive(Debug)]
pub(crate) struct Head {
    /// Method, in capitals.
    pub(crate) method: String,
    /// Path, with its leading `/`.
    pub(crate) path: String,
    /// Query, without `?`.
    pub(crate) query: String,
    /// The `Origin` header.
    pub(crate) origin: Option<String>,
}

pub(crate) fn head(request: &Request) -> Head {
    let url = request.inner().url();
    let query = url.split('#').next().unwrap_or_default().split_once('?').map_or("", |(_, query)| query);
    Head {
        // `Request::method` takes an unknown method for GET.
        method: request.inner().method(),
        path: request.path(),
        query: query.to_owned(),
        origin: header(request, "origin"),
    }
}

/// One header; `None` when it is absent or no text.
pub(crate) fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

/// What the client can decompress. Cloudflare rewrites `Accept-Encoding` on the way, and keeps what the client said elsewhere.
pub(crate) fn accepted_encodings(request: &Request) -> Option<String> {
    let property = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined());
    let said = property(request.inner().as_ref(), "cf").and_then(|cf| property(&cf, "clientAcceptEncoding")?.as_string());
    said.or_else(|| header(request, "accept-encoding"))
}

#[wasm_bindgen(raw_module = "./facts.js")]
extern "C" {
    #[wasm_bindgen(js_name = facts)]
    fn lines(request: &worker::web_sys::Request, is_dev: bool) -> String;
}

/// What the request says of itself and of the reader's side: the lines of [`crate::facts::Facts`].
pub(crate) fn facts(request: &Request, is_dev: bool) -> String {
    lines(request.inner(), is_dev)
}

/// The body, unless it says or turns out to be longer than `bytes_max`; then `too_large`.
pub(crate) async fn body(request: &mut Request, bytes_max: usize, too_large: Error) -> Result<Vec<u8>> {
    let announced = header(request, "content-length").and_then(|length| length.parse::<u64>().ok());
    // As 64 bits: here 4 GiB are more than a `usize` holds.
    if announced.is_some_and(|length| u64::try_from(bytes_max).is_ok_and(|bytes_max| length > bytes_max)) {
        return Err(too_large);
    }
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    clock::within(BODY_DEADLINE_MS, streamed(request, bytes_max, too_large)).await.unwrap_or(Err(Error::BodyTimeout))
}

/// `Content-Length` may be absent: the cap holds while the bytes come.
async fn streamed(request: &mut Request, bytes_max: usize, too_large: Error) -> Result<Vec<u8>> {
    let mut stream = request.stream().map_err(|_| Error::BodyUnreadable)?;
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Error::BodyUnreadable)?;
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The platform's answer.
pub(crate) fn respond(answer: Answer) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &answer.headers {
        headers.set(name, value)?;
    }
    let is_encoded = answer.headers.iter().any(|(name, _)| *name == "content-encoding");
    let builder = Response::builder().with_status(answer.status).with_headers(headers);
    Ok(match answer.body {
        // Else the platform would compress once more what is compressed already.
        Some(body) if is_encoded => builder.with_encode_body(EncodeBody::Manual).fixed(body),
        Some(body) => builder.fixed(body),
        None => builder.empty(),
    })
}
