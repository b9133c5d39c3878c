//! Which door a request knocks at.

use std::rc::Rc;

use serde::de::IgnoredAny;
use wire::{CATALOGUE_BYTES_MAX, Cards, Catalogue, Portal, RULES_BYTES_MAX, Rules};

use crate::error::{Error, Result};
use crate::recommend::{Door, Files, Model, Published};
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
    /// `GET /recommendations`, `/similar`, `/trending`, `/top-pages` and `/latest`.
    Recommend {
        /// Which list.
        door: Door,
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
    /// `GET /admin/portals/{portal}/{model|cards|items|rules}`.
    Published {
        /// The portal of the path.
        portal: &'a str,
        /// What is wanted.
        file: File,
    },
    /// `PUT` of the same.
    Publish {
        /// The portal of the path.
        portal: &'a str,
        /// What is published.
        file: File,
    },
}

/// What is published for a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// A model blob, [`Model`]: by the backend.
    Model,
    /// [`Cards`]: by the backend.
    Cards,
    /// The portal's own [`Catalogue`]: by the portal.
    Items,
    /// [`Rules`]: by its editors.
    Rules,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Model, Self::Cards, Self::Items, Self::Rules];

    /// Its name in paths and keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Cards => "cards",
            Self::Items => "items",
            Self::Rules => "rules",
        }
    }

    /// Its key in KV.
    #[must_use]
    pub fn key(self, portal: &str) -> String {
        format!("{}/{portal}", self.name())
    }

    /// What its bytes are.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Model => "application/octet-stream",
            Self::Cards | Self::Items | Self::Rules => "application/json",
        }
    }

    /// Largest body. KV holds 25 MiB, and an isolate 128 for everything. Cards are 2,000 of about 2 KB, for the longest are not all at once.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Model => 25_165_824,
            Self::Cards => 4_194_304,
            Self::Items => CATALOGUE_BYTES_MAX,
            Self::Rules => RULES_BYTES_MAX,
        }
    }

    /// Holds a body against what it has to be.
    ///
    /// # Errors
    /// [`Error::Message`]; when it is JSON of another shape, [`Error::WrongShape`]; or [`Error::NothingLeft`].
    pub fn check(self, body: &[u8], portal: &Portal) -> Result<()> {
        let (file, checked) = match self {
            Self::Model => return Ok(Model::check(body)?),
            Self::Cards => ("cards file", Cards::parse(body).map(drop)),
            Self::Items => ("catalogue", Catalogue::parse(body).map(drop)),
            Self::Rules => ("rules file", Rules::parse_strictly(body).map(drop)),
        };
        checked.map_err(|error| match error {
            // The parser of a whole message does not tell a missing field from a missing brace.
            wire::Error::MalformedJson { what, .. } if serde_json::from_slice::<IgnoredAny>(body).is_ok() => {
                Error::WrongShape { file, what }
            }
            error => error.into(),
        })?;
        if self == Self::Rules { leaves_something(&Rules::parse(body)?, portal) } else { Ok(()) }
    }
}

/// A list is never empty: rules may not take the last page from it.
fn leaves_something(rules: &Rules, portal: &Portal) -> Result<()> {
    let files = Files::<()> { rules: Rc::new(rules.clone()), ..Files::default() };
    let published = Published::new(files);
    let is_left = portal.built_in.iter().any(|page| !published.is_hidden(page.item.as_str(), 0));
    if is_left { Ok(()) } else { Err(Error::NothingLeft { portal: portal.id.to_string() }) }
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
        "/health" => (Route::Health, "GET", "GET"),
        "/metrics" => (Route::Metrics, "GET", "GET"),
        "/admin/bad" => (Route::BadBodies, "GET", "GET"),
        "/pulso.json" => (Route::CurrentScript, "GET", "GET"),
        _ => match (Door::of_path(path), Script::of_path(path)) {
            (Some(door), _) => (Route::Recommend { door }, "GET", GET),
            (None, Some(script)) => (Route::Script(script), "GET", "GET"),
            (None, None) => published(method, path)?,
        },
    };
    match method {
        _ if method == own_method => Ok(route),
        "OPTIONS" if allow.contains("OPTIONS") => Ok(Route::Preflight { allow }),
        _ => Err(Error::MethodNotAllowed { method: method.chars().take(16).collect(), allow }),
    }
}

