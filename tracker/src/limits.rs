//! How long a reader's id may be kept, and which clocks are believed. The id itself is made of the shell's randomness.

/// A reader's id is kept for 13 months at most; thirteen times 30 days never exceeds that. Milliseconds.
pub const VISITOR_MS_MAX: u64 = 390 * 86_400_000;
/// Earliest Unix time that the wire believes, milliseconds. A reader's clock with a dead battery shows 1970.
pub const AT_MS_MIN: u64 = 1_000_000_000_000;
/// Latest Unix time that the wire believes, milliseconds.
pub const AT_MS_MAX: u64 = 4_000_000_000_000;
/// Longest item that the wire accepts, in bytes.
pub const ITEM_BYTES_MAX: usize = 512;
/// Longest URL that the wire accepts, in bytes.
pub const URL_BYTES_MAX: usize = 2048;
/// Longest title or section that the wire accepts, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_wire() {
        assert_eq!((AT_MS_MIN, AT_MS_MAX), (wire::AT_MS_MIN, wire::AT_MS_MAX));
        assert_eq!(ITEM_BYTES_MAX, wire::ITEM_BYTES_MAX);
    }

    #[test]
    fn a_reader_is_forgotten_within_thirteen_months() {
        // The shortest thirteen months in a row, February of a common year among them.
        const { assert!(VISITOR_MS_MAX <= (365 + 28) * 86_400_000) };
    }
}
