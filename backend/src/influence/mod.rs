//! How much one interaction counts for top pages, trending and the learner: bounded by who it came from, so that few cannot rule many.
//!
//! Anybody can post. What cannot be made up is the network that a post comes from, so influence follows networks:
//!
//! 1. **Trust**: what the edge believes little counts little, and below a floor nothing ([`trust_share`]).
//! 2. **Reader**: an item counts once an hour, a reader so many items a minute and an hour (`visitors.rs`).
//! 3. **Network and item**: what a network reads of an item counts as far as the rest of the portal reads the item too (its fair
//!    share), and one reading beyond that ([`Known::weight`]). A carrier's address, behind which thousands read, goes on counting
//!    for what everybody reads; a network that reads what nobody else reads does not.
//! 4. **Network in all**: a few readings beyond its fair shares ([`Limits::surplus_max`]), and never more than a share of the
//!    portal's traffic ([`Limits::network_share`]).
//! 5. **Item**: what few networks read counts little until it is read from more of them than a sender has ([`Limits::onset_networks`]),
//!    and no item counts more than a quarter of everything.
//!
//! What it costs: of honest readings about a third counts, most of all those behind carriers, and the order of top pages stays as it was.
//! What it does not do: who has many thousand networks (an IPv6 provider's /32 has 65,536 of our /48) is not held up by this.
//!
//! All counts fade with one half-life. All memories are bounded; when one is full, what was not touched for longest goes.
//! What is here is a function of the interactions alone, and survives with the portal's snapshot.

mod faded;
mod ledger;
mod visitors;

use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde::{Deserialize, Serialize};
use wire::{Interaction, InteractionKind, Item};

use faded::Faded;
use ledger::Ledger;
use visitors::Visitors;

/// Below this trust nothing counts: a browser that is driven or a program that says so (30), or two grave signs at once (40).
const TRUST_FLOOR: u8 = 50;
/// From this trust on everything counts: old Safari, which sends no `Sec-Fetch-Site`, has it.
const TRUST_FULL: u8 = 90;
/// Pairs of network and item that are remembered, about 40 bytes each: two hours of a portal with 200,000 readings an hour.
const PAIRS_MAX: usize = 400_000;
/// Networks that are remembered; Brazil has about 350,000 blocks of 256 addresses.
const NETWORKS_MAX: usize = 200_000;
/// Items that are remembered, as many as top pages counts.
const ITEMS_MAX: usize = 20_000;
/// What came without a network is dealt out to so many small ones, by reader. Nobody can choose to come without: it means that an isolate
/// of the edge had no salt. All of it as one network would freeze the lists for as long as that lasts; each as its own would be a hole.
const NAMELESS_NETWORKS: u64 = 64;

/// How much may come from where. One set for production, one for development.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Whether networks are looked at. Not in development, where all readers are on one.
    pub(crate) by_network: bool,
    /// Whether trust is looked at. Not in development, where browsers are driven by programs and say so.
    pub(crate) by_trust: bool,
    /// How fast counts fade, milliseconds. Two hours: as long as a story rises. Longer would need more memory, shorter would give
    /// a sender his share again and again.
    pub(crate) half_life_ms: u64,
    /// Most of the portal's traffic that one network counts for. Fifty of them have a twentieth, which moves nothing by much.
    /// A household has some hundred-thousandths: a carrier still counts for dozens of them.
    pub(crate) network_share: f64,
    /// What a network counts for at least, readings in about three hours: a household on a small portal is not cut.
    pub(crate) network_floor: f64,
    /// What a network counts for beyond its fair shares, of all items together. A visit has about three pages;
    /// fifty senders who want to lift twenty items have seven readings for each of these.
    pub(crate) surplus_max: f64,
    /// How fast that comes back: the half-life of what was spent, milliseconds. Three quarters of an hour later it is another visit.
    pub(crate) surplus_half_life_ms: u64,
    /// An item counts fully once so many networks have read it: more than the sender has that we guard against.
    pub(crate) onset_networks: f64,
    /// On a smaller portal: once this part of its networks has.
    pub(crate) onset_share: f64,
    /// Most of the portal's traffic that one item counts for. Breaking news have had a sixth.
    pub(crate) item_share: f64,
}