fn published<'a>(method: &str, path: &'a str) -> Result<(Route<'a>, &'static str, &'static str)> {
    let rest = path.strip_prefix("/admin/portals/").ok_or(Error::UnknownPath)?;
    let (portal, name) = rest.split_once('/').ok_or(Error::UnknownPath)?;
    let file = File::ALL.into_iter().find(|file| file.name() == name).ok_or(Error::UnknownPath)?;
    Ok(match method {
        "GET" => (Route::Published { portal, file }, "GET", "GET, PUT"),
        _ => (Route::Publish { portal, file }, "PUT", "GET, PUT"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn every_door_opens_for_its_own_method() {
        for (method, path, expected) in [
            ("POST", "/pageview", Route::Collect),
            ("OPTIONS", "/pageview", Route::Preflight { allow: "POST, OPTIONS" }),
            ("GET", "/recommendations", Route::Recommend { door: Door::Recommendations }),
            ("GET", "/top-pages", Route::Recommend { door: Door::TopPages }),
            ("GET", "/health", Route::Health),
            ("GET", "/pulso.json", Route::CurrentScript),
            ("GET", "/pulso.js", Route::Script(Script { version: None, name: "pulso.js" })),
            ("GET", "/recommendations.js", Route::Script(Script { version: None, name: "recommendations.js" })),
            ("GET", "/v/0a1b2c3d/pulso.js", Route::Script(Script { version: Some("0a1b2c3d"), name: "pulso.js" })),
            ("GET", "/admin/bad", Route::BadBodies),
            ("PUT", "/admin/portals/g1/model", Route::Publish { portal: "g1", file: File::Model }),
            ("PUT", "/admin/portals/g1/cards", Route::Publish { portal: "g1", file: File::Cards }),
            ("PUT", "/admin/portals/g1/rules", Route::Publish { portal: "g1", file: File::Rules }),
            ("GET", "/admin/portals/g1/items", Route::Published { portal: "g1", file: File::Items }),
            ("GET", "/similar", Route::Recommend { door: Door::Similar }),
        ] {
            assert_eq!(route(method, path).unwrap(), expected, "{method} {path}");
        }
    }

    fn check(file: File, body: &[u8]) -> Result<()> {
        let config = Config::parse(Environment::default()).unwrap();
        file.check(body, config.portals.get("g1").unwrap())
    }

    #[test]
    fn a_published_file_is_checked_before_it_is_kept() {
        assert!(check(File::Cards, include_bytes!("../../wire/tests/golden/cards.json")).is_ok());
        assert!(check(File::Items, include_bytes!("../../wire/tests/golden/catalogue.json")).is_ok());
        assert!(check(File::Rules, include_bytes!("../../wire/tests/golden/rules.json")).is_ok());
        for (file, body, status, code) in [
            (File::Cards, "{", 400, "malformed_json"),
            (File::Items, r#"{"v":1}"#, 422, "bad_field"),
            (File::Rules, r#"{"v":2}"#, 422, "unsupported_version"),
            (File::Rules, r#"{"v":1,"blocked":[]}"#, 422, "bad_field"),
            (File::Rules, r#"{"v":1,"blocks":[{"prefix":"/g1"}]}"#, 422, "bad_field"),
        ] {
            let error = check(file, body.as_bytes()).unwrap_err();
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
            ("PUT", "/admin/portals/g1/salt", 404),
            ("POST", "/admin/portals/g1/rules", 405),
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
