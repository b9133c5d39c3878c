//! What portals embed: `/pulso.js` and the modules that it loads, under addresses that never change and one that does.

use serde::Deserialize;

/// Where they lie among the worker's assets, and in R2 once their version is no longer deployed.
pub const FOLDER: &str = "scripts/";
/// Names that have an address without a version: what portals embed, and what programs that bring their own tracker load.
const ALIASES: [&str; 2] = ["pulso.js", "recommendations.js"];
/// What is deployed now, among the assets.
pub const CURRENT: &str = "scripts/current.json";
/// The alias is asked for again after five minutes; while that is on its way, the old one does for a day.
const ALIAS_CACHE: &str = "public, max-age=300, stale-while-revalidate=86400";
/// A year, the longest that caches honour.
const VERSION_CACHE: &str = "public, max-age=31536000, immutable";

/// A script by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script<'a> {
    /// 8 hex digits; `None`: whatever is deployed now, under an alias.
    pub version: Option<&'a str>,
    /// Its file name.
    pub name: &'a str,
}

/// `scripts/current.json`, as the build writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Current {
    /// Every file that is deployed, as `<version>/<name>`.
    pub files: Vec<String>,
}

impl Current {
    /// The version that a file is deployed in: modules change less often than `pulso.js`, and have one of their own.
    #[must_use]
    pub fn version_of(&self, name: &str) -> Option<&str> {
        let mut files = self.files.iter().filter_map(|file| file.split_once('/'));
        files.find_map(|(version, deployed)| (deployed == name).then_some(version))
    }
}

impl<'a> Script<'a> {
    /// From `/pulso.js`, `/recommendations.js` or `/v/<version>/<name>`; `None` when it is none of them.
    #[must_use]
    pub fn of_path(path: &'a str) -> Option<Self> {
        if let Some(name) = path.strip_prefix('/').filter(|name| ALIASES.contains(name)) {
            return Some(Self { version: None, name });
        }
        let (version, name) = path.strip_prefix("/v/")?.split_once('/')?;
        let is_version = version.len() == 8 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_name = name.strip_suffix(".js").is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_lowercase()));
        (is_version && is_name).then_some(Self { version: Some(version), name })
    }

    /// What the answer carries besides the script. `version`: the one that is sent.
    #[must_use]
    pub fn headers(self, version: &str, is_brotli: bool) -> Vec<(&'static str, String)> {
        let cache = if self.version.is_some() { VERSION_CACHE } else { ALIAS_CACHE };
        let mut headers = vec![
            // The charset decides: the wasm within is written in characters beyond ASCII.
            ("content-type", "text/javascript; charset=utf-8".to_owned()),
            ("cache-control", cache.to_owned()),
            ("etag", etag(version, self.name)),
            ("vary", "Accept-Encoding".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            // Modules and `integrity` need CORS, and pages with `Cross-Origin-Embedder-Policy` the other.
            ("access-control-allow-origin", "*".to_owned()),
            ("cross-origin-resource-policy", "cross-origin".to_owned()),
        ];
        if is_brotli {
            headers.push(("content-encoding", "br".to_owned()));
        }
        headers
    }
}

/// Weak, because one version has two encodings.
#[must_use]
pub fn etag(version: &str, name: &str) -> String {
    format!("W/\"{version}-{name}\"")
}

/// Whether a browser has it already, by its `If-None-Match`.
#[must_use]
pub fn is_known(if_none_match: Option<&str>, etag: &str) -> bool {
    if_none_match.is_some_and(|known| known.split(',').any(|known| known.trim() == etag))
}

/// Whether an `Accept-Encoding` admits brotli.
#[must_use]
pub fn accepts_brotli(accept_encoding: Option<&str>) -> bool {
    let is_brotli = |part: &str| {
        let mut words = part.split(';').map(str::trim);
        words.next() == Some("br") && !words.any(|word| word.replace(' ', "").trim_end_matches(['0', '.']) == "q=")
    };
    accept_encoding.is_some_and(|codings| codings.split(',').any(is_brotli))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scripts_have_an_address() {
        for (path, expected) in [
            ("/pulso.js", Some((None, "pulso.js"))),
            ("/recommendations.js", Some((None, "recommendations.js"))),
            ("/v/0a1b2c3d/pulso.js", Some((Some("0a1b2c3d"), "pulso.js"))),
            ("/v/0a1b2c3d/recommendations.js", Some((Some("0a1b2c3d"), "recommendations.js"))),
            ("/v/0a1b2c3/pulso.js", None),
            ("/v/0a1b2c3d/", None),
            ("/v/0a1b2c3d/../x.js", None),
            ("/v/0a1b2c3d/current.json", None),
            ("/v/0a1b2c3d/a/b.js", None),
            ("/pulso.js/", None),
            ("//pulso.js", None),
            ("/fallback.js", None),
            ("/current.json", None),
        ] {
            assert_eq!(Script::of_path(path).map(|script| (script.version, script.name)), expected, "{path}");
        }
    }

    #[test]
    fn an_alias_leads_to_the_version_that_its_file_is_deployed_in() {
        let current = r#"{"version":"830e2bce","files":["830e2bce/pulso.js","f7dc4328/fallback.js","f7dc4328/recommendations.js"]}"#;
        let current: Current = serde_json::from_str(current).unwrap();
        assert_eq!(current.version_of("pulso.js"), Some("830e2bce"));
        assert_eq!(current.version_of("recommendations.js"), Some("f7dc4328"));
        assert_eq!(current.version_of("ecommendations.js"), None);
        assert_eq!(current.version_of("pulso"), None);
    }

    #[test]
    fn a_version_never_changes_and_an_alias_soon_does() {
        let cache = |path| {
            let headers = Script::of_path(path).unwrap().headers("0a1b2c3d", true);
            headers.into_iter().find(|(name, _)| *name == "cache-control").unwrap().1
        };
        assert!(cache("/v/0a1b2c3d/pulso.js").contains("immutable"));
        for alias in ["/pulso.js", "/recommendations.js"] {
            assert!(cache(alias).contains("max-age=300,") && !cache(alias).contains("immutable"), "{alias}");
        }
    }

    #[test]
    fn pages_of_other_hosts_may_load_it_as_a_module() {
        for path in ["/recommendations.js", "/v/0a1b2c3d/recommendations.js"] {
            let headers = Script::of_path(path).unwrap().headers("0a1b2c3d", false);
            assert!(headers.contains(&("access-control-allow-origin", "*".to_owned())), "{path}");
            assert!(headers.contains(&("etag", "W/\"0a1b2c3d-recommendations.js\"".to_owned())), "{path}");
        }
    }

    #[test]
    fn brotli_goes_to_those_who_take_it() {
        for (accept, expected) in [
            (Some("gzip, deflate, br, zstd"), true),
            (Some("br;q=0.5"), true),
            (Some("gzip,br"), true),
            (Some("br;q=0"), false),
            (Some("br; q=0.0"), false),
            (Some("gzip"), false),
            (Some("brotli"), false),
            (None, false),
        ] {
            assert_eq!(accepts_brotli(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let etag = etag("0a1b2c3d", "pulso.js");
        assert!(is_known(Some(&etag), &etag));
        assert!(is_known(Some(&format!("\"x\", {etag}")), &etag));
        assert!(!is_known(Some("W/\"0a1b2c3e-pulso.js\""), &etag) && !is_known(None, &etag));
    }
}
