//! Engaged time: the page is visible, the window has focus, and the last sign of a reader is fresh.
//!
//! Chartbeat's published rule. It is the length of a union of intervals: each sign of a reader opens one window of
//! [`IDLE_WINDOW_MS`], and whatever lies outside attention is cut away. So it does not matter how often or how
//! late the clock is read, and a machine that slept is credited one window at most.

/// How long a sign of a reader counts, unless configured.
pub const IDLE_WINDOW_MS: u32 = 5_000;

/// Engaged time of one pageview. All times come from the monotonic clock.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    idle_window_ms: u32,
    engaged_ms: u32,
    /// Everything before this is settled; it never falls, so nothing is credited twice.
    credited_until_ms: u32,
    last_activity_ms: u32,
    is_attentive: bool,
}

impl Attention {
    pub(crate) const fn new() -> Self {
        Self { idle_window_ms: 0, engaged_ms: 0, credited_until_ms: 0, last_activity_ms: 0, is_attentive: false }
    }

    /// A new pageview begins. Whoever has just navigated is there: the beginning is a sign of the reader.
    pub(crate) fn restart(&mut self, idle_window_ms: u32, now_ms: u32) {
        self.idle_window_ms = idle_window_ms;
        self.engaged_ms = 0;
        self.open(now_ms);
    }

    /// A sign of the reader, told now or a little later, when everything before it is settled.
    pub(crate) fn activity(&mut self, at_ms: u32) {
        self.last_activity_ms = later(self.last_activity_ms, at_ms);
        self.credited_until_ms = later(self.credited_until_ms, at_ms);
    }

    /// The page was shown and focused, or no longer; everything before is settled. Coming back is a sign of the reader.
    pub(crate) fn attend(&mut self, is_attentive: bool, now_ms: u32) {
        if !self.is_attentive {
            self.open(now_ms);
        }
        self.is_attentive = is_attentive;
    }

    /// Credits what has passed until `now_ms`. To be called before anything else that happened then.
    #[inline(never)]
    pub(crate) fn settle(&mut self, now_ms: u32) {
        let window_ends_ms = self.last_activity_ms.wrapping_add(self.idle_window_ms);
        let until_ms = if is_before(window_ends_ms, now_ms) { window_ends_ms } else { now_ms };
        if self.is_attentive && is_before(self.credited_until_ms, until_ms) {
            self.engaged_ms = self.engaged_ms.wrapping_add(until_ms.wrapping_sub(self.credited_until_ms));
            self.credited_until_ms = until_ms;
        }
    }

    /// In how many milliseconds the reader will count as gone; `None` when that is so already.
    pub(crate) fn idle_in_ms(&self, now_ms: u32) -> Option<u32> {
        let window_ends_ms = self.last_activity_ms.wrapping_add(self.idle_window_ms);
        (self.is_attentive && is_before(now_ms, window_ends_ms)).then(|| window_ends_ms.wrapping_sub(now_ms))
    }

    pub(crate) const fn engaged_ms(&self) -> u32 {
        self.engaged_ms
    }

    /// A window opens, and whatever lies before it is settled.
    const fn open(&mut self, now_ms: u32) {
        self.credited_until_ms = now_ms;
        self.last_activity_ms = now_ms;
    }
}

fn later(one_ms: u32, other_ms: u32) -> u32 {
    if is_before(one_ms, other_ms) { other_ms } else { one_ms }
}

