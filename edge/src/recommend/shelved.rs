//! What a portal's shelf has: its four files as they were read last, and ready to be asked.

use wire::{Cards, Catalogue, Portal, Rules};

use super::learnt::Model;
use super::published::{Files, Published, own_cards, own_catalogue};
use super::shelf::Kept;
use crate::route::File;

/// How reading a file went: its bytes, `None` when it is not published, or what failed.
pub type Read = Result<Option<Vec<u8>>, String>;

/// The files of a portal.
#[derive(Debug)]
pub struct Shelved {
    model: Kept<Model>,
    cards: Kept<Cards>,
    catalogue: Kept<Catalogue>,
    rules: Kept<Rules>,
    published: Published<Model>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Which.
    pub file: File,
    /// A stable code.
    pub code: String,
}

impl Shelved {
    /// After its files were read once more. What cannot be read stays as it was, and is complained about.
    #[must_use]
    pub fn renewed(old: Option<&Self>, reads: [Read; 4], portal: &Portal, is_dev: bool) -> (Self, Vec<Complaint>) {
        // In the order of `File::ALL`.
        let [model, cards, items, rules] = reads;
        let mut complaints = Vec::new();
        let model = renewed(File::Model, old.map(|old| &old.model), model, Model::open, &mut complaints);
        let own = |bytes: Vec<u8>| Ok(own_cards(Cards::parse(&bytes)?, portal, is_dev));
        let cards = renewed(File::Cards, old.map(|old| &old.cards), cards, own, &mut complaints);
        let own = |bytes: Vec<u8>| Ok(own_catalogue(Catalogue::parse(&bytes)?, portal, is_dev));
        let catalogue = renewed(File::Items, old.map(|old| &old.catalogue), items, own, &mut complaints);
        let rules = renewed(File::Rules, old.map(|old| &old.rules), rules, |bytes| Rules::parse(&bytes), &mut complaints);
        let files = Files {
            model: model.content.clone(),
            cards: cards.content.clone().unwrap_or_default(),
            catalogue: catalogue.content.clone().unwrap_or_default(),
            rules: rules.content.clone().unwrap_or_default(),
            is_vetted: catalogue.is_known && rules.is_known,
        };
        (Self { model, cards, catalogue, rules, published: Published::new(files) }, complaints)
    }

    /// What answers are chosen from.
    #[must_use]
    pub const fn published(&self) -> &Published<Model> {
        &self.published
    }

    /// Tells what is published apart from what was.
    #[must_use]
    pub fn edition(&self) -> u64 {
        let prints = [self.model.print, self.cards.print, self.catalogue.print, self.rules.print];
        let is_vetted = u64::from(self.published.files().is_vetted);
        prints.into_iter().fold(is_vetted, |hash, print| (hash.rotate_left(13) ^ print).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// What it needs of the memory: parsed JSON takes about half as much again as its text.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.model.bytes + (self.cards.bytes + self.catalogue.bytes + self.rules.bytes) * 3 / 2
    }
}

fn renewed<T>(
    file: File,
    old: Option<&Kept<T>>,
    read: Read,
    parse: impl FnOnce(Vec<u8>) -> Result<T, wire::Error>,
    complaints: &mut Vec<Complaint>,
) -> Kept<T> {
    let (kept, complaint) = old.unwrap_or(&Kept::default()).renewed(read, parse);
    complaints.extend(complaint.map(|code| Complaint { file, code }));
    kept
}

#[cfg(test)]
mod tests {
    use wire::SetName;

    use super::*;
    use crate::config::{Config, Environment};
    use crate::query::Query;
    use crate::recommend::{Asked, Door, Reader, Scratch, Wish, choose};

    fn read(old: Option<&Shelved>, reads: [Read; 4]) -> (Shelved, Vec<Complaint>) {
        let config = Config::parse(Environment::default()).unwrap();
        Shelved::renewed(old, reads, config.portals.get("g1").unwrap(), false)
    }

