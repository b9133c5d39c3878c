//! Writes JSON into a fixed buffer; what does not fit is noticed, never half sent.

/// Capacity. The longest hostile page (every text at its limit, every byte escaped) takes 18 KiB and the longest event 5 KiB;
/// the limit that matters in practice is [`FLUSH_BYTES`](crate::batch::FLUSH_BYTES).
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024;

/// Which characters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// Any; control characters become blanks.
    Text,
    /// A URL: control characters are left out, as browsers do.
    Url,
}

#[derive(Debug)]
pub(crate) struct Writer {
    bytes: [u8; BODY_BYTES_MAX],
    len: usize,
    is_overfull: bool,
}

impl Writer {
    #[expect(clippy::large_stack_arrays, reason = "the shell keeps it in a static or on the heap, and moves it once")]
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; BODY_BYTES_MAX], len: 0, is_overfull: false }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether something did not fit since the last [`Writer::truncate`].
    pub(crate) const fn is_overfull(&self) -> bool {
        self.is_overfull
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.is_overfull = false;
    }

    pub(crate) fn written(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.bytes.get_mut(self.len..end) {
            Some(room) if !self.is_overfull => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            Some(_) | None => self.is_overfull = true,
        }
    }

    pub(crate) fn number(&mut self, value: u64) {
        if value >= 10 {
            self.number(value / 10);
        }
        self.raw(&[digit(value)]);
    }

    /// A quoted string of at most `bytes_max` bytes before escaping, cut between characters.
    pub(crate) fn text(&mut self, text: &[u8], bytes_max: usize, charset: Charset) {
        self.raw(b"\"");
        let mut bytes_left = bytes_max;
        for character in text.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
            if character.is_control() && charset == Charset::Url {
                continue;
            }
            let character = if character.is_control() { ' ' } else { character };
            let mut encoded = [0; 4];
            let encoded = character.encode_utf8(&mut encoded).as_bytes();
            match bytes_left.checked_sub(encoded.len()) {
                Some(left) => bytes_left = left,
                None => break,
            }
            if matches!(character, '"' | '\\') {
                self.raw(b"\\");
            }
            self.raw(encoded);
        }
        self.raw(b"\"");
    }
}

/// Overwrites digits in place, right-aligned, so that a body can be stamped again before it is sent again.
pub(crate) fn stamp(digits: &mut [u8], mut value: u64) {
    for slot in digits.iter_mut().rev() {
        *slot = digit(value);
        value /= 10;
    }
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &[u8], bytes_max: usize, charset: Charset) -> String {
        let mut writer = Writer::new();
        writer.text(text, bytes_max, charset);
        String::from_utf8(writer.written().to_vec()).unwrap()
    }

    #[test]
    fn hostile_text_stays_one_json_string() {
        for hostile in ["\"},{\"", "\\", "\\\"", "</script>", "\u{2028}", "a\u{0}b", "\u{7f}\u{9b}", "é😀\u{fffd}"] {
            let written = text(hostile.as_bytes(), 100, Charset::Text);
            let expected = hostile.replace(char::is_control, " ");
            assert!(written.starts_with('"') && written.ends_with('"'));
            assert_eq!(written.replace("\\\\", "\u{1}").replace("\\\"", "\"").replace('\u{1}', "\\"), format!("\"{expected}\""));
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_left_out() {
        assert_eq!(text(b"a\xff\xfeb\xe2\x82", 100, Charset::Text), "\"ab\"");
    }

    #[test]
    fn a_url_loses_its_control_characters() {
        assert_eq!(text(b"https://a.example/\n\x00b", 100, Charset::Url), "\"https://a.example/b\"");
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(text("aé😀".as_bytes(), 6, Charset::Text), "\"aé\"");
        assert_eq!(text("aé😀".as_bytes(), 7, Charset::Text), "\"aé😀\"");
    }

    #[test]
    fn numbers_are_whole() {
        let mut writer = Writer::new();
        for number in [0, 9, 10, u64::MAX] {
            writer.number(number);
            writer.raw(b" ");
        }
        assert_eq!(writer.written(), b"0 9 10 18446744073709551615 ");
    }

    #[test]
    fn what_does_not_fit_is_noticed_and_can_be_taken_back() {
        let mut writer = Writer::new();
        writer.raw(&vec![b'a'; BODY_BYTES_MAX - 1]);
        writer.raw(b"bc");
        writer.raw(b"d");
        assert!(writer.is_overfull());
        assert_eq!(writer.len(), BODY_BYTES_MAX - 1);
        writer.truncate(3);
        assert!(!writer.is_overfull());
        assert_eq!(writer.written(), b"aaa");
    }
}
