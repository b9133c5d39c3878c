//! Signature Version 4, at a time that is given.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sigv4};
use aws_sigv4::sign::v4;

use crate::config::Credentials;
use crate::error::{Error, Result};

/// The end of the year 9999, Unix milliseconds: dates of five digits cannot be written, and the signer panics on them.
const AT_MS_MAX: u64 = 253_402_300_799_999;

/// A request before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Absolute URL.
    pub url: &'a str,
    /// Every header that is sent, `host` too; all are signed.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Payload<'a>,
}

/// What a signature says of a body: its SHA-256.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// It is made here.
    Bytes(&'a [u8]),
    /// Somebody made it already: 64 hex digits.
    Sha256(&'a str),
}

/// Whose service it goes to.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// AWS region.
    pub region: &'a str,
    /// Service code, e.g. `kinesis`.
    pub service: &'a str,
}

/// The headers that have to be added: `x-amz-date` and `authorization`. They hold for five minutes, so sign again at each attempt.
///
/// # Errors
/// [`Error::Unavailable`] when the request cannot be signed, which is a wrong endpoint in the configuration.
pub fn sign(request: Unsigned<'_>, scope: Scope<'_>, credentials: &Credentials, now_ms: u64) -> Result<Vec<(String, String)>> {
    let unsignable = |what: &str| Error::unavailable(format!("sign: {what}"));
    if !is_address(request.url) {
        return Err(unsignable("address"));
    }
    if now_ms > AT_MS_MAX {
        return Err(unsignable("time"));
    }
    let identity =
        aws_credential_types::Credentials::from_keys(credentials.access_key_id.expose(), credentials.secret_access_key.expose(), None)
            .into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        // Arithmetic only: wasm has no system clock.
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| unsignable("parameters"))?
        .into();
    let body = match request.body {
        Payload::Bytes(bytes) => SignableBody::Bytes(bytes),
        Payload::Sha256(digits) => SignableBody::Precomputed(digits.to_owned()),
    };
    let signable =
        SignableRequest::new(request.method, request.url, request.headers.iter().copied(), body).map_err(|_| unsignable("request"))?;
    let (instructions, _) = sigv4(signable, &params).map_err(|_| unsignable("signature"))?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// An absolute address that the signer can take apart: it panics on others.
fn is_address(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
        && rest.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::config::Secret;
    use crate::salt::to_hex as hex;

    /// 2015-08-30T12:36:00Z, the time of all published cases.
    const AT_MS: u64 = 1_440_938_160_000;
    const CASES: &[&str] = &[
        include_str!("../../tests/vectors/get-vanilla.txt"),
        include_str!("../../tests/vectors/post-vanilla.txt"),
        include_str!("../../tests/vectors/post-header-key-case.txt"),
        include_str!("../../tests/vectors/post-header-key-sort.txt"),
        include_str!("../../tests/vectors/post-header-value-case.txt"),
        include_str!("../../tests/vectors/post-x-www-form-urlencoded.txt"),
        include_str!("../../tests/vectors/post-x-www-form-urlencoded-parameters.txt"),
    ];

    #[test]
    fn what_is_no_address_is_an_error() {
        for url in [
            "",
            "kinesis",
            "https://",
            "https:///",
            "ftp://a/",
            "https://a b/",
            "https://?q",
            "https://a/\n",
            "https://a@b/",
            "https://a/é",
        ] {
            let secret = Secret::parse(Some("hush".to_owned())).unwrap();
            let credentials = Credentials { access_key_id: secret.clone(), secret_access_key: secret };
            let request = Unsigned { method: "POST", url, headers: &[], body: Payload::Bytes(b"") };
            assert!(sign(request, Scope { region: "r", service: "s" }, &credentials, AT_MS).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_clock_that_is_thousands_of_years_off_is_an_error() {
        let secret = Secret::parse(Some("hush".to_owned())).unwrap();
        let credentials = Credentials { access_key_id: secret.clone(), secret_access_key: secret };
        let request = Unsigned { method: "POST", url: "https://a/", headers: &[], body: Payload::Bytes(b"") };
        let at = |now_ms| sign(request, Scope { region: "r", service: "s" }, &credentials, now_ms).is_ok();
        assert!(at(0) && at(AT_MS_MAX) && !at(AT_MS_MAX + 1) && !at(u64::MAX));
    }

    #[test]
    fn published_cases_have_their_published_signatures() {
        let secret = |text: &str| Secret::parse(Some(text.to_owned())).unwrap();
        let credentials =
            Credentials { access_key_id: secret("AKIDEXAMPLE"), secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") };
        for case in CASES {
            let (head, body) = case.split_once("\n\n").unwrap();
            let mut lines = head.lines();
            let method = lines.next().unwrap().split(' ').next().unwrap();
            let headers: Vec<_> = lines.map(|line| line.split_once(':').unwrap()).collect();
            let expected = headers.iter().find(|(name, _)| *name == "Authorization").unwrap().1;
            let sent: Vec<_> = headers.iter().copied().filter(|(name, _)| !matches!(*name, "Authorization" | "X-Amz-Date")).collect();
            let body = body.trim_start_matches('\n').as_bytes();
            let digits = hex(&Sha256::digest(body));
            for body in [Payload::Bytes(body), Payload::Sha256(&digits)] {
                let request = Unsigned { method, url: "https://example.amazonaws.com/", headers: &sent, body };
                let added = sign(request, Scope { region: "us-east-1", service: "service" }, &credentials, AT_MS).unwrap();
                assert!(added.contains(&("x-amz-date".to_owned(), "20150830T123600Z".to_owned())));
                assert!(added.contains(&("authorization".to_owned(), expected.to_owned())), "{case}\n{added:?}");
            }
        }
    }
}
