//! Simulated readers who browse the demo portals, so that the loop moves without a data set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use wire::{EventKind, LinkKind, Meta, PageKind, PortalId, RecId, Recommendations, VisitorId};

use crate::beacon::{Beacon, Page, Random, event, now_ms, pageview_id};
use crate::stack::{self, Plan};
use crate::{pack, paths};

/// Threads that the readers share.
const THREADS: u32 = 8;

/// Readers at work; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Readers {
    count: u32,
    first_portal: PortalId,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    pageviews: AtomicU64,
    refused: AtomicU64,
    followed: AtomicU64,
    is_over: AtomicBool,
}

#[derive(Debug, Clone)]
struct Article {
    portal: PortalId,
    path: String,
    title: String,
    section: Option<String>,
    image: Option<String>,
}

struct Reader {
    random: Random,
    visitor: VisitorId,
    page: Option<Page>,
    next: Article,
}

impl Readers {
    /// Starts them.
    ///
    /// # Errors
    /// When the demo portals have no articles.
    pub(crate) fn start(count: u32, plan: &Plan) -> Result<Self> {
        let articles = Arc::new(articles()?);
        let first_portal = articles.first().context("www/ has no articles for simulated readers")?.portal.clone();
        let counts = Arc::new(Counts::default());
        for thread in 0..THREADS.min(count) {
            let (articles, counts, port) = (Arc::clone(&articles), Arc::clone(&counts), plan.port);
            let mine = count / THREADS + u32::from(thread < count % THREADS);
            std::thread::spawn(move || browse(mine, port, &articles, &counts));
        }
        println!("{count} simulated readers browse {} articles", articles.len());
        Ok(Self { count, first_portal, counts })
    }

    /// How it goes.
    pub(crate) fn line(&self, plan: &Plan) -> String {
        let portal = &self.first_portal;
        let top = stack::get(&format!("{}/top-pages?portal={portal}&limit=1", plan.worker_url()));
        let top = top.ok().and_then(|text| serde_json::from_str::<Recommendations>(&text).ok());
        let title = top.as_ref().and_then(|answer| answer.items.first()).map_or("nothing yet", |item| item.title.as_str());
        format!(
            "{} readers: {} pageviews, {} recommendations followed, {} refused; most read on {portal}: {title}",
            self.count,
            self.counts.pageviews.load(Ordering::Relaxed),
            self.counts.followed.load(Ordering::Relaxed),
            self.counts.refused.load(Ordering::Relaxed),
        )
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.counts.is_over.store(true, Ordering::SeqCst);
    }
}

