//! What others would take, each written as its paper says and tuned on hours 0 to 191 of the log: `recommender-eval tune` shows how.

pub(crate) mod co_occurrence;
pub(crate) mod decayed_rules;
pub(crate) mod item_knn;
pub(crate) mod recently_popular;
pub(crate) mod sequential_rules;
#[cfg(test)]
mod toy;
pub(crate) mod vmis_knn;

use self::co_occurrence::CoOccurrence;
use self::decayed_rules::DecayedRules;
use self::item_knn::ItemKnn;
use self::recently_popular::RecentlyPopular;
use self::sequential_rules::SequentialRules;
use self::vmis_knn::VmisKnn;
use crate::click::{HOUR_MS, ItemId};
use crate::recommender::Recommender;

/// How strongly one article speaks for another; 0 when it does not.
pub(crate) trait Pairwise {
    fn weight(&self, from: ItemId, to: ItemId) -> f64;
}

/// A baseline, by what the command line and the tables call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Baseline {
    /// Recently popular, as CHAMELEON has it.
    Rp,
    /// Recently popular in the last quarter of an hour, which is better here.
    RpQuarter,
    ItemKnn,
    /// Co-occurrence.
    Co,
    /// Sequential rules.
    Sr,
    Vmis,
    /// Sequential rules with time decay, and popularity.
    Decayed,
}

impl Baseline {
    pub(crate) const ALL: [Self; 7] = [Self::Rp, Self::RpQuarter, Self::ItemKnn, Self::Co, Self::Sr, Self::Vmis, Self::Decayed];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Rp => "RP, recently popular, 1 h",
            Self::RpQuarter => "RP, recently popular, 15 min",
            Self::ItemKnn => "Item-kNN",
            Self::Co => "CO, co-occurrence",
            Self::Sr => "SR, sequential rules",
            Self::Vmis => "VMIS-kNN",
            Self::Decayed => "SR with time decay + popularity",
        }
    }

    /// With the parameters that were chosen.
    pub(crate) fn make(self) -> Box<dyn Recommender> {
        match self {
            Self::Rp => Box::new(RecentlyPopular::new(HOUR_MS)),
            Self::RpQuarter => Box::new(RecentlyPopular::new(HOUR_MS / 4)),
            Self::ItemKnn => Box::new(ItemKnn::default()),
            Self::Co => Box::new(CoOccurrence::default()),
            Self::Sr => Box::new(SequentialRules::default()),
            Self::Vmis => Box::new(VmisKnn::default()),
            Self::Decayed => Box::new(DecayedRules::new(decayed_rules::Parameters::default())),
        }
    }
}
