//! What the made readers post: batches of ten events, about 2.9 KB, alike but for their ids.

use std::time::{SystemTime, UNIX_EPOCH};

/// Events of a batch.
pub(crate) const EVENTS: usize = 10;
/// Stand where the ids go.
const PAGEVIEW: &str = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP";
const VISITOR: &str = "VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV";

/// Two batches, of a reader with an id and of one without, and where their ids stand.
#[derive(Debug)]
pub(crate) struct Batches {
    identified: Template,
    cookieless: Template,
    started_at_ms: u64,
}

#[derive(Debug)]
struct Template {
    text: Vec<u8>,
    pageview_at: usize,
    visitor_at: Option<usize>,
}

impl Batches {
    /// Of readers who read now.
    pub(crate) fn new() -> Self {
        let now_ms = now_ms();
        let identified = Template::new(&text(now_ms, &format!(r#""visitor":"{VISITOR}","consent":"full""#)));
        let cookieless = Template::new(&text(now_ms, r#""consent":"cookieless""#));
        Self { identified, cookieless, started_at_ms: now_ms }
    }

    /// The n-th body and its pageview's id. Every other reader has an id of their own.
    pub(crate) fn body(&self, nth: u64) -> (Vec<u8>, String) {
        let template = if nth.is_multiple_of(2) { &self.identified } else { &self.cookieless };
        self.filled(template, nth, u128::from(nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }

    /// The n-th body of one reader.
    pub(crate) fn body_of(&self, nth: u64, visitor: u128) -> (Vec<u8>, String) {
        self.filled(&self.identified, nth, visitor)
    }

    fn filled(&self, template: &Template, nth: u64, visitor: u128) -> (Vec<u8>, String) {
        let pageview = format!("{:012x}{nth:020x}", self.started_at_ms);
        let mut body = template.text.clone();
        write_at(&mut body, template.pageview_at, &pageview);
        if let Some(at) = template.visitor_at {
            write_at(&mut body, at, &format!("{visitor:032x}"));
        }
        (body, pageview)
    }
}

impl Template {
    fn new(text: &str) -> Self {
        let visitor_at = text.find(VISITOR);
        Self { text: text.as_bytes().to_vec(), pageview_at: text.find(PAGEVIEW).unwrap_or(0), visitor_at }
    }
}

fn write_at(body: &mut [u8], at: usize, id: &str) {
    if let Some(place) = body.get_mut(at..at + id.len()) {
        place.copy_from_slice(id.as_bytes());
    }
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A reader's visit of some two minutes: read, clicked a link, saw a list of recommendations, shared.
fn text(now_ms: u64, reader: &str) -> String {
    let article = |nth: u32| format!("/economia/noticia/2026/11/23/o-que-muda-nos-juros-do-credito-consignado-{nth}.ghtml");
    let seen: Vec<String> = (1..=12).map(|nth| format!("\"{}\"", article(nth))).collect();
    let mut events = vec![format!(r#"{{"seq":0,"kind":"pageview","at_ms":{}}}"#, now_ms - 120_000)];
    for (seq, (engaged_ms, scroll_pct)) in (1..).zip([(4_810, 12), (9_700, 31), (19_320, 48), (41_200, 77), (61_850, 93)]) {
        let at_ms = now_ms - 120_000 + engaged_ms;
        events.push(format!(r#"{{"seq":{seq},"kind":"engagement","at_ms":{at_ms},"engaged_ms":{engaged_ms},"scroll_pct":{scroll_pct}}}"#));
    }
    events.push(format!(
        r#"{{"seq":6,"kind":"impression","at_ms":{},"rec_id":"9a1f03c2d4e5b6a7","placement":"leia-tambem","items":[{}]}}"#,
        now_ms - 40_000,
        seen.join(",")
    ));
    events.push(format!(
        r#"{{"seq":7,"kind":"custom","at_ms":{},"name":"share","props":{{"network":"whatsapp","place":"end of the article","url":"https://g1.example{}","count":1}}}}"#,
        now_ms - 20_000,
        article(0)
    ));
    events.push(format!(
        r#"{{"seq":8,"kind":"click","at_ms":{},"href":"https://www.example.org/relatorio/credito-consignado-2026.html?utm_source=g1","link":"outbound"}}"#,
        now_ms - 10_000
    ));
    events.push(format!(
        r#"{{"seq":9,"kind":"click","at_ms":{},"href":"https://g1.example{}","link":"internal","rec_id":"9a1f03c2d4e5b6a7","position":2}}"#,
        now_ms - 90,
        article(3)
    ));
    let (own, events) = (article(0), events.join(","));
    format!(
        r#"{{"v":1,"portal":"g1","pageview":"{PAGEVIEW}",{reader},"page":"article","url":"https://g1.example{own}?utm_source=push&utm_medium=app","item":"{own}","referrer":"https://www.google.com/search?q=juros+do+credito+consignado","meta":{{"title":"O que muda nos juros do crédito consignado a partir de hoje, e para quem: veja simulações","section":"economia","published_at_ms":{},"image":"https://s2.g1.example/imagens/2026/11/23/consignado/620x413.jpg"}},"sent_at_ms":{now_ms},"dropped":0,"bot":false,"events":[{events}]}}"#,
        now_ms - 7_200_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_a_batch_of_ten_events_of_its_own_pageview() {
        let batches = Batches::new();
        for nth in [0, 1, 2, 12_345] {
            let (body, pageview) = batches.body(nth);
            assert!((2_800..3_000).contains(&body.len()), "{}", body.len());
            let parsed = wire::Batch::parse(&body).unwrap();
            assert_eq!((parsed.batch.events.len(), parsed.rejected.len(), parsed.ignored.len()), (EVENTS, 0, 0));
            assert_eq!(parsed.batch.pageview.to_string(), pageview);
            assert_eq!(parsed.batch.visitor.is_some(), nth % 2 == 0);
        }
        assert_ne!(batches.body(2).1, batches.body(4).1);
    }
}
