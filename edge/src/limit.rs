//! How much one sender may ask of the worker: counted here, in this isolate, and judged by the rate-limit binding only once it is much.
//!
//! An ordinary request costs one look into a table. Who exceeds a tenth of a limit in one isolate is asked about at the binding, which
//! counts for the data centre; whom it refuses is refused here, without asking again, until the window ends.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::network;

/// What may be asked of the worker, each kind with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `POST /pageview`, by address.
    Post,
    /// Everything that is only read, by address.
    Read,
    /// `POST /pageview`, by the visitor's id that the batch brings.
    Visitor,
    /// A wrong admin secret, by address.
    Guess,
}

impl Kind {
    /// The binding in `wrangler.toml` that counts it.
    #[must_use]
    pub const fn binding(self) -> &'static str {
        match self {
            Self::Post | Self::Read => "LIMIT_ADDRESS",
            Self::Visitor => "LIMIT_VISITOR",
            Self::Guess => "LIMIT_GUESS",
        }
    }

    /// All bindings.
    pub const BINDINGS: [&'static str; 3] = ["LIMIT_ADDRESS", "LIMIT_VISITOR", "LIMIT_GUESS"];

    /// The window of its binding, seconds: 10 or 60, the platform admits no other.
    #[must_use]
    pub const fn period_s(self) -> u32 {
        match self {
            Self::Post | Self::Read | Self::Visitor => 10,
            Self::Guess => 60,
        }
    }

    /// Requests in a window; what `wrangler.toml` says to the binding.
    ///
    /// - `Post`, `Read`: 3,000 in 10 s from one address. A carrier's NAT may hold 5,000 of our readers at once; a reader opens a page a minute
    ///   and posts three times meanwhile: 250 a second, 2,500 in 10 s. One address that floods with 1,000 a second is stopped.
    /// - `Visitor`: 200 in 10 s. An outbox that was offline sends what it kept, 32 batches, at once; five tabs of a reader that do so
    ///   stay below. Readers without an id have no limit of their own: since browsers send a reduced user agent,
    ///   address and agent together are a crowd behind a NAT, and that has the address's limit.
    /// - `Guess`: 5 wrong secrets in 60 s. A person who pastes the wrong one has mended it by then; 32 random bytes are never guessed.
    #[must_use]
    pub const fn requests_max(self) -> u32 {
        match self {
            Self::Post | Self::Read => 3_000,
            Self::Visitor => 200,
            Self::Guess => 5,
        }
    }

    /// So many in this isolate and window cost nothing. For guesses none: each is worth the question.
    const fn free_count(self) -> u32 {
        match self {
            Self::Post | Self::Read | Self::Visitor => self.requests_max() / 10,
            Self::Guess => 0,
        }
    }
}

/// Who asks, and for what: a keyed hash, for addresses are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// What is asked.
    pub kind: Kind,
    hash: u64,
}

impl Key {
    /// Of a sender, hashed with a secret. A hash with this isolate's own random bytes is for its table; one with the salt of the day
    /// is the same in all isolates, for the binding.
    #[must_use]
    pub fn new(kind: Kind, secret: &str, who: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (secret, kind, who).hash(&mut hasher);
        Self { kind, hash: hasher.finish() }
    }

    /// What the binding is told.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:?}:{:016x}", self.kind, self.hash)
    }
}

/// Who counts as one sender: an IPv4 address, or the network of an IPv6 address, since one sender has all addresses of that.
/// `None` where there is no address: then there is nobody to limit. In development everybody, simulated readers and benchmarks too, is on
/// one machine: there only who says by [`network::TEST_HEADER`] where it comes from is limited.
#[must_use]
pub fn sender(platform: Option<String>, test: Option<String>, is_dev: bool) -> Option<String> {
    let address = if is_dev { test } else { platform }?;
    if address.contains(':') { network::of_address(&address) } else { Some(address).filter(|address| !address.is_empty()) }
}

/// How fast requests come from somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// As readers come.
    #[default]
    Ordinary,
    /// More than a tenth of the limit in this isolate.
    Hurried,
}

/// What a count says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Free,
    /// This is much: the binding knows whether it is too much.
    Ask,
    /// The binding has said that it is too much, in this window.
    Over,
}

/// Senders that are told apart at once. 64 KiB; of a kind that is asked for by more, only those who ask most are seen.
const SLOTS: usize = 4_096;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: u64,
    window: u32,
    count: u32,
}

/// A slot's count when the binding has refused: no window has so many requests.
const REFUSED: u32 = u32::MAX;

/// What this isolate has seen of whom, in the current windows. Bounded: a slot belongs to one sender, and another one takes it over
/// only by asking more often, so that a flood stays and passers-by are forgotten; none is ever counted too high.
#[derive(Debug)]
pub struct Limits {
    slots: Box<[Slot]>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); SLOTS].into() }
    }
}

impl Limits {
    /// Counts a request.
    pub fn note(&mut self, key: Key, now_ms: u64) -> Verdict {
        let window = window(key.kind, now_ms);
        let Some(slot) = self.slot(key) else { return Verdict::Free };
        if slot.window != window || slot.count == 0 {
            *slot = Slot { hash: key.hash, window, count: 0 };
        }
        if slot.hash != key.hash {
            if slot.count != REFUSED {
                slot.count -= 1;
            }
            return Verdict::Free;
        }
        slot.count = slot.count.saturating_add(1);
        match slot.count {
            REFUSED => Verdict::Over,
            count if count > key.kind.free_count() => Verdict::Ask,
            _ => Verdict::Free,
        }
    }

