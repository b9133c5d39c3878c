//! The real stand-in behind the proxy.

use anyhow::{Context, Result};
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Where calls go on to.
pub(crate) struct Upstream {
    url: String,
    client: Client<HttpConnector, Body>,
}

/// A whole answer of the stand-in.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Upstream {
    /// At this address, without a path.
    pub(crate) fn new(url: String) -> Self {
        Self { url, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The answer to a request, whole. The `Host` header stays the worker's: the signature covers it.
    pub(crate) async fn call(&self, mut parts: Parts, body: Bytes) -> Result<Reply> {
        parts.uri = format!("{}{}", self.url, parts.uri).parse::<Uri>()?;
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::TRANSFER_ENCODING);
        let (parts, body) = self.client.request(Request::from_parts(parts, Body::from(body))).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut headers = parts.headers;
        headers.remove(header::TRANSFER_ENCODING);
        Ok(Reply { status: parts.status, headers, body })
    }
}

impl Reply {
    /// How many records the stand-in says it stored.
    pub(crate) fn stored(&self) -> u64 {
        let answer: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let entries = answer.get("Records").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let stored = entries.iter().filter(|entry| entry.get("SequenceNumber").is_some_and(Value::is_string)).count();
        u64::try_from(stored).unwrap_or(0)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// Puts another access key id into the signature's credential.
pub(crate) fn rename_caller(headers: &mut HeaderMap, key_id: &str) -> Result<()> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(()) };
    let renamed = value.to_str().ok().and_then(|text| {
        let (before, credential) = text.split_once("Credential=")?;
        let (_, scope) = credential.split_once('/')?;
        Some(format!("{before}Credential={key_id}/{scope}"))
    });
    let renamed = HeaderValue::from_str(&renamed.context("the Authorization header has no credential")?)?;
    headers.insert(header::AUTHORIZATION, renamed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_callers_name_changes() {
        let mut headers = HeaderMap::new();
        let old = "AWS4-HMAC-SHA256 Credential=AKIA/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(old));
        rename_caller(&mut headers, "test").unwrap();
        assert_eq!(headers[header::AUTHORIZATION].to_str().unwrap(), old.replace("AKIA", "test"));
    }
}
