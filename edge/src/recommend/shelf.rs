//! What an isolate keeps of the portals: how long it is believed, and which portal goes when there is no room for all of them.

use std::collections::HashMap;
use std::rc::Rc;

use wire::PortalId;

/// Of the 128 MB of an isolate. The largest files of one portal need 44: model 24, cards 4, catalogue 8, rules 1, the last three half as much again.
pub(super) const SHELVES_BYTES_MAX: usize = 50_331_648;
/// What was read is believed so long, milliseconds; then it is read again, while answers go on with what is there.
pub const FRESH_MS: u64 = 15_000;
/// What could not be read whole is read again sooner.
pub const DOUBTED_MS: u64 = 2_000;
/// What is older, because nobody asked meanwhile, is not answered before it was tried to read it again.
pub(super) const STALE_MS_MAX: u64 = 300_000;

/// What a portal's shelf has.
#[derive(Debug)]
pub enum Found<T> {
    /// It is believed.
    Fresh(Rc<T>),
    /// It may be answered, but has to be read again; whoever is told so is the one who does it.
    Stale(Rc<T>),
    /// It is so old that it has to be read again first.
    Old(Rc<T>),
    /// There is none.
    Nothing,
}

#[derive(Debug)]
struct Shelf<T> {
    content: Rc<T>,
    bytes: usize,
    read_at_ms: u64,
    fresh_until_ms: u64,
    last_use: u64,
}

/// The shelves of an isolate.
#[derive(Debug)]
pub struct Shelves<T> {
    shelves: HashMap<PortalId, Shelf<T>>,
    uses: u64,
}

impl<T> Default for Shelves<T> {
    fn default() -> Self {
        Self { shelves: HashMap::new(), uses: 0 }
    }
}

impl<T> Shelves<T> {
    /// What is known of a portal.
    pub fn find(&mut self, portal: &PortalId, now_ms: u64) -> Found<T> {
        self.uses += 1;
        let Some(known) = self.shelves.get_mut(portal) else { return Found::Nothing };
        known.last_use = self.uses;
        let content = Rc::clone(&known.content);
        if now_ms < known.fresh_until_ms {
            return Found::Fresh(content);
        }
        // Until that one is back the others go on: a busy isolate asks once.
        known.fresh_until_ms = now_ms.saturating_add(FRESH_MS);
        if now_ms.saturating_sub(known.read_at_ms) > STALE_MS_MAX { Found::Old(content) } else { Found::Stale(content) }
    }

    /// What is known of a portal, however old.
    #[must_use]
    pub fn peek(&self, portal: &PortalId) -> Option<Rc<T>> {
        self.shelves.get(portal).map(|shelf| Rc::clone(&shelf.content))
    }

    /// Puts in what was read, believed for so long; what was not asked for longest makes room.
    pub fn keep(&mut self, portal: &PortalId, content: Rc<T>, bytes: usize, now_ms: u64, fresh_ms: u64) {
        self.uses += 1;
        let fresh_until_ms = now_ms.saturating_add(fresh_ms);
        self.shelves.insert(portal.clone(), Shelf { content, bytes, read_at_ms: now_ms, fresh_until_ms, last_use: self.uses });
        while self.bytes() > SHELVES_BYTES_MAX && self.shelves.len() > 1 {
            let Some(least) = self.shelves.iter().min_by_key(|(_, shelf)| shelf.last_use).map(|(portal, _)| portal.clone()) else { return };
            self.shelves.remove(&least);
        }
    }

    /// Lets the next request read a portal anew.
    pub fn doubt(&mut self, portal: &PortalId) {
        if let Some(shelf) = self.shelves.get_mut(portal) {
            shelf.fresh_until_ms = 0;
        }
    }

    /// What all of them need together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shelves.values().map(|shelf| shelf.bytes).sum()
    }
}

/// A file as it was read last.
#[derive(Debug)]
pub struct Kept<T> {
    /// What it says; `None` when it is not published, or was never read.
    pub content: Option<Rc<T>>,
    /// Somebody knows what it says, or that it is not there.
    pub is_known: bool,
    /// Its size, bytes.
    pub bytes: usize,
    /// Tells two files apart.
    pub print: u64,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { content: self.content.clone(), is_known: self.is_known, bytes: self.bytes, print: self.print }
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { content: None, is_known: false, bytes: 0, print: 0 }
    }
}