/// One thread: whoever is due next acts.
fn browse(count: u32, port: u16, articles: &[Article], counts: &Counts) {
    let beacon = Beacon::new(port);
    let started = Instant::now();
    let mut readers: Vec<Reader> = (0..count).filter_map(|_| Reader::new(articles)).collect();
    let mut due = BinaryHeap::new();
    for (index, reader) in readers.iter_mut().enumerate() {
        due.push(Reverse((reader.random.below(3_000), index)));
    }
    while let Some(Reverse((at_ms, index))) = due.pop() {
        while started.elapsed() < Duration::from_millis(at_ms) {
            if counts.is_over.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let Some(reader) = readers.get_mut(index) else { return };
        let wait_ms = reader.act(&beacon, port, articles, counts);
        due.push(Reverse((at_ms + wait_ms, index)));
    }
}

impl Reader {
    fn new(articles: &[Article]) -> Option<Self> {
        let mut random = Random::from_entropy(now_ms());
        let next = popular(articles, &mut random)?.clone();
        Some(Self { visitor: VisitorId::from_bits(random.next_u128()), random, page: None, next })
    }

    /// Opens a page, or leaves the one that is open; milliseconds until the next act.
    fn act(&mut self, beacon: &Beacon, port: u16, articles: &[Article], counts: &Counts) -> u64 {
        let Some(page) = self.page.take() else {
            self.open(beacon, counts);
            return 2_000 + self.random.below(12_000);
        };
        let engaged_ms = now_ms().saturating_sub(page.pageview.started_at_ms());
        let scroll_pct = u8::try_from(20 + self.random.below(81)).unwrap_or(100);
        let mut events = vec![event(1, now_ms(), EventKind::Engagement { engaged_ms, scroll_pct })];
        let is_staying = self.random.below(10) < 7;
        if is_staying {
            let click = self.choose(&page, port, articles, counts);
            events.push(event(2, now_ms(), click));
        } else {
            self.visitor = VisitorId::from_bits(self.random.next_u128());
            self.next = popular(articles, &mut self.random).cloned().unwrap_or_else(|| self.next.clone());
        }
        count_refusal(beacon.post(&page, events).is_ok(), counts);
        if is_staying { 300 } else { 5_000 }
    }

    fn open(&mut self, beacon: &Beacon, counts: &Counts) {
        let article = &self.next;
        let page = Page {
            portal: article.portal.clone(),
            pageview: pageview_id(now_ms(), self.random.next_u128()),
            visitor: self.visitor,
            path: article.path.clone(),
            kind: PageKind::Article,
            meta: Some(Meta {
                title: Some(article.title.clone()),
                section: article.section.clone(),
                image: article.image.clone(),
                ..Meta::default()
            }),
        };
        let is_taken = beacon.post(&page, vec![event(0, now_ms(), EventKind::Pageview)]).is_ok();
        count_refusal(is_taken, counts);
        counts.pageviews.fetch_add(1, Ordering::Relaxed);
        // What a page says of itself travels once, with the pageview.
        self.page = Some(Page { meta: None, ..page });
    }

    /// The next article: every other time one that Pulso recommends.
    fn choose(&mut self, page: &Page, port: u16, articles: &[Article], counts: &Counts) -> EventKind {
        let answer = recommendations(page, port);
        let choice = self.random.below(4);
        let mut rec = None;
        if let Some(answer) = answer.filter(|_| self.random.below(2) == 0)
            && let Some((position, item)) = (0_u16..).zip(&answer.items).find(|(position, _)| u64::from(*position) >= choice)
            && let Some(article) = articles.iter().find(|article| article.path == item.item.as_str())
        {
            self.next = article.clone();
            rec = Some((answer.rec_id, position));
            counts.followed.fetch_add(1, Ordering::Relaxed);
        } else if let Some(article) = popular(articles, &mut self.random).filter(|article| article.portal == page.portal) {
            self.next = article.clone();
        }
        click(&self.next, port, rec)
    }
}

fn click(to: &Article, port: u16, rec: Option<(RecId, u16)>) -> EventKind {
    EventKind::Click {
        href: format!("http://{}.localhost:{port}{}", to.portal, to.path),
        link: LinkKind::Internal,
        rec_id: rec.map(|(rec_id, _)| rec_id),
        position: rec.map(|(_, position)| position),
    }
}

fn recommendations(page: &Page, port: u16) -> Option<Recommendations> {
    let url = format!("http://127.0.0.1:{port}/recommendations?portal={}&item={}&limit=6", page.portal, page.path);
    serde_json::from_str(&stack::get(&url).ok()?).ok()
}

fn count_refusal(is_taken: bool, counts: &Counts) {
    if !is_taken {
        counts.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Earlier articles are read more, as on a front page.
fn popular<'a>(articles: &'a [Article], random: &mut Random) -> Option<&'a Article> {
    let count = u64::try_from(articles.len()).ok()?;
    let (first, second) = (random.below(count), random.below(count));
    articles.get(usize::try_from(first.min(second)).ok()?)
}

/// The articles of the demo portals, from their own pages.
fn articles() -> Result<Vec<Article>> {
    let mut articles = Vec::new();
    for portal in pack::portals()?.iter() {
        let folder = paths::at("www").join(portal.id.as_str()).join("noticia");
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let html = std::fs::read_to_string(entry.path()).context("a demo article cannot be read")?;
            let name = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
            articles.push(Article {
                portal: portal.id.clone(),
                path: format!("/{}/noticia/{name}", portal.id),
                title: meta_content(&html, "og:title").unwrap_or_else(|| name.clone()),
                section: meta_content(&html, "article:section"),
                image: meta_content(&html, "og:image"),
            });
        }
    }
    // Portals take turns, so that every one has popular articles.
    articles.sort_by(|a, b| a.path.rsplit('/').next().cmp(&b.path.rsplit('/').next()));
    Ok(articles)
}

/// `<meta property="NAME" content="…">`, as the demo pages write it.
fn meta_content(html: &str, name: &str) -> Option<String> {
    let tag = html.split("<meta").find(|tag| tag.contains(name))?;
    Some(tag.split("content=\"").nth(1)?.split('"').next()?.to_owned())
}
