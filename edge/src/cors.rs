//! Which pages may read an answer: those of any portal's origins, never with credentials.

use crate::answer::Answer;
use crate::config::Config;
use crate::error::Error;

/// Browsers keep a preflight at most this long (Chromium's own limit is two hours).
const PREFLIGHT_AGE_S: &str = "7200";

/// CORS headers for a request with this `Origin`.
///
/// A refusal must be readable too, else the integrator sees only "network error"; so an origin of any portal will do.
#[must_use]
pub fn headers(config: &Config, origin: Option<&str>) -> Vec<(&'static str, String)> {
    let mut headers = vec![("vary", "Origin".to_owned())];
    if let Some(origin) = origin.filter(|origin| is_allowed(config, origin)) {
        headers.push(("access-control-allow-origin", origin.to_owned()));
        // Pages on other origins may read the header that says when to come back.
        headers.push(("access-control-expose-headers", "Retry-After".to_owned()));
    }
    headers
}

/// The answer to a preflight.
#[must_use]
pub fn preflight(config: &Config, origin: Option<&str>, allow: &str) -> Answer {
    let refusal = match origin {
        None | Some("null") => Some(Error::MissingOrigin),
        Some(origin) if !is_allowed(config, origin) => Some(Error::OriginNotAllowed { origin: shown(origin), portal: "*".to_owned() }),
        Some(_) => None,
    };
    let answer = match refusal {
        Some(error) => Answer::refusal(&error),
        None => Answer::empty(204)
            .with("access-control-allow-methods", allow)
            .with("access-control-allow-headers", "Content-Type")
            .with("access-control-max-age", PREFLIGHT_AGE_S),
    };
    answer.with_all(headers(config, origin))
}

fn is_allowed(config: &Config, origin: &str) -> bool {
    config.portals.iter().any(|portal| portal.allows_origin(origin, config.is_dev))
}

/// An origin as it may stand in a message: hostile ones are long.
pub(crate) fn shown(origin: &str) -> String {
    origin.chars().filter(|c| !c.is_control()).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config(pulso_env: &str) -> Config {
        Config::parse(Environment { pulso_env: Some(pulso_env.to_owned()), ..Environment::default() }).unwrap()
    }

    fn allowed_origin(headers: &[(&'static str, String)]) -> Option<String> {
        headers.iter().find(|(name, _)| *name == "access-control-allow-origin").map(|(_, value)| value.clone())
    }

    #[test]
    fn only_listed_origins_are_reflected() {
        let config = config("production");
        for (origin, expected) in [
            (Some("https://g1.example"), Some("https://g1.example")),
            (Some("https://m.ge.example"), Some("https://m.ge.example")),
            (Some("http://g1.localhost:9300"), None),
            (Some("https://evil.example"), None),
            (Some("null"), None),
            (None, None),
        ] {
            let headers = headers(&config, origin);
            assert_eq!(allowed_origin(&headers).as_deref(), expected, "{origin:?}");
            assert!(headers.contains(&("vary", "Origin".to_owned())));
            assert!(!headers.iter().any(|(name, _)| name.contains("credentials")));
        }
    }

    #[test]
    fn a_preflight_needs_a_listed_origin() {
        let config = config("dev");
        assert_eq!(preflight(&config, Some("http://g1.localhost:9300"), "POST, OPTIONS").status, 204);
        assert_eq!(preflight(&config, Some("https://evil.example"), "POST, OPTIONS").status, 403);
        assert_eq!(preflight(&config, None, "POST, OPTIONS").status, 403);
    }
}
