//! Which of the two parameter sets a reader gets: the same one every time, without remembering anybody.

use wire::{Portal, Rules, SetName};

use super::wish::{Reader, Wish, fnv};

/// The set of a reader: by the visitor id that the page sends, else by the address, else by chance.
#[must_use]
pub fn set_of(portal: &Portal, rules: &Rules, wish: &Wish, reader: &Reader, random_bits: u64) -> SetName {
    let visitor = wish.visitor.map(|visitor| fnv(&visitor.bits().to_le_bytes()));
    let key = visitor.or(reader.address_hash).unwrap_or(random_bits);
    // A reader who is in b on one portal need not be on the next.
    let place = spread(key ^ fnv(portal.id.as_str().as_bytes())) % 100;
    if place < u64::from(rules.b_share_pct) { SetName::B } else { SetName::A }
}

/// Whether every reader gets the same set.
#[must_use]
pub const fn is_whole(rules: &Rules) -> bool {
    matches!(rules.b_share_pct, 0 | 100)
}

/// Neighbouring numbers come out far apart: the finish of `splitmix64` (<https://prng.di.unimi.it/splitmix64.c>).
#[must_use]
pub(super) const fn spread(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use wire::VisitorId;

    use super::*;
    use crate::config::{Config, Environment};
    use crate::query::Query;
    use crate::recommend::Door;

    fn share(b_share_pct: u8, readers: impl Fn(u64) -> (Option<VisitorId>, Option<u64>, u64)) -> usize {
        let config = Config::parse(Environment::default()).unwrap();
        let portal = config.portals.get("g1").unwrap();
        let rules = Rules { b_share_pct, ..Rules::default() };
        let mut wish = Wish::parse(Query::new(""), Door::Recommendations, portal, false).unwrap();
        let in_b = |n: &u64| {
            let (visitor, address_hash, random) = readers(*n);
            wish.visitor = visitor;
            set_of(portal, &rules, &wish, &Reader { address_hash, ..Reader::default() }, random) == SetName::B
        };
        (0..10_000).filter(in_b).count()
    }

    #[test]
    fn the_share_is_met_whatever_tells_readers_apart() {
        let by_visitor = share(10, |n| (Some(VisitorId::from_bits(n.into())), Some(1), 1));
        let by_address = share(10, |n| (None, Some(fnv(format!("10.0.{}.{}", n / 256, n % 256).as_bytes())), 1));
        let by_chance = share(10, |n| (None, None, n));
        for count in [by_visitor, by_address, by_chance] {
            assert!((900..1_100).contains(&count), "{count} of 10,000 readers are in b");
        }
        assert_eq!((share(0, |n| (None, None, n)), share(100, |n| (None, None, n))), (0, 10_000));
    }

    #[test]
    fn a_reader_keeps_the_set() {
        let count = share(50, |n| (Some(VisitorId::from_bits(7)), Some(n), n));
        assert!(count == 0 || count == 10_000, "{count}");
    }
}
