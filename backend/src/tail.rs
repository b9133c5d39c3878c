//! One line of text for an event or a refused body. What it shows comes from anybody: control characters never reach the terminal.

use std::fmt::Write as _;

use wire::{Batch, Consent, Edge, Envelope, Event, EventKind, LinkKind, RecId, Scalar, VisitorId};

/// How much of a refused body is shown, in characters.
const BODY_CHARS_MAX: usize = 160;

/// How lines look and which are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) has_colours: bool,
    /// Only this reader.
    pub(crate) visitor: Option<VisitorId>,
}

/// A body that the edge refused, as `GET /admin/bad` lists it.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Refused {
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) body: wire::BadBody,
}

impl View {
    /// The lines of a record's events, each with its line feed.
    pub(crate) fn events(&self, envelope: &Envelope) -> String {
        let mut text = String::new();
        if self.visitor.is_some_and(|visitor| visitor != envelope.edge.visitor) {
            return text;
        }
        for event in &envelope.batch.events {
            self.event(&mut text, &envelope.batch, &envelope.edge, event);
        }
        text
    }

    /// The line of a refused body.
    pub(crate) fn refused(&self, refused: &Refused) -> String {
        let bad = &refused.body;
        let body: String = bad.body.chars().take(BODY_CHARS_MAX).collect();
        let more = if bad.body.chars().count() > BODY_CHARS_MAX { "…" } else { "" };
        format!(
            "{} {:<8} {}  from {}  {}{more}\n",
            self.paint(Colour::Dim, &clock(bad.at_ms)),
            clean(bad.portal.as_deref().unwrap_or("-")),
            self.paint(Colour::Red, &format!("refused {}: {}", clean(&bad.code), clean(&bad.message))),
            clean(bad.origin.as_deref().unwrap_or("no origin")),
            self.paint(Colour::Dim, &clean(&body)),
        )
    }

    /// The line of a record that is no envelope.
    pub(crate) fn poison(&self, portal: &str, shard: &str, sequence_number: &str, why: &str) -> String {
        let what = self.paint(Colour::Red, &format!("poison: {}", clean(why)));
        format!("{:12} {portal:<8} {what}  {} {}\n", "", clean(shard), clean(sequence_number))
    }

    fn event(&self, text: &mut String, batch: &Batch, edge: &Edge, event: &Event) {
        let at_ms = event.at_ms.saturating_add_signed(edge.skew_ms).min(edge.received_at_ms);
        let (kind, what) = words(batch, &event.kind);
        let pageview = format!("{}", batch.pageview);
        // The first digits are the time; the last ones tell pageviews apart.
        let short = pageview.get(24..).unwrap_or_default();
        let bot = if batch.bot || edge.bot { " bot" } else { "" };
        let who = format!(
            "{short}#{} {} {}/{} {}{bot}",
            event.seq,
            consent(batch.consent),
            clean(&edge.browser),
            clean(&edge.os),
            clean(&edge.country)
        );
        // A `String` takes everything.
        let _ = writeln!(
            text,
            "{} {:<8} {} {}  {}",
            self.paint(Colour::Dim, &clock(at_ms)),
            batch.portal.as_str(),
            self.paint(Colour::Cyan, &format!("{kind:<10}")),
            clean(&what),
            self.paint(Colour::Dim, &who),
        );
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Dim => "2",
            Colour::Cyan => "36",
            Colour::Red => "31",
        };
        if self.has_colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[derive(Clone, Copy)]
enum Colour {
    Dim,
    Cyan,
    Red,
}

/// The kind of an event, and the rest in words.
fn words(batch: &Batch, kind: &EventKind) -> (&'static str, String) {
    let page = batch.item().map_or_else(|| batch.url.clone(), |item| item.as_str().to_owned());
    match kind {
        EventKind::Pageview => ("pageview", page),
        EventKind::Engagement { engaged_ms, scroll_pct } => {
            ("engagement", format!("{page}  {}.{} s  {scroll_pct} %", engaged_ms / 1000, engaged_ms % 1000 / 100))
        }
        EventKind::Click { href, link, rec_id, position } => {
            let link = match link {
                LinkKind::Internal => "internal",
                LinkKind::Outbound => "outbound",
                LinkKind::Download => "download",
            };
            let position = position.map(|position| format!(" position {position}")).unwrap_or_default();
            ("click", format!("{page} -> {href}  {link}{}{position}", recommendation(*rec_id)))
        }
        EventKind::Impression { rec_id, placement, items } => {
            ("impression", format!("{page}  {placement} {} items{}", items.len(), recommendation(Some(*rec_id))))
        }
        EventKind::Custom { name, props } => {
            let prop = |(key, scalar): (&String, &Scalar)| match scalar {
                Scalar::Bool(value) => format!(" {key}={value}"),
                Scalar::Number(value) => format!(" {key}={value}"),
                Scalar::Text(value) => format!(" {key}={value}"),
            };
            let props: Vec<String> = props.iter().map(prop).collect();
            ("custom", format!("{page}  {name}{}", props.concat()))
        }
    }
}

fn recommendation(rec_id: Option<RecId>) -> String {
    rec_id.map(|rec_id| format!(" rec {rec_id}")).unwrap_or_default()
}

const fn consent(consent: Consent) -> &'static str {
    match consent {
        Consent::Full => "full",
        Consent::Cookieless => "cookieless",
        Consent::Off => "off",
    }
}

