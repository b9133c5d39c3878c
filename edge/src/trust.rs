//! How far a batch is believed, 0 to 100: deductions for what honest browsers do not do. Nothing is dropped for it.

use crate::agent::Agent;

/// What a reader's browser says besides the batch itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// The page says that a program drives the browser (`navigator.webdriver`).
    pub is_driven: bool,
    /// What the user agent says, if there is one.
    pub agent: Option<Agent>,
    /// There is a `Sec-Fetch-Site`, which pages cannot set and every browser since 2023 sends.
    pub has_fetch_site: bool,
    /// The page's address is on a host of its portal.
    pub is_own_page: bool,
    /// Difference of the clocks, milliseconds.
    pub skew_ms: i64,
}

/// `navigator.webdriver`: a program in a real browser.
const DRIVEN: u8 = 70;
/// The user agent names a program.
const BOT_AGENT: u8 = 70;
/// Every browser sends a user agent.
const NO_AGENT: u8 = 30;
/// Old Safari (before 16.4) does not send it either, so this weighs little.
const NO_FETCH_SITE: u8 = 10;
/// A cache or a copy of the page speaks for the portal.
const PAGE_ELSEWHERE: u8 = 30;
/// A clock that is wrong by more than a day, or a batch sent again much later.
const CLOCK_OFF: u8 = 20;
const CLOCK_OFF_MS: u64 = 86_400_000;

/// 100 minus the deductions, at least 0.
#[must_use]
pub fn weigh(signs: &Signs) -> u8 {
    let deductions = [
        (signs.is_driven, DRIVEN),
        (signs.agent.is_some_and(|agent| agent.is_bot), BOT_AGENT),
        (signs.agent.is_none(), NO_AGENT),
        (!signs.has_fetch_site, NO_FETCH_SITE),
        (!signs.is_own_page, PAGE_ELSEWHERE),
        (signs.skew_ms.unsigned_abs() > CLOCK_OFF_MS, CLOCK_OFF),
    ];
    deductions.iter().filter(|(applies, _)| *applies).fold(100_u8, |trust, (_, points)| trust.saturating_sub(*points))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_has_its_weight_and_trust_never_falls_below_zero() {
        let agent = Some(Agent::parse(Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")));
        let good = Signs { is_driven: false, agent, has_fetch_site: true, is_own_page: true, skew_ms: 0 };
        let bot = Some(Agent::parse(Some("curl/8")));
        for (signs, expected) in [
            (good, 100),
            (Signs { has_fetch_site: false, ..good }, 90),
            (Signs { is_driven: true, ..good }, 30),
            (Signs { agent: bot, ..good }, 30),
            (Signs { agent: None, ..good }, 70),
            (Signs { is_own_page: false, ..good }, 70),
            (Signs { skew_ms: -86_400_001, ..good }, 80),
            (Signs { is_driven: true, agent: bot, ..good }, 0),
        ] {
            assert_eq!(weigh(&signs), expected, "{signs:?}");
        }
    }
}
