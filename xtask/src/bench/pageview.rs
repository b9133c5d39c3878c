//! A click of the log as the records that its pageview leaves in the stream: two or three POSTs of about ten events.

use wire::{
    Batch, Consent, Edge, Envelope, Event, EventKind, Item, LinkKind, Meta, NetworkId, PageKind, PortalId, RecId, Scalar, Source, Via,
    VisitorId,
};

use crate::beacon::{Random, event, pageview_id};
use crate::replay::Click;

const SECTIONS: [&str; 6] = ["economia", "politica", "rio", "sao-paulo", "mundo", "ciencia-e-saude"];
const WORDS: [&str; 16] =
    ["juros", "caem", "após", "decisão", "do", "Banco", "Central", "e", "dólar", "fecha", "em", "alta", "na", "véspera", "da", "eleição"];
const REFERRERS: [(Source, &str); 5] = [
    (Source::Internal, "https://g1.example/"),
    (Source::Internal, "https://g1.example/economia/"),
    (Source::Search, "https://www.google.com/"),
    (Source::Social, "https://l.facebook.com/"),
    (Source::Direct, ""),
];
/// Browser, system and device as the edge names them.
const AGENTS: [(&str, &str, &str); 5] = [
    ("chrome", "android", "mobile"),
    ("chrome", "windows", "desktop"),
    ("safari", "ios", "mobile"),
    ("samsung", "android", "mobile"),
    ("edge", "windows", "desktop"),
];
const REGIONS: [&str; 5] = ["SP", "RJ", "MG", "RS", "BA"];
/// Readers share networks.
const NETWORKS: u64 = 20_011;
const VERSION: &str = "0.1.0";

/// What does not change within a pageview.
struct Visit {
    batch: Batch,
    edge: Edge,
    /// The reader's clock minus the edge's.
    clock_ms: i64,
}

/// The records of a click's pageview, in the order of their arrival, with about two repeats in a hundred.
/// The same click and place in the log give the same records.
pub(super) fn records(click: &Click, nth: u64) -> Vec<Envelope> {
    let mut random = Random::from_seed(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ click.visitor);
    let visit = visit(click, &mut random);
    let events = events(click, &visit, &mut random);
    let mut records = Vec::new();
    for (index, events) in posts(events, &mut random).into_iter().enumerate() {
        let record = record(&visit, events, index == 0, &mut random);
        match random.below(100) {
            // Kinesis stored it twice.
            0 => records.push(record.clone()),
            // The answer was lost, and the tracker sent it again.
            1 => records.push(sent_again(record.clone(), &mut random)),
            _ => {}
        }
        records.push(record);
    }
    records
}

fn visit(click: &Click, random: &mut Random) -> Visit {
    let mut reader = Random::from_seed(click.visitor);
    let bits = reader.next_u128();
    let is_cookieless = reader.below(4) == 0;
    // The edge's daily hash begins with `d`.
    let visitor = VisitorId::from_bits(if is_cookieless { (bits >> 4) | (0xd << 124) } else { bits });
    let (browser, os, device) = *choice(&AGENTS, &mut reader);
    let region = *choice(&REGIONS, &mut reader);
    let clock_ms = if reader.below(20) == 0 { signed(reader.below(7_200_000)) - 3_600_000 } else { signed(reader.below(4_000)) - 2_000 };
    let is_bot = reader.below(100) == 0;
    let trust = 60 + u8::try_from(reader.below(41)).unwrap_or(0);
    let (page, url, item) = page(click, random);
    let (source, referrer) = *choice(&REFERRERS, random);
    let batch = Batch {
        v: 1,
        portal: PortalId::parse("g1").unwrap_or_else(|| unreachable!("g1 is an id")),
        pageview: pageview_id(click.at_ms.saturating_add_signed(clock_ms), random.next_u128()),
        visitor: (!is_cookieless).then_some(visitor),
        user: None,
        consent: if is_cookieless { Consent::Cookieless } else { Consent::Full },
        page,
        url,
        item,
        referrer: (!referrer.is_empty()).then(|| referrer.to_owned()),
        meta: None,
        sent_at_ms: 0,
        dropped: 0,
        bot: is_bot,
        events: Vec::new(),
    };
    let (country, version) = ("BR".to_owned(), VERSION.to_owned());
    let (browser, os, device, region) = (browser.to_owned(), os.to_owned(), device.to_owned(), region.to_owned());
    let (via, attempts, received_at_ms, skew_ms) = (Via::Direct, 1, 0, 0);
    let network = Some(NetworkId::from_bits(Random::from_seed(click.visitor % NETWORKS).next()));
    // What the page says is enough here: a record says `edge.bot` only besides.
    let bot = false;
    let edge = Edge {
        received_at_ms,
        skew_ms,
        visitor,
        network,
        country,
        region,
        browser,
        os,
        device,
        source,
        trust,
        bot,
        via,
        attempts,
        version,
        tally: None,
    };
    Visit { batch, edge, clock_ms }
}

