//! Reading one JSON object field by field, so that an error can name the field.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// A field as it stands in the text, if it is there and not `null`.
pub(crate) type Field<'a> = Option<&'a RawValue>;

/// A field that has to be there.
pub(crate) fn required<'a, T: Deserialize<'a>>(raw: Field<'a>, field: &'static str, rule: &'static str) -> Result<T, Error> {
    optional(raw, field, rule)?.ok_or(Error::MissingField { field })
}

/// A field that may be absent or `null`.
pub(crate) fn optional<'a, T: Deserialize<'a>>(raw: Field<'a>, field: &'static str, rule: &'static str) -> Result<Option<T>, Error> {
    match raw {
        None => Ok(None),
        Some(raw) => serde_json::from_str(raw.get()).map(Some).map_err(|_| Error::BadField { field, rule }),
    }
}

/// An absolute `http` or `https` URL of at most [`URL_BYTES_MAX`] bytes, without control characters.
pub(crate) fn url(raw: Field<'_>, field: &'static str) -> Result<Option<String>, Error> {
    const RULE: &str = "an absolute http or https URL of at most 2048 bytes";
    match optional::<String>(raw, field, RULE)? {
        Some(url) if !is_short_web_url(&url) => Err(Error::BadField { field, rule: RULE }),
        url => Ok(url),
    }
}

/// Whether a text is such a URL.
pub(crate) fn is_short_web_url(url: &str) -> bool {
    url.len() <= URL_BYTES_MAX && is_web_url(url)
}

/// Longest URL. Browsers and proxies in the field agree on about 2 KB.
pub(crate) const URL_BYTES_MAX: usize = 2048;

/// `javascript:`, `data:` and relative addresses are none.
pub(crate) fn is_web_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) && !has_controls(url)
}

/// Nearly every address is ASCII, where a byte tells.
fn has_controls(text: &str) -> bool {
    !text.bytes().all(|byte| byte.is_ascii_graphic()) && text.chars().any(char::is_control)
}
