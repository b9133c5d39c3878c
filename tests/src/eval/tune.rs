//! How the baselines' parameters were chosen: each value tried on hours 144 to 191, which nobody is judged on.

use hashbrown::HashSet;
use indicatif::ProgressBar;

use crate::baselines::decayed_rules::{self, DecayedRules};
use crate::baselines::item_knn::{self, ItemKnn};
use crate::baselines::recently_popular::RecentlyPopular;
use crate::baselines::vmis_knn::{self, VmisKnn};
use crate::click::{HOUR_MS, ItemId};
use crate::log::{ClickLog, Window};
use crate::prequential::{self, Contestant};
use crate::table::{Table, share};

const WINDOW: Window = Window { from: 144, to: 192 };

/// Everything that was tried.
pub(crate) fn table(log: &ClickLog) -> Table {
    let mut contestants = Vec::new();
    for minutes in [15, 30, 60, 120] {
        contestants.push(Contestant::new(format!("RP {minutes} min"), Box::new(RecentlyPopular::new(minutes * HOUR_MS / 60))));
    }
    for (regularisation, alpha) in [(20.0, 0.5), (20.0, 0.25), (100.0, 0.5), (500.0, 0.5), (500.0, 0.25), (20.0, 0.75)] {
        let label = format!("Item-kNN regularisation {regularisation} alpha {alpha}");
        contestants.push(Contestant::new(label, Box::new(ItemKnn::new(item_knn::Parameters { regularisation, alpha }))));
    }
    for (latest, neighbours, rarity) in [
        (100, 100, 1.0),
        (250, 100, 1.0),
        (500, 100, 1.0),
        (500, 500, 1.0),
        (1000, 500, 1.0),
        (250, 250, 0.0),
        (500, 500, 0.0),
        (1000, 1000, 0.0),
    ] {
        let label = format!("VMIS m {latest} k {neighbours} rarity {rarity}");
        contestants.push(Contestant::new(label, Box::new(VmisKnn::new(vmis_knn::Parameters { latest, neighbours, rarity }))));
    }
    for (rule, popularity, smoothing, weight) in [
        (30, 15, 3.0, 0.2),
        (20, 15, 3.0, 0.2),
        (45, 15, 3.0, 0.2),
        (30, 10, 3.0, 0.2),
        (30, 30, 3.0, 0.2),
        (30, 15, 1.0, 0.2),
        (30, 15, 3.0, 0.1),
        (30, 15, 3.0, 0.4),
    ] {
        let label = format!("decayed SR {rule} min, popularity {popularity} min x {weight}, smoothing {smoothing}");
        let parameters = decayed_rules::Parameters {
            rule_half_ms: rule * HOUR_MS / 60,
            popularity_half_ms: popularity * HOUR_MS / 60,
            items: 5,
            smoothing,
            popularity: weight,
        };
        contestants.push(Contestant::new(label, Box::new(DecayedRules::new(parameters))));
    }
    prequential::run(log, WINDOW, &mut contestants, &ProgressBar::new(u64::try_from(log.clicks.len()).unwrap_or(0)));
    let clicked: HashSet<ItemId> = prequential::clicked(log, WINDOW);
    let mut table = Table::new(["hours 144 to 191", "HR@10", "MRR@10", "coverage@10", "s"]);
    for Contestant { label, tally, took, .. } in contestants {
        let measures = tally.measures();
        let figures =
            [share(measures.hit_rate), share(measures.mrr), share(tally.coverage(&clicked)), format!("{:.0}", took.as_secs_f32())];
        table.row(std::iter::once(label).chain(figures));
    }
    table
}