impl Limits {
    /// For readers from everywhere.
    pub(crate) const PRODUCTION: Self = Self {
        by_network: true,
        by_trust: true,
        half_life_ms: 2 * 3_600_000,
        network_share: 0.001,
        network_floor: 10.0,
        surplus_max: 3.0,
        surplus_half_life_ms: 45 * 60_000,
        onset_networks: 80.0,
        onset_share: 0.01,
        item_share: 0.25,
    };
    /// Those of a process.
    pub(crate) const fn of(is_dev: bool) -> Self {
        if is_dev { Self::DEVELOPMENT } else { Self::PRODUCTION }
    }

    /// For one machine.
    pub(crate) const DEVELOPMENT: Self = Self { by_network: false, by_trust: false, ..Self::PRODUCTION };
}

/// An item's first readings count so much, so that a list has something to begin with.
const ONSET_LEAST: f64 = 0.05;
/// The cap of an item's share says nothing about a handful of readings.
const ITEM_FLOOR: f64 = 50.0;

/// Who has had how much influence lately.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Influence {
    visitors: Visitors,
    /// What was counted in all.
    total: Faded,
    /// Different networks.
    networks_seen: Faded,
    networks: Ledger<NetworkCounts>,
    /// By network and item.
    pairs: Ledger<Faded>,
    items: Ledger<ItemCounts>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct NetworkCounts {
    /// What was counted.
    counted: Faded,
    /// What of that was beyond its fair shares.
    surplus: Faded,
}

impl ledger::Touched for NetworkCounts {
    fn touched_ms(&self) -> u64 {
        self.counted.touched_ms()
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ItemCounts {
    /// What was counted.
    counted: Faded,
    /// Networks that read it.
    networks: Faded,
}

impl ledger::Touched for ItemCounts {
    fn touched_ms(&self) -> u64 {
        self.networks.touched_ms().max(self.counted.touched_ms())
    }
}

/// Everything that is known when one reading is weighed, of now.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    total: f64,
    networks_seen: f64,
    of_network: f64,
    surplus: f64,
    of_pair: f64,
    of_item: f64,
    item_networks: f64,
}

impl Influence {
    /// How much an interaction counts, 0 to 1, and notes that it did. A `view` is weighed; everything else that happens in the
    /// same reading has the weight of its view, for it says nothing new about who is reading.
    pub(crate) fn weigh(&mut self, interaction: &Interaction, limits: &Limits) -> f32 {
        let trust = if limits.by_trust { trust_share(interaction.trust) } else { 1.0 };
        let (visitor, item) = (interaction.visitor.bits(), item_key(&interaction.item));
        let reading = keyed((visitor, item));
        if interaction.kind != InteractionKind::View {
            return self.visitors.weight_of(reading);
        }
        if trust <= 0.0 || !self.visitors.may_count(keyed(visitor), reading, interaction.at_ms) {
            return 0.0;
        }
        let weight = if limits.by_network { trust * self.of_network(interaction, item, limits) } else { trust };
        let weight = narrow(weight);
        self.visitors.note(reading, weight);
        weight
    }

