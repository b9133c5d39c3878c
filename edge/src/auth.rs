//! Who may publish: the holder of the admin secret.

use sha2::{Digest, Sha256};

use crate::config::Secret;
use crate::error::{Error, Result};

/// Lets in who sends `Authorization: Bearer <secret>`. Without a secret in the environment nobody gets in.
///
/// # Errors
/// [`Error::Unauthorized`].
pub fn admit(authorization: Option<&str>, secret: Option<&Secret>) -> Result<()> {
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorized)?;
    let secret = secret.ok_or(Error::Unauthorized)?;
    let is_admitted = scheme.eq_ignore_ascii_case("bearer") && is_same(token.trim(), secret.expose());
    if is_admitted { Ok(()) } else { Err(Error::Unauthorized) }
}

/// Compares digests, bit by bit to the end: the time tells neither where two secrets differ nor how long they are.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    one.iter().zip(&other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_secret_is_admitted() {
        let secret = Secret::parse(Some("correct horse".to_owned()));
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
            assert_eq!(admit(authorization, secret.as_ref()).is_ok(), is_admitted, "{authorization:?}");
        }
    }

    #[test]
    fn without_a_secret_nobody_is_admitted() {
        assert_eq!(admit(Some("Bearer "), None), Err(Error::Unauthorized));
        assert_eq!(admit(Some("Bearer x"), Secret::parse(Some(String::new())).as_ref()), Err(Error::Unauthorized));
    }
}
