//! The same in one segment of an SMS.

use crate::message::word;
use crate::moment;
use crate::news::{News, Turn};

/// A segment has 160 characters of GSM 03.38; SNS may put a sender before the text.
pub(crate) const UNITS_MAX: usize = 140;
/// Characters of GSM 03.38 besides letters and digits of ASCII that our texts need; one unit each
/// (<https://www.etsi.org/deliver/etsi_gts/03/0338/05.00.00_60/gsmts_0338v050000p.pdf>).
const PLAIN: &str = " @_!\"#%&'()*+,-./:;<=>?àéèìòùñÇÑÉ";
/// Those behind an escape: two units.
const ESCAPED: &str = "^{}[]~|\\";
/// What Portuguese has and GSM has not, and what stands for it.
const INSTEAD: [(&str, char); 10] = [
    ("áâãÁÂÃÀ", 'a'),
    ("êÊÈ", 'e'),
    ("íÍ", 'i'),
    ("óôõÓÔÕ", 'o'),
    ("úÚ", 'u'),
    ("ç", 'c'),
    ("–—", '-'),
    ("“”", '"'),
    ("‘’", '\''),
    ("\n\r\t", ' '),
];

/// At most [`UNITS_MAX`] units.
pub(crate) fn text(news: &News) -> String {
    let portal = news.portal.as_ref().map(|portal| format!(" {portal}")).unwrap_or_default();
    let since = news.since_ms.map(|at_ms| format!(" {} SP", moment::sao_paulo_short(at_ms))).unwrap_or_default();
    let head = format!("Pulso {}{portal} {}{since}", word(news), news.name);
    match news.turn {
        Turn::Begun => cut(&format!("{head}: {}", news.says)),
        Turn::Over => cut(&head),
    }
}

/// In the characters of GSM, and no longer than a segment: cut where a word ends.
fn cut(text: &str) -> String {
    let text: String = text.chars().map(plain).collect();
    if units(&text) <= UNITS_MAX {
        return text;
    }
    let mut kept = String::new();
    for word in text.split_inclusive(' ') {
        if units(&kept) + units(word.trim_end()) + 2 > UNITS_MAX {
            break;
        }
        kept.push_str(word);
    }
    // One endless word.
    if kept.is_empty() {
        kept = text
            .chars()
            .scan(0, |sum, c| {
                *sum += unit(c);
                (*sum + 2 <= UNITS_MAX).then_some(c)
            })
            .collect();
    }
    kept.truncate(kept.trim_end().len());
    kept + ".."
}

fn plain(c: char) -> char {
    if c.is_ascii_alphanumeric() || PLAIN.contains(c) || ESCAPED.contains(c) {
        return c;
    }
    INSTEAD.iter().find(|(these, _)| these.contains(c)).map_or('?', |(_, instead)| *instead)
}

fn unit(c: char) -> usize {
    if ESCAPED.contains(c) { 2 } else { 1 }
}

fn units(text: &str) -> usize {
    text.chars().map(unit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_word_ends() {
        let long = "palavra ".repeat(40);
        let short = cut(&long);
        assert_eq!(units(&short), 17 * 8 - 1 + 2, "{short}");
        assert!(short.ends_with("palavra.."));
        assert_eq!(units(&cut(&"x".repeat(300))), UNITS_MAX);
        assert_eq!(units(&cut(&"[".repeat(300))), UNITS_MAX);
        assert_eq!(cut(&"x".repeat(140)), "x".repeat(140));
    }

    #[test]
    fn every_character_is_one_of_gsm() {
        assert_eq!(cut("Não há dados: ação “já” – 5 % [x] 漢\n"), "Nao ha dados: acao \"ja\" - 5 % [x] ? ");
        // In GSM the place of an ASCII backquote is no character at all, and a dollar sign has another.
        assert_eq!(cut("`$€"), "???");
    }
}