impl<T> Kept<T> {
    /// After it was read once more; and what was wrong with it, if anything was. What cannot be read leaves the last good copy as it is.
    #[must_use]
    pub fn renewed(
        &self,
        read: Result<Option<Vec<u8>>, String>,
        parse: impl FnOnce(Vec<u8>) -> Result<T, wire::Error>,
    ) -> (Self, Option<String>) {
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return (Self { is_known: true, ..Self::default() }, None),
            Err(code) => return (self.clone(), Some(code)),
        };
        let (length, print) = (bytes.len(), print(&bytes));
        if self.is_known && print == self.print && length == self.bytes {
            return (self.clone(), None);
        }
        match parse(bytes) {
            Ok(content) => (Self { content: Some(Rc::new(content)), is_known: true, bytes: length, print }, None),
            Err(error) => (self.clone(), Some(error.code().to_owned())),
        }
    }
}

/// Eight bytes at a time: a catalogue is read every few seconds, and parsed only when it has changed.
fn print(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    });
    words.fold(0, |hash, word| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PortalId {
        PortalId::parse(text).unwrap()
    }

    #[test]
    fn one_reads_again_while_the_others_go_on() {
        let mut shelves = Shelves::default();
        assert!(matches!(shelves.find(&id("g1"), 0), Found::Nothing));
        shelves.keep(&id("g1"), Rc::new(1), 1, 0, FRESH_MS);
        assert!(matches!(shelves.find(&id("g1"), FRESH_MS - 1), Found::Fresh(_)));
        assert!(matches!(shelves.find(&id("g1"), FRESH_MS), Found::Stale(_)));
        assert!(matches!(shelves.find(&id("g1"), FRESH_MS), Found::Fresh(_)));
        shelves.doubt(&id("g1"));
        assert!(matches!(shelves.find(&id("g1"), FRESH_MS + 1), Found::Stale(_)));
        assert!(matches!(shelves.find(&id("g1"), STALE_MS_MAX + 1), Found::Old(_)));
    }

    #[test]
    fn who_was_not_asked_for_longest_makes_room() {
        let mut shelves = Shelves::default();
        let third = SHELVES_BYTES_MAX / 3;
        for portal in ["a", "b", "c"] {
            shelves.keep(&id(portal), Rc::new(0), third, 0, FRESH_MS);
        }
        assert!(["a", "b", "c"].iter().all(|portal| shelves.peek(&id(portal)).is_some()));
        shelves.find(&id("a"), 1);
        shelves.keep(&id("d"), Rc::new(0), third, 1, FRESH_MS);
        let left: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|portal| shelves.peek(&id(portal)).is_some()).collect();
        assert_eq!(left, ["a", "c", "d"]);
        assert!(shelves.bytes() <= SHELVES_BYTES_MAX);
        // One alone stays whatever it needs: there is nothing else to answer with.
        shelves.keep(&id("e"), Rc::new(0), 2 * SHELVES_BYTES_MAX, 2, FRESH_MS);
        assert!(shelves.peek(&id("e")).is_some() && shelves.peek(&id("d")).is_none());
    }

    #[test]
    fn the_last_good_copy_outlives_what_cannot_be_read() {
        let parse = |bytes: Vec<u8>| if bytes == b"bad" { Err(wire::Error::NotAnObject) } else { Ok(bytes.len()) };
        let new = Kept::default();
        let (kept, complaint) = new.renewed(Ok(Some(b"good".to_vec())), parse);
        assert_eq!((kept.content.as_deref(), kept.is_known, complaint), (Some(&4), true, None));
        for read in [Err("timeout".to_owned()), Ok(Some(b"bad".to_vec()))] {
            let (after, complaint) = kept.renewed(read.clone(), parse);
            assert_eq!((after.content.as_deref(), after.is_known, complaint.is_some()), (Some(&4), true, true));
            let (after, _) = new.renewed(read, parse);
            assert_eq!((after.content, after.is_known), (None, false));
        }
        let (gone, complaint) = kept.renewed(Ok(None), parse);
        assert_eq!((gone.content, gone.is_known, complaint), (None, true, None));
    }

    #[test]
    fn only_what_has_changed_is_parsed() {
        let (kept, _) = Kept::default().renewed(Ok(Some(b"12345678901".to_vec())), |bytes| Ok(bytes.len()));
        let (same, _) = kept.renewed(Ok(Some(b"12345678901".to_vec())), |_| panic!("parsed again"));
        assert_eq!(same.content.as_deref(), Some(&11));
        for changed in ["12345678902", "22345678901", "1234567890", "12345678901\0"] {
            let (other, _) = kept.renewed(Ok(Some(changed.into())), |_| Ok(0));
            assert_eq!(other.content.as_deref(), Some(&0), "{changed}");
        }
    }
}
