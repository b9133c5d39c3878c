//! Chance, from `crypto.getRandomValues`.

/// Random bytes. The platform's source does not fail; were it to, zeros would only make keys collide.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        super::log::event("random_failed", &[]);
    }
    bytes
}

/// Random bits for keys.
pub(crate) fn u32() -> u32 {
    u32::from_be_bytes(bytes())
}

/// Random bits for ids.
pub(crate) fn u64() -> u64 {
    u64::from_be_bytes(bytes())
}
