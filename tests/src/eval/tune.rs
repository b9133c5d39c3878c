//! How the baselines' parameters were chosen: each value tried on hours 144 to 191, which nobody is judged on.

use indicatif::ProgressBar;

use crate::baselines::Baseline;
use crate::baselines::decayed_rules::{self, DecayedRules};
use crate::baselines::item_knn::{self, ItemKnn};
use crate::baselines::recently_popular::RecentlyPopular;
use crate::baselines::vmis_knn::{self, VmisKnn};
use crate::click::HOUR_MS;
use crate::log::{ClickLog, Window};
use crate::prequential::{self, Contestant};
use crate::table::{Table, share};

const WINDOW: Window = Window { from: 144, to: 192 };
const MINUTE_MS: u64 = HOUR_MS / 60;

/// Everything that was tried of these baselines; ten minutes for all.
pub(crate) fn table(log: &ClickLog, baselines: &[Baseline]) -> Table {
    let mut contestants: Vec<Contestant> = baselines.iter().flat_map(|one| variants(*one)).collect();
    prequential::run(log, WINDOW, &mut contestants, &ProgressBar::new(u64::try_from(log.clicks.len()).unwrap_or(0)));
    let clicked = prequential::clicked(log, WINDOW);
    let mut table = Table::new(["hours 144 to 191", "HR@10", "MRR@10", "coverage@10", "s"]);
    for Contestant { label, tally, took, .. } in contestants {
        let measures = tally.measures();
        let figures = [measures.hit_rate, measures.mrr, tally.coverage(&clicked)].map(share);
        table.row(std::iter::once(label).chain(figures).chain([format!("{:.0}", took.as_secs_f32())]));
    }
    table
}

fn variants(baseline: Baseline) -> Vec<Contestant> {
    match baseline {
        Baseline::Rp | Baseline::RpQuarter => [15, 30, 60, 120].map(recently_popular).into(),
        Baseline::ItemKnn => {
            let tried = [(20.0, 0.25), (20.0, 0.5), (20.0, 0.75), (100.0, 0.5), (500.0, 0.25), (500.0, 0.5)];
            tried.map(|(regularisation, alpha)| item_knn(item_knn::Parameters { regularisation, alpha })).into()
        }
        Baseline::Co | Baseline::Sr => Vec::new(),
        Baseline::Vmis => {
            let some =
                [(250, 100, 1.0), (500, 50, 1.0), (500, 100, 1.0), (500, 100, 0.3), (500, 100, 0.0), (500, 200, 0.0), (1000, 100, 0.0)];
            some.map(|(latest, neighbours, rarity)| vmis(vmis_knn::Parameters { latest, neighbours, rarity })).into()
        }
        Baseline::Decayed => {
            let first = decayed_rules::Parameters::default();
            let rules = [20, 45].map(|minutes| decayed_rules::Parameters { rule_half_ms: minutes * MINUTE_MS, ..first });
            let popular = [10, 30].map(|minutes| decayed_rules::Parameters { popularity_half_ms: minutes * MINUTE_MS, ..first });
            let weights = [0.1, 0.4].map(|popularity| decayed_rules::Parameters { popularity, ..first });
            let others = [decayed_rules::Parameters { smoothing: 1.0, ..first }, decayed_rules::Parameters { items: 1, ..first }];
            [first].into_iter().chain(rules).chain(popular).chain(weights).chain(others).map(decayed).collect()
        }
    }
}

fn recently_popular(minutes: u64) -> Contestant {
    Contestant::new(format!("RP {minutes} min"), Box::new(RecentlyPopular::new(minutes * MINUTE_MS)))
}

fn item_knn(parameters: item_knn::Parameters) -> Contestant {
    let item_knn::Parameters { regularisation, alpha } = parameters;
    Contestant::new(format!("Item-kNN regularisation {regularisation}, alpha {alpha}"), Box::new(ItemKnn::new(parameters)))
}

fn vmis(parameters: vmis_knn::Parameters) -> Contestant {
    let vmis_knn::Parameters { latest, neighbours, rarity } = parameters;
    Contestant::new(format!("VMIS-kNN m {latest}, k {neighbours}, rarity {rarity}"), Box::new(VmisKnn::new(parameters)))
}

fn decayed(parameters: decayed_rules::Parameters) -> Contestant {
    let decayed_rules::Parameters { rule_half_ms, popularity_half_ms, items, smoothing, popularity } = parameters;
    let (rule, popular) = (rule_half_ms / MINUTE_MS, popularity_half_ms / MINUTE_MS);
    let label = format!("decayed SR {rule} min, {items} items, smoothing {smoothing}, popularity {popular} min x {popularity}");
    Contestant::new(label, Box::new(DecayedRules::new(parameters)))
}
