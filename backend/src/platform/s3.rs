//! The S3 API of one bucket: list, get, put, delete.
//!
//! Signed here with the SDKs' signer and sent with the client that is there already: `aws-sdk-s3` would add 95 s of compilation
//! for these calls, reading the list's XML adds 1.5 s.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use reqwest::{Client, Method, StatusCode, Url};
use tokio::time::sleep;

use crate::args::Secret;
use crate::error::{Error, Result, root_cause};
use crate::platform::admin;
use crate::redrive::listing::Listing;
use crate::tail::clean;

/// A spill object has some 10 MB at most.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of a call, and the pause after the first failure, doubled after each.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// How much of an error answer goes into the message, in characters.
const ANSWER_CHARS_MAX: usize = 200;

/// One bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    http: Client,
    root: Url,
    region: String,
    credentials: Credentials,
}

impl Bucket {
    /// A client; connects when it is used.
    ///
    /// # Errors
    /// [`Error::HttpClient`] or [`Error::BadBucket`].
    pub(crate) fn new(endpoint: &str, region: &str, bucket: &str, access_key_id: &str, secret: &Secret) -> Result<Self> {
        let invalid = || Error::BadBucket { endpoint: endpoint.to_owned(), bucket: bucket.to_owned() };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if bucket.is_empty() || bucket.starts_with('.') || !bucket.bytes().all(is_plain) {
            return Err(invalid());
        }
        let root = Url::parse(&format!("{endpoint}/{bucket}")).map_err(|_| invalid())?;
        let credentials = Credentials::from_keys(access_key_id, secret.expose(), None);
        Ok(Self { http: admin::client(TIMEOUT)?, root, region: region.to_owned(), credentials })
    }

    /// One page of keys with a prefix, behind `start_after`; `token` is that of the page before.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn list(&self, prefix: &str, start_after: &str, token: Option<&str>) -> std::result::Result<Listing, String> {
        let mut url = self.root.clone();
        // In the order of their names, as the signature wants them. No blank may come, which this writes as `+`.
        let mut query = Vec::new();
        query.extend(token.map(|token| format!("continuation-token={}", encoded(token, false))));
        query.push("list-type=2".to_owned());
        query.push(format!("prefix={}", encoded(prefix, false)));
        query.push(format!("start-after={}", encoded(start_after, false)));
        url.set_query(Some(&query.join("&")));
        let (status, body) = self.call(Method::GET, url).await?;
        let text = String::from_utf8_lossy(&body);
        if status.is_success() { Listing::parse(&text) } else { Err(refusal(status, &text)) }
    }

    /// The text of an object; `None` when it is gone.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn get(&self, key: &str) -> std::result::Result<Option<String>, String> {
        let (status, body) = self.call(Method::GET, self.object(key)?).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            _ if status.is_success() => String::from_utf8(body).map(Some).map_err(|_| "it is not UTF-8".to_owned()),
            _ => Err(refusal(status, &String::from_utf8_lossy(&body))),
        }
    }

    /// Writes an object.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn put(&self, key: &str, text: &str) -> std::result::Result<(), String> {
        let (status, body) = self.send(Method::PUT, self.object(key)?, text).await?;
        if status.is_success() { Ok(()) } else { Err(refusal(status, &String::from_utf8_lossy(&body))) }
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn delete(&self, key: &str) -> std::result::Result<(), String> {
        let (status, body) = self.call(Method::DELETE, self.object(key)?).await?;
        if status.is_success() { Ok(()) } else { Err(refusal(status, &String::from_utf8_lossy(&body))) }
    }

    /// A URL resolves `..`, which would name another object.
    fn object(&self, key: &str) -> std::result::Result<Url, String> {
        let path = format!("{}/{}", self.root.path(), encoded(key, true));
        let mut url = self.root.clone();
        url.set_path(&path);
        if url.path() == path { Ok(url) } else { Err("no URL can name the key".to_owned()) }
    }

    async fn call(&self, method: Method, url: Url) -> std::result::Result<(StatusCode, Vec<u8>), String> {
        self.send(method, url, "").await
    }

    async fn send(&self, method: Method, url: Url, text: &str) -> std::result::Result<(StatusCode, Vec<u8>), String> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(&method, &url, text).await {
                Ok((status, _)) if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {}
                Ok(answer) => return Ok(answer),
                Err(_) => {}
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.attempt(&method, &url, text).await
    }

    async fn attempt(&self, method: &Method, url: &Url, text: &str) -> std::result::Result<(StatusCode, Vec<u8>), String> {
        let mut request = self.http.request(method.clone(), url.clone()).body(text.to_owned());
        for (name, value) in self.signature(method, url, text)? {
            request = request.header(name, value);
        }
        let away = |error: reqwest::Error| format!("the bucket is away: {}", root_cause(&error));
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        Ok((status, response.bytes().await.map_err(away)?.to_vec()))
    }

    /// The headers to add; S3 signs its paths as they are, and wants the hash of the body.
    fn signature(&self, method: &Method, url: &Url, text: &str) -> std::result::Result<Vec<(String, String)>, String> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let identity = self.credentials.clone().into();
        let params =
            v4::SigningParams::builder().identity(&identity).region(&self.region).name("s3").time(SystemTime::now()).settings(settings);
        let params = params.build().map_err(|error| error.to_string())?.into();
        // The signer adds `host` from the URL.
        let signable = SignableRequest::new(method.as_str(), url.as_str(), std::iter::empty(), SignableBody::Bytes(text.as_bytes()));
        let signed = sign(signable.map_err(|error| error.to_string())?, &params).map_err(|error| error.to_string())?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Everything but unreserved characters as `%XX`; in a path the slashes stay.
fn encoded(text: &str, is_path: bool) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || (is_path && byte == b'/');
    let byte = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

fn refusal(status: StatusCode, text: &str) -> String {
    // The code stands at the beginning of the XML; on one line, and with nothing that a terminal obeys.
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line: String = line.chars().take(ANSWER_CHARS_MAX).collect();
    format!("the bucket answered {status}: {}", clean(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_exactly_or_not_at_all() {
        let secret = Secret::parse("hush").unwrap();
        let bucket = Bucket::new("http://127.0.0.1:9", "auto", "b", "id", &secret).unwrap();
        let path = |key: &str| bucket.object(key).map(|url| url.path().to_owned());
        assert_eq!(path("dead/2026-11-22/1-a.json").unwrap(), "/b/dead/2026-11-22/1-a.json");
        assert_eq!(path("dead/a b+c?#%é").unwrap(), "/b/dead/a%20b%2Bc%3F%23%25%C3%A9");
        assert!(path("dead/../other").is_err() && path("dead/./x").is_err());
        for name in ["", "..", "a/b", "a?b"] {
            assert!(Bucket::new("http://127.0.0.1:9", "auto", name, "id", &secret).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_signed_is_what_r2_checks() {
        let bucket = Bucket::new("http://127.0.0.1:9", "auto", "b", "id", &Secret::parse("hush").unwrap()).unwrap();
        let headers = bucket.signature(&Method::GET, &bucket.object("dead/x").unwrap(), "").unwrap();
        let value = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!(value("x-amz-content-sha256"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(value("authorization").contains("/auto/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
    }
}
