//! Which of the cards that browsers brought for one article is shown: the one that most networks agree on, and at least a quorum.
//!
//! A card counts as a whole, address included: three honest browsers see the same page, and fields of different pages make no card.

use serde::{Deserialize, Serialize};
use wire::{Card, NetworkId};

/// Networks that have to agree before a card is shown. One browser is anybody; three networks are some effort, and what an article
/// that is hardly read gets together within minutes.
pub(crate) const QUORUM: usize = 3;
/// How long a word counts, minutes. A changed title has the majority after half of that at the latest.
const WINDOW_MIN: u64 = 10;
/// Different cards of one article that are remembered: the one before, the one now, and two of whoever else. The least supported goes.
const CANDIDATES_MAX: usize = 4;
/// Networks that are remembered of each: more than the fifty that one sender is guarded against has.
const VOTES_MAX: usize = 64;

/// What is said of one article.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Votes {
    candidates: Vec<Candidate>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Candidate {
    card: Card,
    /// By network: when it said so last, Unix minutes.
    networks: Vec<(u64, u64)>,
}

impl Votes {
    /// Takes what one network says. Browsers whose network nobody knows are one network together.
    pub(super) fn say(&mut self, card: &Card, network: Option<NetworkId>, at_ms: u64) {
        let minute = at_ms / 60_000;
        let latest = self.candidates.iter().flat_map(|candidate| &candidate.networks).map(|(_, minute)| *minute).max();
        let since = latest.unwrap_or(0).max(minute).saturating_sub(WINDOW_MIN);
        let network = network.map_or(0, NetworkId::bits);
        for candidate in &mut self.candidates {
            // Who says something else now no longer says what he said.
            candidate.networks.retain(|(known, said)| *said >= since && *known != network);
        }
        self.candidates.retain(|candidate| !candidate.networks.is_empty() || candidate.card == *card);
        if !self.candidates.iter().any(|candidate| candidate.card == *card) {
            self.make_room();
            self.candidates.push(Candidate { card: card.clone(), networks: Vec::new() });
        }
        if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.card == *card) {
            if candidate.networks.len() >= VOTES_MAX {
                candidate.networks.remove(0);
            }
            candidate.networks.push((network, minute));
        }
    }

    fn make_room(&mut self) {
        if self.candidates.len() >= CANDIDATES_MAX {
            let least = self.candidates.iter().enumerate().min_by_key(|(_, candidate)| candidate.networks.len());
            if let Some((place, _)) = least {
                self.candidates.remove(place);
            }
        }
    }

    /// The card to show from now on, when it is another than the one that is shown: of most networks, and of a quorum.
    /// Against the one that is shown a tie does not win.
    pub(super) fn elect(&self, shown: Option<&Card>, quorum: usize) -> Option<&Card> {
        let support = |candidate: &Candidate| candidate.networks.len();
        let best = self.candidates.iter().max_by_key(|candidate| support(candidate))?;
        let of_shown = self.candidates.iter().find(|candidate| Some(&candidate.card) == shown).map_or(0, support);
        (support(best) >= quorum && support(best) > of_shown).then_some(&best.card).filter(|card| Some(*card) != shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_795_338_000_000;
    const MINUTE: u64 = 60_000;

    fn card(title: &str) -> Card {
        Card { url: "https://g1.example/a".to_owned(), title: title.to_owned(), image: None, section: None, published_at_ms: None }
    }

    /// Plays (title, network, minute) and tells what is shown in the end.
    fn shown(words: impl IntoIterator<Item = (&'static str, u64, u64)>, quorum: usize) -> Option<String> {
        let (mut votes, mut shown) = (Votes::default(), None::<Card>);
        for (title, network, minute) in words {
            votes.say(&card(title), Some(NetworkId::from_bits(network)), T0 + minute * MINUTE);
            if let Some(card) = votes.elect(shown.as_ref(), quorum) {
                shown = Some(card.clone());
            }
            assert!(votes.candidates.len() <= CANDIDATES_MAX && votes.candidates.iter().all(|one| one.networks.len() <= VOTES_MAX));
        }
        shown.map(|card| card.title)
    }

    #[test]
    fn three_networks_make_a_card_and_one_that_repeats_itself_does_not() {
        assert_eq!(shown([("A", 1, 0), ("A", 1, 1), ("A", 1, 2), ("A", 2, 3)], QUORUM), None);
        assert_eq!(shown([("A", 1, 0), ("A", 2, 1), ("A", 3, 2)], QUORUM).as_deref(), Some("A"));
        assert_eq!(shown([("A", 1, 0), ("A", 2, 1), ("A", 3, 12)], QUORUM), None, "not within the window");
        assert_eq!(shown([("A", 1, 0)], 1).as_deref(), Some("A"), "in development");
    }

    #[test]
    fn a_changed_title_replaces_the_old_one_when_most_say_so() {
        let old = [("A", 1, 0), ("A", 2, 0), ("A", 3, 0)];
        let same_readers = [("B", 1, 1), ("B", 2, 1)];
        assert_eq!(shown(old.into_iter().chain(same_readers), QUORUM).as_deref(), Some("A"), "two are no quorum");
        assert_eq!(shown(old.into_iter().chain(same_readers).chain([("B", 4, 1)]), QUORUM).as_deref(), Some("B"));
        let others = [("B", 5, 1), ("B", 6, 1), ("B", 7, 1)];
        assert_eq!(shown(old.into_iter().chain(others), QUORUM).as_deref(), Some("A"), "a tie keeps what is there");
        assert_eq!(shown(old.into_iter().chain(others).chain([("B", 5, 11), ("B", 6, 11), ("B", 7, 11)]), QUORUM).as_deref(), Some("B"));
    }

    #[test]
    fn fifty_networks_do_not_rename_what_a_hundred_read() {
        let honest = (0..100).map(|network| ("A", network, 0));
        let forged = (0..10_000).map(|client| ("Comprei um iPhone por R$ 10", 1_000 + client % 50, 1));
        assert_eq!(shown(honest.chain(forged), QUORUM).as_deref(), Some("A"));
        let few = (0..20).map(|network| ("A", network, 0));
        let forged = (0..10_000).map(|client| ("B", 1_000 + client % 50, 1));
        assert_eq!(
            shown(few.chain(forged), QUORUM).as_deref(),
            Some("B"),
            "what few read they can: the portal's catalogue has the last word"
        );
    }

    #[test]
    fn made_up_titles_do_not_drive_out_the_real_one() {
        let noise = |network: u64| (["1", "2", "3", "4", "5", "6", "7", "8"][usize::try_from(network % 8).unwrap()], 500 + network, 1);
        let honest = (0..6).map(|network| ("A", network, 0));
        assert_eq!(shown(honest.chain((0..8).map(noise)), QUORUM).as_deref(), Some("A"));
    }
}