/// By a clock that goes round after 49 days: the shorter way counts.
const fn is_before(one_ms: u32, other_ms: u32) -> bool {
    other_ms.wrapping_sub(one_ms).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Dice;

    impl Attention {
        fn sign(&mut self, at_ms: u32) {
            self.settle(at_ms);
            self.activity(at_ms);
        }

        fn turn(&mut self, is_attentive: bool, now_ms: u32) {
            self.settle(now_ms);
            self.attend(is_attentive, now_ms);
        }
    }

    fn begun() -> Attention {
        let mut attention = Attention::new();
        attention.restart(IDLE_WINDOW_MS, 1_000);
        attention.turn(true, 1_000);
        attention
    }

    #[test]
    fn a_reader_who_does_nothing_counts_for_one_window() {
        let mut attention = begun();
        attention.settle(3_000);
        assert_eq!(attention.engaged_ms(), 2_000);
        attention.settle(60_000);
        assert_eq!(attention.engaged_ms(), 5_000);
    }

    #[test]
    fn hidden_time_does_not_count() {
        let mut attention = begun();
        attention.turn(false, 2_000);
        attention.sign(3_000);
        attention.turn(true, 50_000);
        attention.settle(51_000);
        assert_eq!(attention.engaged_ms(), 2_000);
    }

    #[test]
    fn a_sleep_of_hours_is_credited_one_window_at_most() {
        let mut attention = begun();
        attention.sign(2_000);
        attention.sign(7_200_000);
        attention.settle(7_200_000);
        assert_eq!(attention.engaged_ms(), 6_000);
    }

    #[test]
    fn an_activity_told_late_counts_from_its_own_time() {
        let mut attention = begun();
        attention.settle(9_000);
        assert_eq!(attention.engaged_ms(), 5_000);
        attention.sign(8_000);
        attention.settle(10_000);
        assert_eq!(attention.engaged_ms(), 7_000);
    }

    #[test]
    fn nothing_is_owed_after_the_reader_has_gone_idle() {
        let attention = begun();
        assert_eq!(attention.idle_in_ms(2_000), Some(4_000));
        assert_eq!(attention.idle_in_ms(6_000), None);
    }

    #[test]
    fn a_clock_that_runs_backwards_takes_nothing_away() {
        let mut attention = begun();
        attention.sign(4_000);
        attention.settle(2_000);
        attention.sign(1_500);
        assert_eq!(attention.engaged_ms(), 3_000);
    }

    #[test]
    fn a_tab_of_two_months_outlives_its_clock() {
        let mut attention = Attention::new();
        attention.restart(IDLE_WINDOW_MS, u32::MAX - 1_000);
        attention.turn(true, u32::MAX - 1_000);
        attention.settle(999);
        assert_eq!(attention.engaged_ms(), 2_000);
        attention.turn(false, 1_000);
        // Thirty days later, in the background all the time.
        attention.turn(true, 30 * 86_400_000);
        attention.settle(30 * 86_400_000 + 3_000);
        assert_eq!(attention.engaged_ms(), 5_001);
    }

    #[test]
    fn engaged_time_never_falls_and_never_exceeds_the_wall() {
        let mut dice = Dice::new(7);
        for _ in 0..500 {
            let mut attention = begun();
            let (mut now_ms, mut before_ms) = (1_000, 0);
            for _ in 0..100 {
                now_ms += dice.below(9_000);
                match dice.below(4) {
                    0 => attention.turn(dice.below(2) == 0, now_ms),
                    1 => attention.settle(now_ms),
                    _ => attention.sign(now_ms.saturating_sub(dice.below(3_000))),
                }
                assert!(attention.engaged_ms() >= before_ms);
                assert!(attention.engaged_ms() <= now_ms - 1_000);
                before_ms = attention.engaged_ms();
            }
        }
    }

    #[test]
    fn how_often_the_clock_is_read_makes_no_difference() {
        let mut dice = Dice::new(11);
        for _ in 0..500 {
            let (mut rare, mut often) = (begun(), begun());
            let mut now_ms = 1_000;
            for _ in 0..50 {
                let next_ms = now_ms + dice.below(9_000);
                for _ in 0..dice.below(5) {
                    often.settle(now_ms + dice.below(next_ms - now_ms + 1));
                }
                now_ms = next_ms;
                if dice.below(4) == 0 {
                    let is_attentive = dice.below(2) == 0;
                    rare.turn(is_attentive, now_ms);
                    often.turn(is_attentive, now_ms);
                } else {
                    rare.sign(now_ms);
                    often.sign(now_ms);
                }
            }
            rare.settle(now_ms + 10_000);
            often.settle(now_ms + 10_000);
            assert_eq!(rare.engaged_ms(), often.engaged_ms());
        }
    }

    #[test]
    fn telling_only_the_last_activity_before_each_deadline_makes_no_difference() {
        let mut dice = Dice::new(13);
        for _ in 0..500 {
            let (mut all, mut last) = (begun(), begun());
            let mut now_ms = 1_000;
            for _ in 0..30 {
                // The shell wakes when the reader would count as gone; an idle reader's first sign is told at once.
                let deadline_ms = if let Some(idle_in_ms) = last.idle_in_ms(now_ms) {
                    now_ms + idle_in_ms
                } else {
                    now_ms += dice.below(20_000);
                    all.sign(now_ms);
                    last.sign(now_ms);
                    now_ms + IDLE_WINDOW_MS
                };
                let mut remembered_ms = None;
                for _ in 0..dice.below(6) {
                    now_ms = (now_ms + dice.below(1_500)).min(deadline_ms);
                    all.sign(now_ms);
                    remembered_ms = Some(now_ms);
                }
                if let Some(at_ms) = remembered_ms {
                    last.sign(at_ms);
                }
                now_ms = deadline_ms;
                all.settle(now_ms);
                last.settle(now_ms);
                assert_eq!(all.engaged_ms(), last.engaged_ms());
            }
        }
    }
}
