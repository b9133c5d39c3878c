//! Which door a request knocks at.

use serde::de::IgnoredAny;
use wire::{Cards, Model};

use crate::error::{Error, Result};
use crate::recommend::Rung;
use crate::script::Script;

/// A door of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `POST /pageview`.
    Collect,
    /// `OPTIONS` of a door that pages use.
    Preflight {
        /// The methods of that door.
        allow: &'static str,
    },
    /// `GET /recommendations` and `GET /top-pages`.
    Recommend {
        /// Where the ladder begins.
        from: Rung,
    },
    /// `GET /pulso.js`, `GET /recommendations.js` and `GET /v/<version>/<name>`.
    Script(Script<'a>),
    /// `GET /pulso.json`.
    CurrentScript,
    /// `GET /health`.
    Health,
    /// `GET /metrics`.
    Metrics,
    /// `GET /admin/bad`.
    BadBodies,
    /// `PUT /admin/portals/{portal}/{model|cards}`.
    Publish {
        /// The portal of the path.
        portal: &'a str,
        /// What is published.
        file: File,
    },
}

/// What the backend publishes for a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// [`wire::Model`].
    Model,
    /// [`wire::Cards`].
    Cards,
}

impl File {
    /// Its key in KV.
    #[must_use]
    pub fn key(self, portal: &str) -> String {
        match self {
            Self::Model => format!("model/{portal}"),
            Self::Cards => format!("cards/{portal}"),
        }
    }

    /// Largest body: a model has two lists of 200 items of at most 512 bytes; cards are 2,000 of about 2 KB,
    /// for the longest are not all at once. KV would hold 25 MB, but an isolate has 128 for everything.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Model => 262_144,
            Self::Cards => 4_194_304,
        }
    }

    /// Holds a body against the message that it has to be.
    ///
    /// # Errors
    /// [`Error::Message`] or, when it is JSON of another shape, [`Error::WrongShape`].
    pub fn check(self, body: &[u8]) -> Result<()> {
        let (file, checked) = match self {
            Self::Model => ("model", Model::parse(body).map(drop)),
            Self::Cards => ("cards file", Cards::parse(body).map(drop)),
        };
        checked.map_err(|error| match error {
            // The parser of a whole message does not tell a missing field from a missing brace.
            wire::Error::MalformedJson { what, .. } if serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
                Error::WrongShape { file, what }
            }
            error => error.into(),
        })
    }
}

const POST: &str = "POST, OPTIONS";
const GET: &str = "GET, OPTIONS";

/// The door of a method and a path.
///
/// # Errors
/// [`Error::UnknownPath`] or [`Error::MethodNotAllowed`].
pub fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>> {
    let (route, own_method, allow) = match path {
        "/pageview" => (Route::Collect, "POST", POST),
        "/recommendations" => (Route::Recommend { from: Rung::Trending }, "GET", GET),
        "/top-pages" => (Route::Recommend { from: Rung::TopPages }, "GET", GET),
        "/health" => (Route::Health, "GET", "GET"),
        "/metrics" => (Route::Metrics, "GET", "GET"),
        "/admin/bad" => (Route::BadBodies, "GET", "GET"),
        "/pulso.json" => (Route::CurrentScript, "GET", "GET"),
        _ => match Script::of_path(path) {
            Some(script) => (Route::Script(script), "GET", "GET"),
            None => (publish(path)?, "PUT", "PUT"),
        },
    };
    match method {
        _ if method == own_method => Ok(route),
        "OPTIONS" if allow.contains("OPTIONS") => Ok(Route::Preflight { allow }),
        _ => Err(Error::MethodNotAllowed { method: method.chars().take(16).collect(), allow }),
    }
}

fn publish(path: &str) -> Result<Route<'_>> {
    let rest = path.strip_prefix("/admin/portals/").ok_or(Error::UnknownPath)?;
    match rest.split_once('/') {
        Some((portal, "model")) => Ok(Route::Publish { portal, file: File::Model }),
        Some((portal, "cards")) => Ok(Route::Publish { portal, file: File::Cards }),
        _ => Err(Error::UnknownPath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_opens_for_its_own_method() {
        for (method, path, expected) in [
            ("POST", "/pageview", Route::Collect),
            ("OPTIONS", "/pageview", Route::Preflight { allow: "POST, OPTIONS" }),
            ("GET", "/recommendations", Route::Recommend { from: Rung::Trending }),
            ("GET", "/top-pages", Route::Recommend { from: Rung::TopPages }),
            ("GET", "/health", Route::Health),
            ("GET", "/pulso.json", Route::CurrentScript),
            ("GET", "/pulso.js", Route::Script(Script { version: None, name: "pulso.js" })),
            ("GET", "/recommendations.js", Route::Script(Script { version: None, name: "recommendations.js" })),
            ("GET", "/v/0a1b2c3d/pulso.js", Route::Script(Script { version: Some("0a1b2c3d"), name: "pulso.js" })),
            ("GET", "/admin/bad", Route::BadBodies),
            ("PUT", "/admin/portals/g1/model", Route::Publish { portal: "g1", file: File::Model }),
            ("PUT", "/admin/portals/g1/cards", Route::Publish { portal: "g1", file: File::Cards }),
        ] {
            assert_eq!(route(method, path).unwrap(), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_published_file_is_checked_before_it_is_kept() {
        assert!(File::Model.check(include_bytes!("../../wire/tests/golden/model.json")).is_ok());
        assert!(File::Cards.check(include_bytes!("../../wire/tests/golden/cards.json")).is_ok());
        for (body, status, code) in [
            ("{", 400, "malformed_json"),
            (r#"{"v":1}"#, 422, "bad_field"),
            (r#"{"v":2,"model_version":"a","generated_at_ms":1,"trending":[],"top_pages":[]}"#, 422, "unsupported_version"),
            (r#"{"v":1,"model_version":"a","generated_at_ms":1,"trending":[],"top_pages":[{"item":"/a","score":-1}]}"#, 422, "bad_field"),
        ] {
            let error = File::Model.check(body.as_bytes()).unwrap_err();
            assert_eq!((error.status(), error.code()), (status, code), "{body}");
        }
    }

    #[test]
    fn other_paths_are_unknown_and_other_methods_not_allowed() {
        for (method, path, status) in [
            ("GET", "/", 404),
            ("GET", "/pageview/", 404),
            ("GET", "/v/0a1b2c3d/current.json", 404),
            ("GET", "/fallback.js", 404),
            ("POST", "/recommendations.js", 405),
            ("PUT", "/admin/portals/g1/rules", 404),
            ("PUT", "/admin/portals/g1", 404),
            ("PUT", "/admin/portals/g1/model/x", 404),
            ("GET", "/pageview", 405),
            ("get", "/health", 405),
            ("OPTIONS", "/admin/bad", 405),
            ("POST", "/recommendations", 405),
        ] {
            assert_eq!(route(method, path).unwrap_err().status(), status, "{method} {path}");
        }
    }
}
