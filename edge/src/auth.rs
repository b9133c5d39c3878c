//! Who may publish: the holder of the admin secret, or of the next one while it is being changed.

use sha2::{Digest, Sha256};

use crate::config::{Config, Secret};
use crate::error::{Error, Result};

/// Lets in who sends `Authorization: Bearer <secret>` with either of the two. Without a secret in the environment nobody gets in.
///
/// # Errors
/// [`Error::Unauthorized`].
pub fn admit(authorization: Option<&str>, config: &Config) -> Result<()> {
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorized)?;
    // Both are always compared: the time does not tell which of them it was.
    let is_known = is_same(token.trim(), config.admin_secret.as_ref()) | is_same(token.trim(), config.admin_secret_next.as_ref());
    if is_known && scheme.eq_ignore_ascii_case("bearer") { Ok(()) } else { Err(Error::Unauthorized) }
}

/// Compares digests, bit by bit to the end: the time tells neither where two secrets differ nor how long they are.
fn is_same(token: &str, secret: Option<&Secret>) -> bool {
    let (one, other) = (Sha256::digest(token), Sha256::digest(secret.map_or("", Secret::expose)));
    let is_equal = one.iter().zip(&other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0;
    is_equal & secret.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn config(secret: Option<&str>, next: Option<&str>) -> Config {
        let (admin_secret, admin_secret_next) = (secret.map(str::to_owned), next.map(str::to_owned));
        Config::parse(Environment { admin_secret, admin_secret_next, ..Environment::default() }).unwrap()
    }

    #[test]
    fn only_the_exact_secret_is_admitted() {
        let config = config(Some("correct horse"), None);
        for (authorization, is_admitted) in [
            (Some("Bearer correct horse"), true),
            (Some("bearer correct horse"), true),
            (Some("Bearer correct hors"), false),
            (Some("Bearer correct horse2"), false),
            (Some("Bearer "), false),
            (Some("Basic correct horse"), false),
            (Some("correct"), false),
            (None, false),
        ] {
            assert_eq!(admit(authorization, &config).is_ok(), is_admitted, "{authorization:?}");
        }
    }

    #[test]
    fn while_it_is_changed_both_are_admitted_and_nothing_between() {
        for (secret, next, old, new) in [
            (Some("old"), None, true, false),
            (Some("old"), Some("new"), true, true),
            (Some("new"), Some("new"), false, true),
            (Some("new"), None, false, true),
            (None, Some("new"), false, true),
        ] {
            let config = config(secret, next);
            assert_eq!((admit(Some("Bearer old"), &config).is_ok(), admit(Some("Bearer new"), &config).is_ok()), (old, new));
            for wrong in ["Bearer oldnew", "Bearer ", "Bearer  ", "Bearer ol", "Bearer neww", "new", "Bearer"] {
                assert_eq!(admit(Some(wrong), &config), Err(Error::Unauthorized), "{wrong}");
            }
        }
    }

    #[test]
    fn without_a_secret_nobody_is_admitted() {
        for config in [config(None, None), config(Some(""), None), config(Some(""), Some(""))] {
            for authorization in ["Bearer ", "Bearer  ", "Bearer x", ""] {
                assert_eq!(admit(Some(authorization), &config), Err(Error::Unauthorized));
            }
        }
    }
}