/// Kind, address and item. A twelfth are no articles; some articles do not say their canonical path.
fn page(click: &Click, random: &mut Random) -> (PageKind, String, Option<Item>) {
    let mut article = Random::from_seed(click.article);
    let section = choice(&SECTIONS, &mut article);
    match random.below(24) {
        0 => return (PageKind::Front, "https://g1.example/".to_owned(), None),
        1 => return (PageKind::Section, format!("https://g1.example/{section}/"), None),
        _ => {}
    }
    let (month, day) = (1 + article.below(12), 1 + article.below(28));
    let path = format!("/{section}/noticia/2026/{month:02}/{day:02}/{}-{}.ghtml", slug(&title(&mut article)), click.article);
    let item = if random.below(33) == 0 { None } else { Item::parse(&path) };
    let query = if random.below(5) == 0 { "?utm_source=push" } else { "" };
    (PageKind::Article, format!("https://g1.example{path}{query}"), item)
}

fn title(article: &mut Random) -> String {
    let count = 6 + article.below(5);
    (0..count).map(|_| *choice(&WORDS, article)).collect::<Vec<_>>().join(" ")
}

fn slug(title: &str) -> String {
    title.replace(' ', "-").chars().filter(char::is_ascii).collect::<String>().to_ascii_lowercase()
}

fn meta(batch: &Batch) -> Meta {
    let seed = batch.url.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut article = Random::from_seed(seed);
    Meta {
        title: Some(title(&mut article)),
        section: Some((*choice(&SECTIONS, &mut article)).to_owned()),
        published_at_ms: Some(1_789_000_000_000 + article.below(800_000_000)),
        image: Some(format!(
            "https://s2.g1.example/v1/AUTH_59edd422c0c84a879bd37670ae4f538a/internal_photos/bs/2026/{:08x}.jpg",
            article.below(1 << 32)
        )),
    }
}

/// The pageview, pings whose figures never fall, and now and then something else.
fn events(click: &Click, visit: &Visit, random: &mut Random) -> Vec<Event> {
    let mut at_ms = click.at_ms.saturating_add_signed(visit.clock_ms);
    let (mut engaged_ms, mut scroll_pct) = (0, random.below(20));
    let mut kinds = vec![(at_ms, EventKind::Pageview)];
    let pings = 3 + random.below(11);
    for ping in 0..pings {
        let step_ms = 2_000 + random.below(13_000);
        at_ms += step_ms;
        engaged_ms += step_ms - random.below(step_ms / 2);
        scroll_pct = (scroll_pct + random.below(16)).min(100);
        if ping == 2 && random.below(2) == 0 {
            kinds.push((at_ms - 500, impression(random)));
        }
        kinds.push((at_ms, EventKind::Engagement { engaged_ms, scroll_pct: u8::try_from(scroll_pct).unwrap_or(100) }));
    }
    match random.below(100) {
        0..3 => kinds.push((at_ms + 300, custom("share", "whatsapp"))),
        3..10 => kinds.push((at_ms + 300, custom("video_play", "globoplay"))),
        10..45 => kinds.push((at_ms + 900, click_on(random))),
        _ => {}
    }
    (0..).zip(kinds).map(|(seq, (at_ms, kind))| event(seq, at_ms, kind)).collect()
}

