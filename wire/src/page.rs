//! What a page says of itself, taken as far as it makes sense: a picture without an address must not cost a pageview.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::batch::{AT_MS_MAX, AT_MS_MIN};
use crate::error::Error;
use crate::item::Item;
use crate::raw::{self, Field, URL_BYTES_MAX};

/// Longest title or section in `meta`, in bytes; what is longer is cut.
pub const META_BYTES_MAX: usize = 1024;

/// What kind of page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// A story.
    Article,
    /// The front of a section.
    Section,
    /// The portal's front page.
    Front,
    /// Anything else.
    Other,
}

impl PageKind {
    /// What a page calls itself, in our words or in those of `og:type`; what says nothing is the front page at `/`, else `Other`.
    fn parse(text: Option<&str>, url: &str) -> Self {
        match text {
            Some("article") => Self::Article,
            Some("section") => Self::Section,
            Some("front") => Self::Front,
            Some("other") => Self::Other,
            Some(_) | None if Item::clean_of_url(url) == Some("/") => Self::Front,
            Some(_) | None => Self::Other,
        }
    }
}

/// What a page says of itself, for its card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Meta {
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// When it was published, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at_ms: Option<u64>,
    /// Address of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

#[derive(Deserialize)]
struct RawMeta<'a> {
    #[serde(borrow)]
    title: Field<'a>,
    #[serde(borrow)]
    section: Field<'a>,
    #[serde(borrow)]
    published_at_ms: Field<'a>,
    #[serde(borrow)]
    image: Field<'a>,
}

/// The page's words in a batch, as they stand there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawPage<'a> {
    pub(crate) url: Field<'a>,
    pub(crate) page: Field<'a>,
    pub(crate) item: Field<'a>,
    pub(crate) referrer: Field<'a>,
    pub(crate) meta: Field<'a>,
}

/// The page's words, as far as they make sense.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) kind: PageKind,
    pub(crate) item: Option<Item>,
    pub(crate) referrer: Option<String>,
    pub(crate) meta: Option<Meta>,
    /// What made none.
    pub(crate) ignored: Vec<Cow<'static, str>>,
}

impl Page {
    /// # Errors
    /// [`Error::MissingField`] or [`Error::BadField`] for `url`: without an address there is no page.
    pub(crate) fn parse(raw: RawPage<'_>) -> Result<Self, Error> {
        let url = address(raw.url)?;
        let mut ignored = Vec::new();
        let item = kept(raw.item, "item", &mut ignored, |text| {
            Item::parse(text).or_else(|| Item::clean_of_url(text).filter(|_| is_absolute(text)).and_then(Item::parse))
        });
        // `android-app://…` and the like are no news.
        let referrer = text(raw.referrer).filter(|text| raw::is_web_url(text)).map(|text| shortened(&text));
        // No browser sends such a path.
        let referrer = referrer.filter(|referrer| referrer.len() <= URL_BYTES_MAX);
        let meta = raw.meta.map(|meta| Meta::parse(meta, &url, &mut ignored)).transpose()?;
        let kind = PageKind::parse(text(raw.page).as_deref(), &url);
        Ok(Self { url, kind, item, referrer, meta, ignored })
    }
}

impl Meta {
    fn parse(raw: &serde_json::value::RawValue, url: &str, ignored: &mut Vec<Cow<'static, str>>) -> Result<Self, Error> {
        let raw: RawMeta<'_> = serde_json::from_str(raw.get()).map_err(|_| Error::BadField { field: "meta", rule: "an object" })?;
        let published_at_ms = raw.published_at_ms.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let believable = published_at_ms.filter(|at_ms| (AT_MS_MIN..=AT_MS_MAX).contains(at_ms));
        if raw.published_at_ms.is_some() && believable.is_none() {
            ignored.push("meta.published_at_ms".into());
        }
        let words = |text: String| (!text.trim().is_empty()).then(|| cut(text.trim(), META_BYTES_MAX).to_owned());
        Ok(Self {
            title: text(raw.title).and_then(words),
            section: text(raw.section).and_then(words),
            published_at_ms: believable,
            image: kept(raw.image, "meta.image", ignored, |image| resolved(image, url)),
        })
    }
}

/// The page's own address. Query and fragment are cut at the edge anyway: they need not fit.
fn address(field: Field<'_>) -> Result<String, Error> {
    const RULE: &str = "an absolute http or https URL of at most 2048 bytes";
    let url: String = raw::required(field, "url", RULE)?;
    let url = shortened(&url);
    if raw::is_web_url(&url) && url.len() <= URL_BYTES_MAX { Ok(url) } else { Err(Error::BadField { field: "url", rule: RULE }) }
}

fn shortened(url: &str) -> String {
    let is_long = url.len() > URL_BYTES_MAX;
    url.split(['?', '#']).next().filter(|_| is_long).unwrap_or(url).to_owned()
}

