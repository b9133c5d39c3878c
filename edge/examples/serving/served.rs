//! A published model and the requests of a log: what is measured natively and in wasm, by the same code.

use std::collections::BTreeSet;
use std::rc::Rc;

use edge::agent::Agent;
use edge::config::{Config, Environment};
use edge::recommend::{Asked, Context, Door, Files, Model, Published, Ranker, Reader, Request, Scratch, Wish, choose};
use wire::{Card, Cards, Item, Portal, SetName, Source};

/// Articles of an answer.
const LIMIT: usize = 10;
/// The portal that asks: one of those that are built in.
const PORTAL: &str = "g1";

/// A model and who asks it.
pub(crate) struct Served {
    published: Published<Model>,
    portal: Portal,
    questions: Vec<Question>,
    scratch: Scratch,
    numbers: Vec<u32>,
}

struct Question {
    at_ms: u64,
    wish: Wish,
    reader: Reader,
}

impl Served {
    /// A model, and requests as `backend evaluate --replay FILE --report requests` prints them. Every article of the model has a card, so
    /// that an answer copies what a real one does.
    ///
    /// # Errors
    /// A sentence that says which request is none.
    pub(crate) fn new(model: Model, requests: &str) -> Result<Self, String> {
        let config = Config::parse(Environment::default()).map_err(|error| error.to_string())?;
        let portal = config.portals.get(PORTAL).ok_or("the portal is not built in")?.clone();
        let mut words = BTreeSet::new();
        let questions = requests.lines().map(|line| Question::parse(line, &mut words).ok_or_else(|| format!("no request: {line:?}")));
        let questions = questions.collect::<Result<_, _>>()?;
        let files = Files { cards: Rc::new(cards(&model)), model: Some(Rc::new(model)), ..Files::default() };
        Ok(Self { published: Published::new(files), portal, questions, scratch: Scratch::default(), numbers: Vec::new() })
    }

    /// How many ask.
    pub(crate) fn len(&self) -> usize {
        self.questions.len()
    }

    /// Looks the pages of a request up and ranks; returns the number of the first, and of how many.
    pub(crate) fn rank(&mut self, at: usize) -> Option<(u32, usize)> {
        let (question, model) = (self.questions.get(at)?, self.published.files().model.as_ref()?);
        self.numbers.clear();
        let read = question.wish.item.iter().chain(question.wish.read.iter().rev());
        self.numbers.extend(read.filter_map(|item| model.index_of(item.as_str())));
        let request = Request { read: &self.numbers, context: question.context(), now_ms: question.at_ms };
        let ranked = model.rank(&request, Ranker::Full, &mut self.scratch);
        Some((ranked.first()?.item, ranked.len()))
    }

    /// The edge's whole answer; its articles.
    pub(crate) fn choose(&mut self, at: usize) -> Vec<Item> {
        let Some(question) = self.questions.get(at) else { return Vec::new() };
        let Question { at_ms, wish, reader } = question;
        let random_bits = u64::try_from(at).unwrap_or(0);
        let asked = Asked { portal: &self.portal, wish, reader, set: SetName::A, now_ms: *at_ms, random_bits };
        choose(&self.published, &asked, &mut self.scratch).items.into_iter().map(|item| item.item).collect()
    }

    /// Every request's answer, a line each.
    pub(crate) fn answers(&mut self) -> String {
        let lines = (0..self.len()).map(|at| {
            let items = self.choose(at);
            items.iter().map(Item::as_str).collect::<Vec<_>>().join(" ") + "\n"
        });
        lines.collect()
    }
}

impl Question {
    /// `at_ms item read browser device os country region source`, separated by tabs.
    fn parse(line: &str, words: &mut BTreeSet<&'static str>) -> Option<Self> {
        let mut fields = line.split('\t');
        let at_ms = fields.next()?.parse().ok()?;
        let item = Item::parse(fields.next()?)?;
        let read = fields.next()?.split_whitespace().map(Item::parse).collect::<Option<_>>()?;
        let agent = Agent {
            browser: word(fields.next()?, words),
            device: word(fields.next()?, words),
            os: word(fields.next()?, words),
            is_bot: false,
        };
        let (country, region) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let source = source(fields.next()?);
        let wish = Wish {
            door: Door::Recommendations,
            item: Some(item),
            read,
            exclude: Vec::new(),
            section: None,
            published_after_ms: None,
            limit: LIMIT,
            visitor: None,
            source,
        };
        Some(Self { at_ms, wish, reader: Reader { agent: Some(agent), country, region, address_hash: None } })
    }

    fn context(&self) -> Context<'_> {
        let (browser, device, os) = self.reader.agent.map_or(("", "", ""), |agent| (agent.browser, agent.device, agent.os));
        let source = self.wish.source.map_or("", Source::as_str);
        Context { browser, device, os, country: &self.reader.country, region: &self.reader.region, source }
    }
}

/// An edge's words live for ever; those of a log are few.
fn word(text: &str, words: &mut BTreeSet<&'static str>) -> &'static str {
    if let Some(word) = words.get(text) {
        return word;
    }
    let word: &'static str = Box::leak(text.into());
    words.insert(word);
    word
}

fn source(text: &str) -> Option<Source> {
    [Source::Direct, Source::Internal, Source::Search, Source::Social, Source::Referral].into_iter().find(|source| source.as_str() == text)
}

/// A card of the usual length for each article of the model's lists, and for each that it knows by a number.
fn cards(model: &Model) -> Cards {
    let card = |item: &str| Card {
        url: format!("https://g1.example/economia/noticia/2026/11/23{item}.ghtml"),
        title: format!("O que se sabe ate agora sobre o assunto mais lido da hora, numero {item}"),
        image: Some(format!("https://s2.g1.example/imagens/2026/11/23{item}/620x413.jpg")),
        section: Some("economia".to_owned()),
        published_at_ms: None,
    };
    let named = (0..).map(|number| model.item(number)).take_while(|item| !item.is_empty());
    Cards { v: 1, cards: named.filter_map(|item| Some((Item::parse(item)?, card(item)))).collect() }
}