fn some_path(random: &mut Random) -> String {
    format!("/{}/noticia/2026/10/05/{}-{}.ghtml", choice(&SECTIONS, random), choice(&WORDS[..3], random), random.below(30_000))
        .replace(|c: char| !c.is_ascii(), "")
}

fn impression(random: &mut Random) -> EventKind {
    let items = (0..4).filter_map(|_| Item::parse(&some_path(random))).collect();
    EventKind::Impression { rec_id: RecId::from_bits(random.next()), placement: "leia-tambem".to_owned(), items }
}

fn click_on(random: &mut Random) -> EventKind {
    let is_recommended = random.below(4) == 0;
    EventKind::Click {
        href: format!("https://g1.example{}", some_path(random)),
        link: LinkKind::Internal,
        rec_id: is_recommended.then(|| RecId::from_bits(random.next())),
        position: is_recommended.then_some(2),
    }
}

fn custom(name: &str, network: &str) -> EventKind {
    EventKind::Custom { name: name.to_owned(), props: [("network".to_owned(), Scalar::Text(network.to_owned()))].into() }
}

/// First the pageview at once, then the rest in one POST or two.
fn posts(mut events: Vec<Event>, random: &mut Random) -> Vec<Vec<Event>> {
    let mut rest = events.split_off(1 + usize::from(random.below(3) == 0));
    if random.below(2) == 0 && rest.len() > 3 {
        let last = rest.split_off(rest.len() / 2);
        return vec![events, rest, last];
    }
    vec![events, rest]
}

fn record(visit: &Visit, events: Vec<Event>, is_first: bool, random: &mut Random) -> Envelope {
    let (mut batch, mut edge) = (visit.batch.clone(), visit.edge.clone());
    let last_at_ms = events.last().map_or(0, |event| event.at_ms);
    batch.sent_at_ms = last_at_ms + 10 + random.below(1_500);
    if is_first && batch.page == PageKind::Article {
        batch.meta = Some(meta(&batch));
    }
    batch.events = events;
    edge.received_at_ms = batch.sent_at_ms.saturating_add_signed(-visit.clock_ms) + 30 + random.below(300);
    edge.skew_ms = signed(edge.received_at_ms) - signed(batch.sent_at_ms);
    if random.below(200) == 0 {
        (edge.via, edge.attempts) = (Via::Queue, 2);
    }
    Envelope { v: 1, batch, edge }
}

fn sent_again(mut record: Envelope, random: &mut Random) -> Envelope {
    let later_ms = 3_000 + random.below(30_000);
    record.batch.sent_at_ms += later_ms;
    record.edge.received_at_ms += later_ms + random.below(200);
    record.edge.skew_ms = signed(record.edge.received_at_ms) - signed(record.batch.sent_at_ms);
    record
}

fn choice<'a, T>(choices: &'a [T], random: &mut Random) -> &'a T {
    let count = u64::try_from(choices.len()).unwrap_or(1);
    let at = usize::try_from(random.below(count)).unwrap_or(0);
    choices.get(at).unwrap_or_else(|| unreachable!("a place below the count"))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pageview_is_two_or_three_posts_of_about_ten_events() {
        let (mut events, mut posts) = (0, 0);
        for nth in 0..1_000 {
            let records = records(&Click { at_ms: 1_789_873_200_026, visitor: nth, article: 7 }, nth);
            let mut distinct = std::collections::BTreeSet::new();
            for record in &records {
                assert_eq!(Envelope::parse(record.to_record().unwrap().as_bytes()).unwrap(), *record);
                assert!(record.edge.received_at_ms >= 1_789_873_200_026);
                distinct.extend(record.batch.events.iter().map(|event| event.seq));
            }
            events += distinct.len();
            posts += records.len();
        }
        assert!((9_000..11_000).contains(&events), "{events}");
        assert!((2_200..2_700).contains(&posts), "{posts}");
    }
}