    /// The binding has refused: until the window ends nobody asks it again.
    pub fn refuse(&mut self, key: Key, now_ms: u64) {
        let window = window(key.kind, now_ms);
        if let Some(slot) = self.slot(key) {
            *slot = Slot { hash: key.hash, window, count: REFUSED };
        }
    }

    /// Whether the binding has refused in this window; counts nothing.
    #[must_use]
    pub fn is_refused(&self, key: Key, now_ms: u64) -> bool {
        let refused = |slot: &Slot| slot.hash == key.hash && slot.window == window(key.kind, now_ms) && slot.count == REFUSED;
        self.slots.get(place(key)).is_some_and(refused)
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(place(key))
    }
}

fn place(key: Key) -> usize {
    usize::try_from(key.hash >> 32).unwrap_or_default() % SLOTS
}

/// The number of a window; only compared.
fn window(kind: Kind, now_ms: u64) -> u32 {
    u32::try_from(now_ms / (u64::from(kind.period_s()) * 1_000) % u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_795_337_000_000;

    fn key(kind: Kind, who: &str) -> Key {
        Key::new(kind, "a secret", who)
    }

    #[test]
    fn a_tenth_of_the_limit_is_free_and_the_next_window_begins_anew() {
        let mut limits = Limits::default();
        let flood = key(Kind::Post, "203.0.113.7");
        let verdicts: Vec<_> = (0..302).map(|_| limits.note(flood, NOW_MS)).collect();
        assert_eq!(verdicts.iter().position(|verdict| *verdict == Verdict::Ask), Some(300));
        assert_eq!(limits.note(key(Kind::Post, "203.0.113.8"), NOW_MS), Verdict::Free);
        assert_eq!(limits.note(key(Kind::Read, "203.0.113.7"), NOW_MS), Verdict::Free);
        assert_eq!(limits.note(flood, NOW_MS + 10_000), Verdict::Free);
    }

    #[test]
    fn who_was_refused_is_refused_until_the_window_ends() {
        let mut limits = Limits::default();
        let flood = key(Kind::Visitor, "5f0c");
        assert!(!limits.is_refused(flood, NOW_MS));
        limits.refuse(flood, NOW_MS);
        assert_eq!((limits.note(flood, NOW_MS), limits.is_refused(flood, NOW_MS)), (Verdict::Over, true));
        assert_eq!((limits.note(flood, NOW_MS + 10_000), limits.is_refused(flood, NOW_MS + 10_000)), (Verdict::Free, false));
    }

    #[test]
    fn each_guess_is_asked_about() {
        assert_eq!(Limits::default().note(key(Kind::Guess, "203.0.113.7"), NOW_MS), Verdict::Ask);
    }

    #[test]
    fn passers_by_are_never_mistaken_for_a_flood_and_do_not_hide_one() {
        let mut limits = Limits::default();
        let flood = key(Kind::Post, "203.0.113.7");
        let mut asked_at = None;
        for number in 0..100_000_u32 {
            assert_eq!(limits.note(key(Kind::Post, &format!("reader {number}")), NOW_MS), Verdict::Free);
            // By then every slot has had its readers.
            if number > 50_000 && number % 100 == 0 && limits.note(flood, NOW_MS) == Verdict::Ask {
                asked_at = asked_at.or(Some(number));
            }
        }
        assert!(asked_at.is_some_and(|number| number < 90_000), "{asked_at:?}");
    }

    #[test]
    fn a_sender_is_an_address_or_a_site() {
        let of = |address: &str| sender(Some(address.to_owned()), None, false);
        assert_eq!(of("203.0.113.7").as_deref(), Some("203.0.113.7"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:2:2::1"));
        assert_eq!((of(""), sender(None, None, false)), (None, None));
    }

    #[test]
    fn a_test_names_its_address_in_development_only() {
        let (platform, test) = (|| Some("127.0.0.1".to_owned()), || Some("203.0.113.7".to_owned()));
        assert_eq!(sender(platform(), test(), true).as_deref(), Some("203.0.113.7"));
        assert_eq!(sender(platform(), None, true), None);
        assert_eq!(sender(platform(), test(), false).as_deref(), Some("127.0.0.1"));
        assert_eq!(sender(None, test(), false), None);
    }

    #[test]
    fn what_the_binding_is_told_is_no_address_and_depends_on_the_secret() {
        let text = key(Kind::Post, "203.0.113.7").text();
        assert!(text.starts_with("Post:") && text.len() == 21 && !text.contains("203"), "{text}");
        assert_ne!(text, Key::new(Kind::Post, "another", "203.0.113.7").text());
    }

    #[test]
    fn the_bindings_say_what_is_counted_here() {
        let settings: toml::Table = toml::from_str(include_str!("../../wrangler.toml")).unwrap();
        let bound = |kind: Kind| {
            let all = settings.get("ratelimits").and_then(toml::Value::as_array).unwrap();
            let found = all.iter().find(|one| one.get("name").and_then(toml::Value::as_str) == Some(kind.binding())).unwrap();
            let number = |name| found.get("simple").and_then(|simple| simple.get(name)).and_then(toml::Value::as_integer).unwrap();
            (number("limit"), number("period"))
        };
        for kind in [Kind::Post, Kind::Read, Kind::Visitor, Kind::Guess] {
            assert_eq!(bound(kind), (i64::from(kind.requests_max()), i64::from(kind.period_s())), "{kind:?}");
        }
    }
}
