//! The edge in lock-step: its own `choose` on the published blob, asked as a page asks it. The only place where the backend names the edge.

use std::collections::BTreeSet;
use std::rc::Rc;

use edge::agent::Agent;
use edge::recommend::{self, Asked, Door, Files, Published, Reader, Scratch, Wish};
use wire::model::Model;
use wire::{Cards, Catalogue, ParameterSet, ParameterSets, Portal, Portals, RankerName, Rules, SetName};

use super::args::{EvaluateArgs, Set};
use super::line::Line;
use super::requests::Readings;
use super::{ANSWER_ITEMS, listed};

/// Different words of browser, device and system; a real edge has some twenty.
const WORDS_MAX: usize = 10_000;
/// A log does not say whose it is.
const PORTAL: &str = r#"
[[portal]]
id = "log"
origins = ["https://log.example"]
consent_default = "cookieless"
built_in = [{ item = "/", url = "/", title = "log" }]
"#;

/// The edge and the pages that ask it.
pub(super) struct Edge {
    portal: Portal,
    rules: Rc<Rules>,
    set: SetName,
    published: Published<Model>,
    read: Readings,
    words: BTreeSet<&'static str>,
    scratch: Scratch,
    asked: u64,
}

impl Edge {
    pub(super) fn new(args: &EvaluateArgs) -> Result<Self, String> {
        let ranker = if args.base { RankerName::Base } else { RankerName::Full };
        let a = ParameterSet { ranker, ..ParameterSet::default() };
        let rules = Rc::new(Rules { sets: ParameterSets { a, b: ParameterSet { fresh_slots: 1, ..a } }, ..Rules::default() });
        Ok(Self {
            portal: portal()?,
            set: if args.set == Set::A { SetName::A } else { SetName::B },
            published: Published::new(files(&rules, None)),
            rules,
            read: Readings::default(),
            words: BTreeSet::new(),
            scratch: Scratch::default(),
            asked: 0,
        })
    }

    /// A model was published.
    pub(super) fn take(&mut self, model: Model) {
        self.published = Published::new(files(&self.rules, Some(model)));
    }

    /// What a page shows that was just opened.
    pub(super) fn answer(&mut self, line: &Line<'_>) -> String {
        let context = line.context();
        let agent =
            Agent { browser: self.word(context.browser), os: self.word(context.os), device: self.word(context.device), is_bot: false };
        let reader =
            Reader { agent: Some(agent), country: context.country.to_owned(), region: context.region.to_owned(), address_hash: None };
        let wish = Wish {
            door: Door::Recommendations,
            item: Some(line.item.clone()),
            read: self.read.open(line.session, &line.item),
            exclude: Vec::new(),
            section: None,
            published_after_ms: None,
            limit: ANSWER_ITEMS,
            visitor: None,
            source: line.source,
        };
        self.asked += 1;
        let asked =
            Asked { portal: &self.portal, wish: &wish, reader: &reader, set: self.set, now_ms: line.at_ms, random_bits: self.asked };
        let answer = recommend::choose(&self.published, &asked, &mut self.scratch);
        // The page that only stands in for a list is no article of the log.
        listed(answer.items.iter().filter(|item| item.why != "built_in").map(|item| item.item.as_str()))
    }

    /// The edge's words live for ever; those of a log are few.
    fn word(&mut self, text: &str) -> &'static str {
        if let Some(word) = self.words.get(text) {
            return word;
        }
        if self.words.len() >= WORDS_MAX {
            return "";
        }
        let word: &'static str = Box::leak(text.into());
        self.words.insert(word);
        word
    }
}

fn files(rules: &Rc<Rules>, model: Option<Model>) -> Files<Model> {
    Files {
        model: model.map(Rc::new),
        cards: Rc::new(Cards::default()),
        catalogue: Rc::new(Catalogue::default()),
        rules: Rc::clone(rules),
        is_vetted: true,
    }
}

fn portal() -> Result<Portal, String> {
    let portals: Portals = toml::from_str(PORTAL).map_err(|error| error.to_string())?;
    portals.get("log").cloned().ok_or_else(|| "it is not there".to_owned())
}
