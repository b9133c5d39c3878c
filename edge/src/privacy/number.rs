//! Numbers that name a person: CPFs and Brazilian telephone numbers.

use super::scan::{Found, Place, byte_at, byte_before};

/// A CPF or a telephone number that begins here.
pub(super) fn find(bytes: &[u8], at: usize, place: Place) -> Option<Found> {
    if goes_on_before(bytes, at) {
        return None;
    }
    let cpf = || cpf(bytes, at, place).map(|end| Found { start: at, end, mask: "(cpf)" });
    cpf().or_else(|| phone(bytes, at, place).map(|end| Found { start: at, end, mask: "(phone)" }))
}

/// A number is cut out of no longer one: `2.123.456.789-09` is no CPF.
fn goes_on_before(bytes: &[u8], at: usize) -> bool {
    let before = byte_before(bytes, at);
    let is_joined =
        before.is_ascii_digit() || matches!(before, b'.' | b',' | b'/' | b'-') && at >= 2 && byte_at(bytes, at - 2).is_ascii_digit();
    // `…/11/22/(11) 9…` and `2026/52998224725`: a segment begins a number of its own unless it is a date's.
    if before == b'/' { is_joined && byte_at(bytes, at) != b'(' && run(bytes, at) < 9 } else { is_joined && byte_at(bytes, at) != b'(' }
}

fn goes_on_after(bytes: &[u8], end: usize) -> bool {
    let after = byte_at(bytes, end);
    after.is_ascii_digit() || matches!(after, b'.' | b',' | b'-') && byte_at(bytes, end + 1).is_ascii_digit()
}

/// How many digits follow one another.
fn run(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether a number is all that stands between delimiters: in an address a slug's number is an id.
fn is_whole(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_edge = |byte| matches!(byte, 0 | b'/' | b'=' | b'&' | b';' | b',' | b':');
    is_edge(byte_before(bytes, start)) && is_edge(byte_at(bytes, end))
}

/// Words before a number that say what it is.
const HINTS: [&[u8]; 10] = [b"cpf", b"tel", b"telefone", b"fone", b"cel", b"celular", b"whatsapp", b"whats", b"zap", b"phone"];

/// Whether one of [`HINTS`] stands right before.
fn is_announced(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(start.saturating_sub(16)..start).unwrap_or_default();
    let end = before.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
    let word = before.get(..end).unwrap_or_default();
    let begin = word.iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |last| last + 1);
    let word = word.get(begin..).unwrap_or_default();
    before.len() - end <= 4 && HINTS.iter().any(|hint| word.eq_ignore_ascii_case(hint))
}

/// Reads digits past separators.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    digits: [u8; 11],
    count: usize,
    separators: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, digits: [0; 11], count: 0, separators: 0 }
    }

    /// So many digits in a row.
    fn take(&mut self, wanted: usize) -> Option<()> {
        for _ in 0..wanted {
            let digit = byte_at(self.bytes, self.at);
            if !digit.is_ascii_digit() {
                return None;
            }
            *self.digits.get_mut(self.count)? = digit - b'0';
            (self.count, self.at) = (self.count + 1, self.at + 1);
        }
        Some(())
    }

    /// One separator, if there is one. A no-break space has two bytes.
    fn separator(&mut self) {
        let is_separator = matches!(byte_at(self.bytes, self.at), b' ' | b'.' | b'-' | b'/');
        let is_no_break = byte_at(self.bytes, self.at) == 0xc2 && byte_at(self.bytes, self.at + 1) == 0xa0;
        self.at += if is_no_break { 2 } else { usize::from(is_separator) };
        self.separators += usize::from(is_separator || is_no_break);
    }
}

/// The end of a CPF: three, three, three and two digits, the last two of which check the others.
fn cpf(bytes: &[u8], start: usize, place: Place) -> Option<usize> {
    let mut reader = Reader::new(bytes, start);
    for group in [3, 3, 3] {
        reader.take(group)?;
        reader.separator();
    }
    reader.take(2)?;
    let end = reader.at;
    let is_written_as_one = reader.separators == 3 && byte_at(bytes, start + 3) == b'.';
    let is_meant = place == Place::Text || is_written_as_one || is_whole(bytes, start, end) || is_announced(bytes, start);
    (is_meant && !goes_on_after(bytes, end) && !is_in_a_word(bytes, start, end) && checks(&reader.digits)).then_some(end)
}

/// `a52998224725` and `52998224725b` are parts of an id.
fn is_in_a_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    is_word(byte_before(bytes, start)) || is_word(byte_at(bytes, end))
}

/// <https://pt.wikipedia.org/wiki/Cadastro_de_Pessoas_F%C3%ADsicas>: each check digit is the weighted sum of those before, times ten, modulo eleven.
fn checks(digits: &[u8; 11]) -> bool {
    let check = |count: usize| {
        let weighted = |(place, digit): (usize, &u8)| u32::from(*digit) * u32::try_from(count + 1 - place).unwrap_or_default();
        let sum: u32 = digits.iter().take(count).enumerate().map(weighted).sum();
        sum * 10 % 11 % 10 == digits.get(count).copied().map_or(0, u32::from)
    };
    let is_one_digit = digits.iter().all(|digit| Some(digit) == digits.first());
    check(9) && check(10) && !is_one_digit
}

/// Area codes that exist: no second digit 0, and these gaps.
fn is_area_code(tens: u8, ones: u8) -> bool {
    let missing = [20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80, 90];
    let code = tens * 10 + ones;
    (11..=99).contains(&code) && !missing.contains(&code)
}