/// Time of day in UTC: `21:03:04.123`.
fn clock(at_ms: u64) -> String {
    let day_ms = at_ms % 86_400_000;
    format!("{:02}:{:02}:{:02}.{:03}", day_ms / 3_600_000, day_ms / 60_000 % 60, day_ms / 1000 % 60, day_ms % 1000)
}

/// Escapes what could move the cursor, colour the terminal or turn the text round.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        let is_invisible = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || is_invisible {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope::parse(include_bytes!("../../wire/tests/golden/envelope.json")).unwrap()
    }

    fn refused(body: &str) -> Refused {
        let mut golden: serde_json::Value = serde_json::from_str(include_str!("../../wire/tests/golden/bad_body.json")).unwrap();
        golden["key"] = "bad/1".into();
        golden["body"] = body.into();
        serde_json::from_value(golden).unwrap()
    }

    #[test]
    fn every_kind_of_event_is_one_readable_line() {
        let text = View::default().events(&envelope());
        let page = "/economia/noticia/juros.ghtml";
        let tail = "full chrome/android BR";
        let expected = [
            format!("08:43:20.214 g1       pageview   {page}  9d3e7a42#0 {tail}"),
            format!("08:43:25.291 g1       engagement {page}  4.8 s  43 %  9d3e7a42#1 {tail}"),
            format!(
                "08:43:25.298 g1       click      {page} -> https://g1.example/x.ghtml  internal rec 9a1f03c2d4e5b6a7 position 2  9d3e7a42#2 {tail}"
            ),
            format!("08:43:23.091 g1       impression {page}  leia-tambem 2 items rec 9a1f03c2d4e5b6a7  9d3e7a42#3 {tail}"),
            format!("08:43:24.091 g1       custom     {page}  share network=whatsapp  9d3e7a42#4 {tail}"),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn another_reader_is_not_shown() {
        let other = View { visitor: Some(VisitorId::from_bits(1)), ..View::default() };
        assert_eq!(other.events(&envelope()), "");
        let same = View { visitor: Some(envelope().edge.visitor), ..View::default() };
        assert_eq!(same.events(&envelope()).lines().count(), 5);
    }

    #[test]
    fn hostile_text_stays_on_its_line_and_away_from_the_terminal() {
        let evil = "\u{1b}[2J\u{7}\r\nroot# \u{9b}31m\u{202e}gnp.exe\u{0}";
        let mut envelope = envelope();
        envelope.edge.browser = evil.to_owned();
        envelope.edge.country = evil.to_owned();
        if let EventKind::Click { href, .. } = &mut envelope.batch.events[2].kind {
            evil.clone_into(href);
        }
        if let EventKind::Custom { name, props } = &mut envelope.batch.events[4].kind {
            evil.clone_into(name);
            props.insert(evil.to_owned(), Scalar::Text(evil.to_owned()));
        }
        let view = View::default();
        let bad = view.refused(&refused(evil)) + &view.poison("g1", "shard", "1", evil);
        for (text, lines) in [(view.events(&envelope), 5), (bad, 2)] {
            assert_eq!(text.lines().count(), lines);
            assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
        }
    }

    #[test]
    fn a_refused_body_says_why_and_is_cut() {
        let line = View::default().refused(&refused(&"x".repeat(1_000)));
        assert!(line.contains("refused unknown_portal: portal zz is not in portals.toml  from https://g1.example  xxx"), "{line}");
        assert!(line.ends_with("x…\n") && line.chars().count() < 300, "{line}");
    }

    #[test]
    fn colours_are_only_there_when_asked_for() {
        assert!(!View::default().events(&envelope()).contains('\u{1b}'));
        let view = View { has_colours: true, ..View::default() };
        assert!(view.events(&envelope()).contains("\u{1b}[36m"));
    }
}