    /// Three articles, the first of which is followed by the last.
    fn blob() -> Vec<u8> {
        use wire::model::{Neighbour, Parts, PartsItem};
        let item = |path: &str, neighbours: Vec<Neighbour>| PartsItem { path: path.to_owned(), neighbours, ..PartsItem::default() };
        let neighbour = |item, fast, slow| Neighbour { item, fast, slow, back: 0.5 };
        let parts = Parts {
            name: "three".to_owned(),
            generated_at_ms: 1_000,
            items: vec![
                item("/a", vec![neighbour(1, 0.0, 0.0), neighbour(2, 0.1, 0.5), neighbour(3, 0.2, 0.5)]),
                item("/b", vec![]),
                item("/c", vec![]),
                item("/d", vec![]),
            ],
            trending: vec![(2, 2.0), (0, 1.0)],
            ..Parts::default()
        };
        parts.write()
    }

    #[test]
    fn a_published_model_answers() {
        let config = Config::parse(Environment::default()).unwrap();
        let portal = config.portals.get("g1").unwrap();
        let (shelved, complaints) = read(None, [Ok(Some(blob())), Ok(None), Ok(None), Ok(None)]);
        assert!(complaints.is_empty());
        for (door, query, expected) in [
            // What only came before /a is no reason to go on there.
            (Door::Similar, "item=/a", ["/d similar:/a", "/c similar:/a"].as_slice()),
            (Door::Trending, "", &["/c trending", "/a trending"]),
        ] {
            let wish = Wish::parse(Query::new(query), door, portal, false).unwrap();
            let asked = Asked { portal, wish: &wish, reader: &Reader::default(), set: SetName::A, now_ms: 2_000, random_bits: 0 };
            let answer = choose(shelved.published(), &asked, &mut Scratch::default());
            let told: Vec<_> = answer.items.iter().map(|item| format!("{} {}", item.item, item.why)).collect();
            let told: Vec<&str> = told.iter().map(String::as_str).collect();
            assert_eq!((told.as_slice(), answer.model_version.as_str()), (expected, "three"));
        }
        let (damaged, complaints) = read(Some(&shelved), [Ok(Some(blob()[1..].to_vec())), Ok(None), Ok(None), Ok(None)]);
        assert!(complaints.len() == 1 && damaged.published().files().model.is_some());
    }

    #[test]
    fn nothing_published_is_known_and_nothing_read_is_not() {
        let (nothing, complaints) = read(None, [Ok(None), Ok(None), Ok(None), Ok(None)]);
        assert!(nothing.published().files().is_vetted && complaints.is_empty());
        let down = || Err("kv_failed".to_owned());
        let (unread, complaints) = read(None, [down(), down(), down(), down()]);
        assert!(!unread.published().files().is_vetted && complaints.len() == 4);
        assert_ne!(nothing.edition(), unread.edition());
        for unknown in [2, 3] {
            let mut reads = [Ok(None), Ok(None), Ok(None), Ok(None)];
            reads[unknown] = down();
            assert!(!read(None, reads).0.published().files().is_vetted, "{unknown}");
        }
    }

    #[test]
    fn each_file_is_read_as_what_it_is_and_kept_when_it_fails() {
        let cards =
            r#"{"v":1,"cards":{"/a":{"url":"https://g1.example/a","title":"a"},"/b":{"url":"https://evil.example/b","title":"b"}}}"#;
        let items = r#"{"v":1,"items":{"/c":{"unpublished":true}}}"#;
        let (shelved, complaints) = read(
            None,
            [Ok(Some("damaged".into())), Ok(Some(cards.into())), Ok(Some(items.into())), Ok(Some(r#"{"v":1,"section_max":3}"#.into()))],
        );
        let [complaint] = complaints.as_slice() else { panic!("{complaints:?}") };
        assert_eq!(complaint.file, File::Model);
        let files = shelved.published().files();
        assert!(files.model.is_none() && files.is_vetted && files.rules.section_max == Some(3));
        assert_eq!((files.cards.cards.len(), files.catalogue.items.len()), (1, 1));
        let (after, complaints) = read(
            Some(&shelved),
            [Ok(Some("damaged".into())), Err("timeout".into()), Ok(Some("{".into())), Ok(Some(r#"{"v":1,"section_max":0}"#.into()))],
        );
        assert_eq!((complaints.len(), after.edition(), after.bytes()), (4, shelved.edition(), shelved.bytes()));
        assert_eq!(after.published().files().rules.section_max, Some(3));
    }
}
