//! Keys, tokens and passwords: words that no person says.

use super::scan::{Found, Place, byte_at, byte_before};

/// Words before `=` whose value is a secret.
const NAMES: [&[u8]; 28] = [
    b"token",
    b"access_token",
    b"id_token",
    b"refresh_token",
    b"auth_token",
    b"auth",
    b"authorization",
    b"apikey",
    b"api_key",
    b"key",
    b"secret",
    b"password",
    b"passwd",
    b"pwd",
    b"senha",
    b"session",
    b"sessionid",
    b"session_id",
    b"jsessionid",
    b"phpsessid",
    b"sid",
    b"jwt",
    b"otp",
    b"code",
    b"codigo",
    b"sig",
    b"signature",
    b"hash",
];
/// Segments of a path whose next segment may be a secret.
const SEGMENTS: [&[u8]; 24] = [
    b"token",
    b"auth",
    b"senha",
    b"password",
    b"reset",
    b"reset-password",
    b"redefinir-senha",
    b"recuperar-senha",
    b"nova-senha",
    b"confirmar",
    b"confirmar-email",
    b"confirmacao",
    b"confirm",
    b"ativar",
    b"activate",
    b"verificar",
    b"verify",
    b"unsubscribe",
    b"descadastrar",
    b"session",
    b"sessao",
    b"jwt",
    b"magic",
    b"access_token",
];
/// Shortest key in a text, and in a path, where ids are long as well.
const TEXT_MIN: usize = 24;
const PATH_MIN: usize = 40;
/// Shortest secret after one of [`SEGMENTS`].
const SEGMENT_MIN: usize = 16;

/// A token whose word begins here.
pub(super) fn find(bytes: &[u8], at: usize, place: Place) -> Option<Found> {
    if is_word(byte_before(bytes, at)) {
        return None;
    }
    let rest = bytes.get(at..)?;
    let length = rest.iter().take_while(|byte| is_word(**byte)).count();
    let word = rest.get(..length)?;
    let found = |start, length| Some(Found { start, end: start + length, mask: "(token)" });
    if let Some(length) = named(rest, word) {
        return found(at + word.len() + 1, length);
    }
    if let Some(length) = web_token(rest, word) {
        return found(at, length);
    }
    if is_access_key(word) || is_key(word, place) {
        return found(at, length);
    }
    let is_secret = place == Place::Path && byte_before(bytes, at) == b'/' && follows_a_name(bytes, at) && is_segments_secret(rest, word);
    if is_secret { found(at, length) } else { None }
}

/// Whether a name says that its value is a secret.
pub(super) fn is_secrets_name(name: &str) -> bool {
    NAMES.iter().any(|known| name.as_bytes().eq_ignore_ascii_case(known))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// `token=…`: how long its value is.
fn named(rest: &[u8], word: &[u8]) -> Option<usize> {
    if byte_at(rest, word.len()) != b'=' || !NAMES.iter().any(|name| word.eq_ignore_ascii_case(name)) {
        return None;
    }
    let value = rest.get(word.len() + 1..)?;
    let length = value.iter().take_while(|byte| !b"&;/?#,\"'<> ".contains(byte)).count();
    // `key==` is nothing, and a mask stays a mask.
    (length > 0 && !value.starts_with(b"(")).then_some(length)
}

/// A JSON web token, or the part of it that was not cut: base64 of `{"`.
fn web_token(rest: &[u8], word: &[u8]) -> Option<usize> {
    let length = rest.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count();
    let is_token = word.starts_with(b"eyJ") && (word.len() >= 17 || length > word.len() + 1 && word.len() >= 10);
    is_token.then_some(length)
}

/// An AWS access key id.
fn is_access_key(word: &[u8]) -> bool {
    let has_prefix = word.starts_with(b"AKIA") || word.starts_with(b"ASIA");
    has_prefix && word.len() == 20 && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether a word looks drawn by lot. In an address hex words and UUIDs are ids; what has all kinds of letters and is long is a key there as well.
fn is_key(word: &[u8], place: Place) -> bool {
    let has = |kind: fn(&u8) -> bool| word.iter().any(kind);
    match place {
        Place::Text => word.len() >= TEXT_MIN && has(u8::is_ascii_digit) && is_drawn(word),
        Place::Path => {
            word.len() >= PATH_MIN
                && has(u8::is_ascii_digit)
                && has(u8::is_ascii_lowercase)
                && has(u8::is_ascii_uppercase)
                && is_drawn(word)
        }
    }
}

/// Words keep to one kind of letter; of what is drawn by lot about every second character is of another kind than the one before.
/// A capital at the beginning of a word, and what a dash parts, are no change.
fn is_drawn(word: &[u8]) -> bool {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    let pairs = || word.iter().zip(word.iter().skip(1)).map(|(one, next)| (kind(*one), kind(*next)));
    let changes = pairs().filter(|(one, next)| one != next && *one != 0 && *next != 0 && (*one, *next) != (2, 3)).count();
    let capitals = pairs().filter(|pair| *pair == (2, 3)).count();
    // Camel case has a change before each capital, too.
    changes.saturating_sub(capitals / 2) * 6 >= word.len()
}

/// `/redefinir-senha/` stands before.
fn follows_a_name(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at.saturating_sub(1)).unwrap_or_default();
    let segment = before.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    SEGMENTS.iter().any(|name| segment.eq_ignore_ascii_case(name))
}

/// A whole segment that is long and looks drawn.
fn is_segments_secret(rest: &[u8], word: &[u8]) -> bool {
    let is_whole = matches!(byte_at(rest, word.len()), 0 | b'/' | b'&' | b';');
    let has_digit = word.iter().any(u8::is_ascii_digit);
    is_whole && word.len() >= SEGMENT_MIN && has_digit && is_drawn(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_drawn_and_words_do_not() {
        for word in ["5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e", "dGhpcyBpcyBhIHNlY3JldCBrZXkh0", "k3j5h6g7f8d9s0a1q2w3e4r5"] {
            assert!(is_key(word.as_bytes(), Place::Text), "{word}");
        }
        for word in [
            "otorrinolaringologista2026",
            "campanha-Black-Friday-2026-11",
            "QuemSomosNosFaleConosco2026Brasil",
            "BBB26-ParticipantesConfirmados",
        ] {
            assert!(!is_key(word.as_bytes(), Place::Text), "{word}");
        }
    }

    #[test]
    fn ids_in_an_address_stay() {
        for word in ["5f0c2b7d9e1a4c3b8f6d2e0a1b9c8d7e", "123e4567-e89b-12d3-a456-426614174000", "dGhpcyBpcyBhIHNlY3JldCBrZXkh0"] {
            assert!(!is_key(word.as_bytes(), Place::Path), "{word}");
        }
    }
}