/// How a telephone number is written, as far as that tells it from other numbers.
#[derive(Default)]
struct Writing {
    has_country: bool,
    has_brackets: bool,
    has_area: bool,
}

/// The end of a telephone number: `+55 11 91234-5678`, `(11) 2345-6789`, `11912345678` and the like.
fn phone(bytes: &[u8], start: usize, place: Place) -> Option<usize> {
    if is_in_a_word(bytes, start, start) && byte_at(bytes, start).is_ascii_digit() && byte_before(bytes, start).is_ascii_alphabetic() {
        return None;
    }
    with_area(bytes, start, place).or_else(|| without_area(bytes, start, place))
}

fn with_area(bytes: &[u8], start: usize, place: Place) -> Option<usize> {
    let mut reader = Reader::new(bytes, start);
    let mut writing = Writing { has_area: true, ..Writing::default() };
    writing.has_country = country(&mut reader);
    writing.has_brackets = byte_at(bytes, reader.at) == b'(';
    reader.at += usize::from(writing.has_brackets);
    // The trunk prefix, and `0xx11`.
    if byte_at(bytes, reader.at) == b'0' {
        reader.at += 1;
    }
    reader.take(2)?;
    let [tens, ones, ..] = reader.digits;
    if !is_area_code(tens, ones) {
        return None;
    }
    if writing.has_brackets {
        if byte_at(bytes, reader.at) != b')' {
            return None;
        }
        reader.at += 1;
    }
    reader.separators = 0;
    reader.separator();
    local(&mut reader, start, place, &writing)
}

/// Only with a dash, five and four digits, or when a word announces it: else it would be any two numbers.
fn without_area(bytes: &[u8], start: usize, place: Place) -> Option<usize> {
    let mut reader = Reader::new(bytes, start);
    // Where an area code would stand.
    reader.count = 2;
    local(&mut reader, start, place, &Writing::default())
}

/// `+55`, `0055`, or `55` in front of ten digits or more.
fn country(reader: &mut Reader<'_>) -> bool {
    let rest = reader.bytes.get(reader.at..).unwrap_or_default();
    let prefix = if rest.starts_with(b"+55") {
        3
    } else if rest.starts_with(b"0055") {
        4
    } else if rest.starts_with(b"55") && (run(reader.bytes, reader.at) >= 12 || rest.get(2).is_some_and(|byte| b" (-".contains(byte))) {
        2
    } else {
        return false;
    };
    reader.at += prefix;
    reader.separator();
    true
}

fn local(reader: &mut Reader<'_>, start: usize, place: Place, writing: &Writing) -> Option<usize> {
    let bytes = reader.bytes;
    let is_mobile = byte_at(bytes, reader.at) == b'9';
    let first = reader.at;
    if is_mobile {
        reader.take(1)?;
        let separators = reader.separators;
        reader.separator();
        // `9 1234`: which dash comes next still counts for itself.
        reader.separators = separators;
    } else if !matches!(byte_at(bytes, first), b'2'..=b'5') {
        return None;
    }
    let block = reader.at;
    reader.take(4)?;
    let dash = reader.at;
    reader.separator();
    let last = reader.at;
    reader.take(4)?;
    let end = reader.at;
    let is_years = !is_mobile && is_year(bytes, block) && is_year(bytes, last);
    if goes_on_after(bytes, end) || byte_at(bytes, end).is_ascii_alphanumeric() || is_years {
        return None;
    }
    let is_announced = is_announced(bytes, start);
    let is_sure = writing.has_area && (writing.has_country || writing.has_brackets) || is_announced;
    let is_likely = match (writing.has_area, is_mobile) {
        (true, true) => true,
        (true, false) => reader.separators >= 2,
        (false, true) => byte_at(bytes, dash) == b'-',
        (false, false) => false,
    };
    let is_meant = match place {
        Place::Text => is_sure || is_likely,
        Place::Path => {
            is_announced || is_whole(bytes, start, end) && (is_sure || is_likely) || writing.has_brackets || byte_at(bytes, start) == b'+'
        }
    };
    is_meant.then_some(end)
}

/// 1900 to 2099.
fn is_year(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 2).is_some_and(|century| century == b"19" || century == b"20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::masked;

    #[test]
    fn check_digits_tell_a_cpf_from_a_number() {
        let digits = |text: &str| {
            let mut digits = [0; 11];
            text.bytes().zip(&mut digits).for_each(|(byte, digit)| *digit = byte - b'0');
            digits
        };
        for (text, expected) in [
            ("52998224725", true),
            ("12345678909", true),
            ("11144477735", true),
            ("52998224724", false),
            ("52998224715", false),
            ("11111111111", false),
            ("12345678901", false),
        ] {
            assert_eq!(checks(&digits(text)), expected, "{text}");
        }
    }

    #[test]
    fn an_articles_id_stays_and_a_readers_number_does_not() {
        let path = |path: &str| masked(path, Place::Path);
        assert_eq!(path("/g1-12345678909.ghtml"), None);
        assert_eq!(path("/noticia/2026/11/22/11912345678-1.ghtml"), None);
        assert_eq!(path("/conta/52998224725/pedidos").as_deref(), Some("/conta/(cpf)/pedidos"));
        assert_eq!(path("/5511912345678").as_deref(), Some("/(phone)"));
    }
}
