//! An HTTP answer as a value; the shell turns it into the platform's.

use serde::Serialize;
use wire::{ErrorBody, ErrorDetail};

use crate::error::Error;

/// Seconds a client waits after a 503: long enough for a reshard, short enough for a page that is still open.
const RETRY_AFTER_S: &str = "5";

/// Status, headers and a body, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers besides those that every answer carries.
    pub headers: Vec<(&'static str, String)>,
    /// Its bytes, or `None` for an empty body. Compressed already when the headers say so.
    pub body: Option<Vec<u8>>,
}

impl Answer {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            // Every answer is of this moment or of this reader.
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, headers, body: Some(body) },
            // Our own types always serialise; were one not to, the client may try again.
            Err(_) => Self { status: 503, headers: vec![("retry-after", RETRY_AFTER_S.to_owned())], body: None },
        }
    }

    /// JSON that was an answer before.
    #[must_use]
    pub fn kept_json(body: Vec<u8>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned()), ("x-content-type-options", "nosniff".to_owned())];
        Self { status: 200, headers, body: Some(body) }
    }

    /// A text for programs that read no JSON.
    #[must_use]
    pub fn text(body: String) -> Self {
        let headers = vec![("content-type", "text/plain; version=0.0.4".to_owned()), ("cache-control", "no-store".to_owned())];
        Self { status: 200, headers, body: Some(body.into_bytes()) }
    }

    /// Bytes whose headers somebody else knows.
    #[must_use]
    pub fn bytes(body: Vec<u8>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Some(body) }
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// The answer to a refused request.
    #[must_use]
    pub fn refusal(error: &Error) -> Self {
        let rejected = match error {
            Error::Message(wire::Error::NoValidEvent { rejected }) => rejected.clone(),
            _ => Vec::new(),
        };
        let detail = ErrorDetail { code: error.code().to_owned(), message: error.to_string(), rejected };
        let answer = Self::json(error.status(), &ErrorBody { error: detail });
        match error {
            Error::MethodNotAllowed { allow, .. } => answer.with("allow", *allow),
            Error::Unauthorized => answer.with("www-authenticate", "Bearer"),
            Error::RateLimited { retry_after_s } => answer.with("retry-after", retry_after_s.to_string()),
            Error::Unavailable { .. } => answer.with("retry-after", RETRY_AFTER_S),
            _ => answer,
        }
    }

    /// The body as text, for tests.
    #[cfg(test)]
    pub(crate) fn body_text(&self) -> &str {
        std::str::from_utf8(self.body.as_deref().unwrap_or_default()).unwrap_or_default()
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with this `Cache-Control` instead of its own.
    #[must_use]
    pub fn caching(mut self, cache_control: String) -> Self {
        self.headers.retain(|(name, _)| *name != "cache-control");
        self.with("cache-control", cache_control)
    }

    /// The same with more headers.
    #[must_use]
    pub fn with_all(mut self, headers: Vec<(&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_code_and_message() {
        let answer = Answer::refusal(&Error::UnknownPortal { portal: "zz".to_owned() });
        assert_eq!(answer.status, 422);
        assert_eq!(answer.body_text(), r#"{"error":{"code":"unknown_portal","message":"portal zz is not in portals.toml"}}"#);
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        let answer = Answer::refusal(&Error::MethodNotAllowed { method: "GET".to_owned(), allow: "POST, OPTIONS" });
        assert!(answer.headers.contains(&("allow", "POST, OPTIONS".to_owned())));
    }

    #[test]
    fn who_asks_too_much_is_told_when_to_come_back() {
        let answer = Answer::refusal(&Error::RateLimited { retry_after_s: 10 });
        assert_eq!(answer.status, 429);
        assert!(answer.headers.contains(&("retry-after", "10".to_owned())));
        assert!(answer.body_text().starts_with(r#"{"error":{"code":"rate_limited","#));
    }

    #[test]
    fn refused_events_are_listed() {
        let rejected = vec![wire::Rejected { index: 0, code: "bad_seq".into() }];
        let answer = Answer::refusal(&Error::Message(wire::Error::NoValidEvent { rejected }));
        assert!(answer.body_text().contains(r#""rejected":[{"index":0,"code":"bad_seq"}]"#));
    }
}