/// A text; `None` also when it is empty, `null`, or no text.
fn text(field: Field<'_>) -> Option<String> {
    field.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok()).filter(|text| !text.is_empty())
}

/// What a text means; what means nothing is noted.
fn kept<T>(field: Field<'_>, name: &'static str, ignored: &mut Vec<Cow<'static, str>>, mean: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let is_said = field.is_some_and(|raw| raw.get() != "\"\"");
    let kept = text(field).and_then(|text| mean(&text));
    if is_said && kept.is_none() {
        ignored.push(name.into());
    }
    kept
}

fn is_absolute(url: &str) -> bool {
    raw::is_web_url(url)
}

/// The address of a picture, as a page at `url` means it: absolute, or from the site's root.
fn resolved(image: &str, url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let absolute = match image.trim() {
        image if image.starts_with("//") => format!("{scheme}:{image}"),
        image if image.starts_with('/') => format!("{scheme}://{host}{image}"),
        image => image.to_owned(),
    };
    (raw::is_web_url(&absolute) && absolute.len() <= URL_BYTES_MAX).then_some(absolute)
}

/// At most so many bytes, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use crate::{Batch, PageKind, ParsedBatch};

    fn with(field: &str, value: &str) -> ParsedBatch {
        let mut batch: serde_json::Value = serde_json::from_str(include_str!("../tests/golden/batch.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        match field.split_once('.') {
            Some((outer, inner)) => batch[outer][inner] = value,
            None => batch[field] = value,
        }
        Batch::parse(batch.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_makes_no_sense_costs_only_itself() {
        for (field, value) in [
            ("item", "\"juros.ghtml\""),
            ("item", "7"),
            ("meta.image", "\"javascript:alert(1)\""),
            ("meta.image", "\"j.jpg\""),
            ("meta.published_at_ms", "5"),
            ("meta.published_at_ms", "\"yesterday\""),
        ] {
            let parsed = with(field, value);
            assert_eq!(parsed.ignored, [field], "{value}");
            assert_eq!(parsed.rejected, []);
        }
    }

    #[test]
    fn what_is_absent_is_not_worth_a_word() {
        for (field, value) in [
            ("item", "null"),
            ("item", "\"\""),
            ("meta.image", "\"\""),
            ("meta.published_at_ms", "null"),
            ("referrer", "\"android-app://com.google.android.gm\""),
            ("referrer", "\"\""),
            ("meta", "null"),
        ] {
            assert_eq!(with(field, value).ignored.len(), 0, "{field} {value}");
        }
    }

    #[test]
    fn an_item_may_be_the_canonical_address() {
        let item = |value| with("item", value).batch.item.map(|item| item.to_string());
        assert_eq!(item("\"https://g1.example/a.ghtml?x=1#y\"").as_deref(), Some("/a.ghtml"));
        assert_eq!(item("\"https://g1.example\"").as_deref(), Some("/"));
        assert_eq!(item("\"/b.ghtml#c\"").as_deref(), Some("/b.ghtml"));
    }

    #[test]
    fn a_kind_is_our_word_or_what_the_address_tells() {
        let url = |url: &str, page: &str| {
            let golden = include_str!("../tests/golden/batch.json");
            let text = golden.replace("https://g1.example/economia/noticia/juros.ghtml", url).replace("\"page\":\"article\"", page);
            Batch::parse(text.as_bytes()).unwrap().batch.page
        };
        assert_eq!(url("https://g1.example/a", "\"page\":\"section\""), PageKind::Section);
        assert_eq!(url("https://g1.example/a", "\"page\":\"website\""), PageKind::Other);
        assert_eq!(url("https://g1.example/", "\"page\":\"website\""), PageKind::Front);
        assert_eq!(url("https://g1.example?x", "\"page\":null"), PageKind::Front);
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let title = with("meta.title", &format!("\"{}\"", "é".repeat(600))).batch.meta.unwrap().title.unwrap();
        assert_eq!(title, "é".repeat(512));
        let url = with("url", &format!("\"https://g1.example/a?{}\"", "x".repeat(4_000))).batch.url;
        assert_eq!(url, "https://g1.example/a");
        let referrer = |rest: &str| with("referrer", &format!("\"https://a.example/{rest}\"")).batch.referrer;
        assert_eq!(referrer(&format!("b?{}", "x".repeat(4_000))).as_deref(), Some("https://a.example/b"));
        assert_eq!(referrer(&"x".repeat(4_000)), None);
    }

    #[test]
    fn a_picture_may_be_named_from_the_root() {
        let image = |value| with("meta.image", value).batch.meta.unwrap().image;
        assert_eq!(image("\"/img/a.jpg\"").as_deref(), Some("https://g1.example/img/a.jpg"));
        assert_eq!(image("\"//s.example/a.jpg\"").as_deref(), Some("https://s.example/a.jpg"));
    }
}