    /// What networks and items leave of a reading, 0 to 1.
    fn of_network(&mut self, interaction: &Interaction, item: u64, limits: &Limits) -> f64 {
        let now = Clock { at_ms: interaction.at_ms, half_life_ms: limits.half_life_ms };
        let surplus_now = Clock { half_life_ms: limits.surplus_half_life_ms, ..now };
        let network = match interaction.network {
            Some(network) => keyed((1_u8, network.bits())),
            None => keyed((0_u8, keyed(interaction.visitor.bits()) % NAMELESS_NETWORKS)),
        };
        let pair = keyed((network, item));
        let is_new_network = !self.networks.has(network);
        let is_new_pair = !self.pairs.has(pair);
        let of_network = self.networks.entry(network, NETWORKS_MAX);
        let of_pair = self.pairs.entry(pair, PAIRS_MAX);
        let of_item = self.items.entry(item, ITEMS_MAX);
        if is_new_network {
            self.networks_seen.add(1.0, now);
        }
        if is_new_pair {
            of_item.networks.add(1.0, now);
        }
        let known = Known {
            total: self.total.at(now),
            networks_seen: self.networks_seen.at(now),
            of_network: of_network.counted.at(now),
            surplus: of_network.surplus.at(surplus_now),
            of_pair: of_pair.at(now),
            of_item: of_item.counted.at(now),
            item_networks: of_item.networks.at(now),
        };
        let Weight { fair, surplus } = known.weight(limits);
        let weight = fair + surplus;
        self.total.add(weight, now);
        of_network.counted.add(weight, now);
        of_network.surplus.add(surplus, surplus_now);
        of_pair.add(weight, now);
        of_item.counted.add(weight, now);
        weight
    }
}

/// What one reading counts for, in two parts that are at most 1 together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Weight {
    /// As a sample of what the portal reads anyway.
    fair: f64,
    /// As something of its own.
    surplus: f64,
}

impl Known {
    fn weight(&self, limits: &Limits) -> Weight {
        if self.of_item > ITEM_FLOOR.max(limits.item_share * self.total) {
            return Weight::default();
        }
        let budget = limits.network_floor.max(limits.network_share * self.total);
        // Less and less over the second half of what a network may count for.
        let of_budget = (2.0 - 2.0 * self.of_network / budget).clamp(0.0, 1.0);
        // What the network would have read of the item by now if it were a sample of all readers.
        let due = if self.total > 0.0 { self.of_network * self.of_item / self.total } else { 0.0 };
        let fair = (due - self.of_pair).clamp(0.0, 1.0);
        let beyond = 1.0 - (self.of_pair - due).max(0.0);
        let surplus = (self.onset(limits) * beyond).min(limits.surplus_max - self.surplus).clamp(0.0, 1.0 - fair);
        Weight { fair: of_budget * fair, surplus: of_budget * surplus }
    }

    /// How far an item is known at all, 0 to 1: with the square of the number of networks that read it.
    fn onset(&self, limits: &Limits) -> f64 {
        let networks = (limits.onset_share * self.networks_seen).clamp(1.0, limits.onset_networks);
        (self.item_networks / networks).powi(2).clamp(ONSET_LEAST, 1.0)
    }
}

/// The time, and how fast counts fade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    at_ms: u64,
    half_life_ms: u64,
}

/// Whether what comes with this trust counts at all.
pub(crate) const fn is_believed(trust: u8, limits: &Limits) -> bool {
    trust > TRUST_FLOOR || !limits.by_trust
}

/// What trust leaves of a reading: nothing up to 50, everything from 90 on, and a straight line between. So no user agent at all (70)
/// counts half, a clock that is a day off (80) three quarters: honest readers have these too, each of them for itself.
fn trust_share(trust: u8) -> f64 {
    f64::from(trust.min(TRUST_FULL).saturating_sub(TRUST_FLOOR)) / f64::from(TRUST_FULL - TRUST_FLOOR)
}

fn item_key(item: &Item) -> u64 {
    keyed(item.as_str())
}

/// `SipHash` with a fixed key: the same in every run of a build. Another build may have another, which costs the memory of two hours.
fn keyed(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a weight between 0 and 1, and std has no other way")]
fn narrow(weight: f64) -> f32 {
    weight.clamp(0.0, 1.0) as f32
}

#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;
