//! How far a batch is believed, 0 to 100: deductions for what honest browsers do not do. Nothing is dropped for it.

/// What speaks against a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The page says that a program drives the browser (`navigator.webdriver`).
    Driven,
    /// The user agent names a program, or the platform takes the sender for one.
    Program,
    /// There is no user agent.
    NoAgent,
    /// There is no `Sec-Fetch-Site`, which pages cannot set and every browser since 2023 sends.
    NoFetchSite,
    /// `Sec-Fetch-…` of something that no script of a page sends.
    NotOfAScript,
    /// The page's address is on no host of its portal.
    PageElsewhere,
    /// The clocks differ by more than a day.
    ClockOff,
    /// The sender asks for more than a tenth of its limit in one isolate.
    Hurried,
    /// More engaged time than time since the pageview began.
    EngagedTooLong,
    /// A figure that cannot fall has fallen.
    FigureFell,
    /// Events before their pageview, after their batch left, or days apart.
    TimesOff,
}

impl Sign {
    /// All of them.
    const ALL: [Self; 11] = [
        Self::Driven,
        Self::Program,
        Self::NoAgent,
        Self::NoFetchSite,
        Self::NotOfAScript,
        Self::PageElsewhere,
        Self::ClockOff,
        Self::Hurried,
        Self::EngagedTooLong,
        Self::FigureFell,
        Self::TimesOff,
    ];

    #[expect(clippy::as_conversions, reason = "its place among eleven")]
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// What it costs. Up to 50 nothing counts for what everybody sees, from 90 on everything (`backend/src/influence/mod.rs`).
    const fn points(self) -> u8 {
        match self {
            // A program in a real browser, and one that says so: either alone is enough.
            Self::Driven | Self::Program => 70,
            // No script can make a browser send these; a program that makes them up made up the rest as well.
            Self::NotOfAScript => 40,
            // Every browser sends a user agent; caches and copies of a page speak for the portal; only a program that makes readings up
            // has read for longer than the page was there, for the tracker measures both with one clock.
            Self::NoAgent | Self::PageElsewhere | Self::EngagedTooLong => 30,
            // Honest readers have these, seldom: a clock that is wrong by a day or is set while the page is open, a batch that is sent
            // again much later, two tabs that a browser has cloned.
            Self::ClockOff | Self::FigureFell | Self::TimesOff => 20,
            // Old Safari (before 16.4) sends no `Sec-Fetch-Site`; a crowd behind one address is as fast as a flood.
            Self::NoFetchSite | Self::Hurried => 10,
        }
    }
}

/// The signs of one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signs(u16);

impl Signs {
    /// With this sign too, if it applies.
    #[must_use]
    pub const fn and(self, sign: Sign, applies: bool) -> Self {
        if applies { Self(self.0 | sign.bit()) } else { self }
    }

    /// With all of the others.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a sign is there.
    #[must_use]
    pub const fn has(self, sign: Sign) -> bool {
        self.0 & sign.bit() != 0
    }

    /// 100 minus the deductions, at least 0.
    #[must_use]
    pub fn weigh(self) -> u8 {
        Sign::ALL.iter().filter(|sign| self.has(**sign)).fold(100_u8, |trust, sign| trust.saturating_sub(sign.points()))
    }
}

/// A clock that is wrong by more than a day, or a batch sent again much later.
const CLOCK_OFF_MS: u64 = 86_400_000;

/// Whether the clocks differ too much.
#[must_use]
pub const fn is_clock_off(skew_ms: i64) -> bool {
    skew_ms.unsigned_abs() > CLOCK_OFF_MS
}

/// Whether `Sec-Fetch-Site`, `-Mode` and `-Dest` are such as the beacon of a page has, as far as they are there:
/// not typed by a person (`none`), no navigation, and no picture or frame.
#[must_use]
pub fn is_of_a_script(site: Option<&str>, mode: Option<&str>, dest: Option<&str>) -> bool {
    let is_one_of = |value: Option<&str>, known: &[&str]| value.is_none_or(|value| known.contains(&value));
    is_one_of(site, &["same-origin", "same-site", "cross-site"])
        && is_one_of(mode, &["cors", "no-cors", "same-origin"])
        && is_one_of(dest, &["empty"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_has_its_weight_and_trust_never_falls_below_zero() {
        let of = |signs: &[Sign]| signs.iter().fold(Signs::default(), |all, sign| all.and(*sign, true)).weigh();
        for (signs, expected) in [
            (&[][..], 100),
            (&[Sign::NoFetchSite], 90),
            (&[Sign::Hurried], 90),
            (&[Sign::Driven], 30),
            (&[Sign::Program], 30),
            (&[Sign::NoAgent], 70),
            (&[Sign::PageElsewhere], 70),
            (&[Sign::ClockOff], 80),
            (&[Sign::NotOfAScript], 60),
            (&[Sign::EngagedTooLong], 70),
            (&[Sign::FigureFell], 80),
            (&[Sign::TimesOff], 80),
            (&[Sign::EngagedTooLong, Sign::FigureFell], 50),
            (&[Sign::Driven, Sign::Program], 0),
            (&Sign::ALL, 0),
        ] {
            assert_eq!(of(signs), expected, "{signs:?}");
        }
        assert_eq!(Signs::default().and(Sign::Driven, false).weigh(), 100);
    }

    #[test]
    fn a_day_is_not_yet_too_much() {
        assert!(is_clock_off(-86_400_001) && is_clock_off(86_400_001) && is_clock_off(i64::MIN));
        assert!(!is_clock_off(-86_400_000) && !is_clock_off(86_400_000));
    }

    #[test]
    fn a_beacon_is_no_navigation() {
        for (site, mode, dest, expected) in [
            (Some("cross-site"), Some("no-cors"), Some("empty"), true),
            (Some("same-origin"), Some("cors"), Some("empty"), true),
            (None, None, None, true),
            (Some("none"), Some("navigate"), Some("document"), false),
            (Some("cross-site"), Some("navigate"), Some("empty"), false),
            (Some("cross-site"), Some("no-cors"), Some("image"), false),
            (Some("x"), None, None, false),
        ] {
            assert_eq!(is_of_a_script(site, mode, dest), expected, "{site:?} {mode:?} {dest:?}");
        }
    }
}
