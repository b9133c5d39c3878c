//! When a stream was changed, as its own tag remembers: whoever runs `scale` next, from wherever, knows it.

/// The tag.
pub(crate) const TAG: &str = "pulso:scaled";
/// What AWS allows in any 24 hours.
pub(crate) const A_DAY_MAX: usize = 10;
const DAY_S: u64 = 86_400;
/// Two who run at once note the same change within this time: from looking to changing takes seconds.
const SAME_S: u64 = 30;

/// The last changes, oldest first. As text `1795337000=4 1795338000=8`: when (Unix seconds) and to how many shards.
/// Ten of them take 170 of the 256 characters of a tag's value, all of them such as a tag may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes(Vec<(u64, u32)>);

impl Changes {
    /// Of a tag's value; what is no change is skipped, as somebody may have edited it.
    pub(crate) fn parse(text: &str) -> Self {
        let change = |word: &str| {
            let (at_s, shards) = word.split_once('=')?;
            Some((at_s.parse().ok()?, shards.parse().ok()?))
        };
        let mut changes: Vec<_> = text.split(' ').filter_map(change).collect();
        changes.sort_unstable();
        Self(changes)
    }

    /// With one more, unless somebody else has just noted it; without those that no longer count.
    pub(crate) fn with(&self, now_ms: u64, shards: u32) -> Self {
        let now = now_ms / 1_000;
        let mut changes: Vec<_> = self.0.iter().copied().filter(|(at_s, _)| at_s.saturating_add(DAY_S) > now).collect();
        if !changes.last().is_some_and(|(at_s, to)| *to == shards && at_s.saturating_add(SAME_S) > now) {
            changes.push((now, shards));
        }
        changes.drain(..changes.len().saturating_sub(A_DAY_MAX));
        Self(changes)
    }

    /// How many in the 24 hours before now.
    pub(crate) fn within_a_day(&self, now_ms: u64) -> usize {
        self.0.iter().filter(|(at_s, _)| at_s.saturating_add(DAY_S) > now_ms / 1_000).count()
    }

    /// When the last one was, Unix seconds.
    pub(crate) fn last_s(&self) -> Option<u64> {
        self.0.last().map(|(at_s, _)| *at_s)
    }

    /// The tag's value.
    pub(crate) fn to_text(&self) -> String {
        self.0.iter().map(|(at_s, shards)| format!("{at_s}={shards}")).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_what_was_written() {
        let changes = Changes::default().with(1_000_000, 4).with(2_000_000, 8);
        assert_eq!(changes.to_text(), "1000=4 2000=8");
        assert_eq!(Changes::parse(&changes.to_text()), changes);
        assert_eq!(changes.last_s(), Some(2_000));
    }

    #[test]
    fn a_change_counts_for_24_hours() {
        let changes = Changes::parse("1000=4");
        assert_eq!([1_000, 87_399, 87_400].map(|now_s| changes.within_a_day(now_s * 1_000)), [1, 1, 0]);
        assert_eq!(changes.with(87_400_000, 2).to_text(), "87400=2");
    }

    #[test]
    fn a_change_that_two_note_counts_once() {
        let changes = Changes::parse("1000=4");
        for (now_s, shards, text) in [(1_029, 4, "1000=4"), (1_030, 4, "1000=4 1030=4"), (1_001, 8, "1000=4 1001=8")] {
            assert_eq!(changes.with(now_s * 1_000, shards).to_text(), text);
        }
    }

    #[test]
    fn a_tag_stays_short_and_plain() {
        let changes = (0..50).fold(Changes::default(), |changes, n| changes.with(9_999_999_990_000 + n * 60_000, u32::MAX));
        let text = changes.to_text();
        assert!(text.len() <= 256 && changes.0.len() == A_DAY_MAX, "{text}");
        assert!(text.chars().all(|c| c.is_ascii_digit() || matches!(c, '=' | ' ')));
    }

    #[test]
    fn what_somebody_edited_is_skipped() {
        for text in ["", "x", "1=", "=1", "-5=2", "1=2=3", "99999999999999999999=1"] {
            assert_eq!(Changes::parse(text), Changes::default(), "{text}");
        }
        assert_eq!(Changes::parse("x 2000=8  1000=4"), Changes::parse("1000=4 2000=8"));
    }
}
