//! Articles that are candidates whatever was read: the popular, and the new.

use serde::{Deserialize, Serialize};

use super::article::Article;
use super::counters::Counters;
use super::fading::{POPULARITIES, Popularity};

/// Without a view for so long, an article is out of the running.
pub(crate) const ACTIVE_H: f64 = 3.0;
/// The lists are made again after so long: 5 s.
const REBUILD_H: f64 = 5.0 / 3600.0;
/// How many of each popularity.
const POPULAR: [(Popularity, usize); 3] = [(Popularity::Next15m, 80), (Popularity::Next5m, 30), (Popularity::Next1h, 30)];
/// How many that are new, and how long that is.
const FRESH: usize = 20;
pub(crate) const FRESH_H: f64 = 1.0;

/// The lists, and what follows from the same look at all active articles.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leaders {
    pub(crate) items: Vec<u32>,
    active: Vec<u32>,
    rebuilt_h: f64,
    /// Each word's share of all clicks.
    pub(crate) word_shares: Vec<f32>,
    /// What an active article of each section has on average, in units of the landmark; the first is of those without one.
    pub(crate) of_sections: Vec<[f32; POPULARITIES]>,
}

impl Leaders {
    /// An article is read again.
    pub(crate) fn activate(&mut self, item: u32) {
        self.active.push(item);
    }

    pub(crate) fn is_due(&self, now_h: f64) -> bool {
        now_h - self.rebuilt_h >= REBUILD_H
    }

    /// Looks at all active articles.
    pub(crate) fn rebuild(&mut self, counters: &Counters) {
        let now_h = counters.clock.now_h;
        self.rebuilt_h = now_h;
        self.word_shares = counters.vocabulary.shares();
        self.active.retain(|item| counters.article(*item).is_some_and(|article| article.last_h + ACTIVE_H >= now_h));
        let known: Vec<(u32, &Article)> = self.active.iter().filter_map(|item| Some((*item, counters.article(*item)?))).collect();
        self.items.clear();
        for (popularity, count) in POPULAR {
            best(&known, popularity, count, |_| true, &mut self.items);
        }
        best(&known, Popularity::All15m, FRESH, |article| now_h - article.first_h < FRESH_H, &mut self.items);
        self.items.sort_unstable();
        self.items.dedup();
        self.of_sections = averages(&known, counters.sections.len());
    }

    /// Gives articles their new numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        for list in [&mut self.items, &mut self.active] {
            *list = list.iter().filter_map(|item| number(*item)).collect();
        }
    }
}

fn best(known: &[(u32, &Article)], by: Popularity, count: usize, is_wanted: impl Fn(&Article) -> bool, into: &mut Vec<u32>) {
    let popularity = |article: &Article| article.popularity.get(by.place()).copied().unwrap_or(0.0);
    let wanted = known.iter().filter(|(_, article)| is_wanted(article) && popularity(article) > 0.0);
    let mut ranked: Vec<(f32, u32)> = wanted.map(|(item, article)| (popularity(article), *item)).collect();
    if ranked.len() > count {
        ranked.select_nth_unstable_by(count, |one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        ranked.truncate(count);
    }
    into.extend(ranked.iter().map(|(_, item)| *item));
}

fn averages(known: &[(u32, &Article)], sections: usize) -> Vec<[f32; POPULARITIES]> {
    let mut sums = vec![([0.0_f32; POPULARITIES], 0.0_f32); sections + 1];
    for (_, article) in known {
        if let Some((sum, count)) = sums.get_mut(usize::from(article.section)) {
            sum.iter_mut().zip(article.popularity).for_each(|(sum, count)| *sum += count);
            *count += 1.0;
        }
    }
    sums.into_iter().map(|(sum, count)| sum.map(|sum| if count > 0.0 { sum / count } else { 0.0 })).collect()
}
