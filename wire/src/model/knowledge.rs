//! What a ranker asks about articles, whoever knows it: the learner's live counts, or a published model.

/// How many of the reader's latest articles matter: the page itself and those before it.
pub const READ_MAX: usize = 5;
/// Numbers of an embedding.
pub const EMBEDDING: usize = 16;
/// Numbers that are known of an article whoever asks; see [`Fact`].
pub const FACTS: usize = 12;

/// What is known of a request besides the articles. Each is a word of a small vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextKind {
    /// Browser family, or the kind of app.
    Browser,
    /// Kind of device.
    Device,
    /// Operating system.
    Os,
    /// Country.
    Country,
    /// Subdivision of the country.
    Region,
    /// Where the reader came from.
    Source,
    /// How many articles were read in this session, counted to five.
    Position,
    /// Source and device together: they work on each other.
    SourceDevice,
}

/// Kinds of context.
pub const CONTEXTS: usize = 8;
/// Words of all vocabularies together. The first of each kind is for words that it does not know.
pub const WORDS: usize = 160;

impl ContextKind {
    /// All, in the order of their vocabularies.
    pub const ALL: [Self; CONTEXTS] =
        [Self::Browser, Self::Device, Self::Os, Self::Country, Self::Region, Self::Source, Self::Position, Self::SourceDevice];

    /// Its place among the kinds.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "the number of a plain enum's variant")]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Where its vocabulary begins, and how many words it holds. Brazil has 27 states.
    #[must_use]
    pub const fn span(self) -> (u8, u8) {
        match self {
            Self::Browser => (0, 8),
            Self::Device => (8, 8),
            Self::Os => (16, 16),
            Self::Country => (32, 16),
            Self::Region => (48, 40),
            Self::Source => (88, 8),
            Self::Position => (96, 8),
            Self::SourceDevice => (104, 56),
        }
    }
}

/// The words of a request, one of each kind, as places in `0..WORDS`.
pub type Words = [u8; CONTEXTS];

/// What is known of an article. All are natural logarithms, but [`Fact::Age`] and [`Fact::Quiet`] are of hours plus a bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Its share of what was opened next, half-life 5 minutes.
    Next5m,
    /// The same, 15 minutes.
    Next15m,
    /// The same, 1 hour.
    Next1h,
    /// The same, 6 hours.
    Next6h,
    /// Its share of all views, 15 minutes.
    All15m,
    /// The same, 24 hours.
    All24h,
    /// How long it is known.
    Age,
    /// How long since its last view.
    Quiet,
    /// How much oftener it was opened than the ranker expected.
    Surprise,
    /// How often it was left for another article, 20 minutes: how well its neighbours are known.
    Support,
    /// The same, 24 hours.
    SlowSupport,
    /// Its share of what was opened next of the second click on, 1 hour.
    Deep1h,
}

impl Fact {
    /// Its place among the facts.
    #[must_use]
    #[inline]
    #[expect(clippy::as_conversions, reason = "the number of a plain enum's variant")]
    pub const fn place(self) -> usize {
        self as usize
    }
}

/// One entry of an article's list of those that are read next. Shares of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Neighbour {
    /// Who.
    pub item: u32,
    /// Followed, half-life 20 minutes.
    pub fast: f32,
    /// Followed, half-life 24 hours.
    pub slow: f32,
    /// Came before, half-life 24 hours.
    pub back: f32,
}

/// Articles by number, and what is known of them.
pub trait Knowledge {
    /// How many numbers there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Those that are read after an article, best first.
    fn neighbours(&self, item: u32, visit: impl FnMut(Neighbour));
    /// What is known of an article, by [`Fact`].
    fn facts(&self, item: u32, facts: &mut [f32; FACTS]);
    /// How much oftener readers with these words open it, as logarithms.
    fn lifts(&self, item: u32, words: &Words, lifts: &mut [f32; CONTEXTS]);
    /// Where it lies as something to be read.
    fn embedding(&self, item: u32, into: &mut [f32; EMBEDDING]);
    /// Adds where it leads as something that was read, times a weight.
    fn add_history(&self, item: u32, weight: f32, into: &mut [f32; EMBEDDING]);
    /// Adds where a word leads.
    fn add_word(&self, word: u8, into: &mut [f32; EMBEDDING]);
    /// Whether both are known to be of one section.
    fn is_same_section(&self, one: u32, other: u32) -> bool;
    /// Articles that are candidates whatever was read.
    fn leaders(&self) -> impl Iterator<Item = u32>;
}
