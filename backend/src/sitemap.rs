//! A Google News sitemap as a catalogue: what a portal publishes anyway, for its readers' recommendations.
//!
//! The file is the portal's own, but it is a file: whatever is wrong with one entry costs that entry alone, and is said with its line.
//! Entities that the file defines itself are never expanded, for a file that defines any is refused.

mod entry;

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use wire::{Catalogue, CatalogueItem, Item, Portal};

use entry::{Entry, Field};

/// Largest file, in bytes: what the protocol admits (<https://www.sitemaps.org/protocol.html>).
pub(crate) const FILE_BYTES_MAX: usize = 52_428_800;
/// Most entries: what the protocol admits. A catalogue holds fewer, and the latest are kept.
const ENTRIES_MAX: usize = 50_000;
/// How deep a sitemap is: `urlset`, `url`, `news:news`, `news:publication`, `news:name`, and some room.
const DEPTH_MAX: usize = 16;
/// Complaints that are kept; the rest are counted.
const PROBLEMS_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) items: BTreeMap<Item, CatalogueItem>,
    /// What is wrong, with its line and what to do.
    pub(crate) problems: Vec<String>,
    /// How many more there were.
    pub(crate) more_problems: usize,
}

impl Found {
    fn complain(&mut self, line: usize, what: &str) {
        self.refuse(format!("line {line}: {what}"));
    }

    fn refuse(&mut self, what: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(what);
        } else {
            self.more_problems += 1;
        }
    }
}

/// Where in the file we are.
#[derive(Debug, Default)]
struct Place {
    /// Names of the open elements, without their prefixes' meaning: as they stand there.
    path: Vec<String>,
    line: usize,
    counted_to: usize,
}

impl Place {
    fn advance(&mut self, text: &str, to: usize) {
        self.line += text.get(self.counted_to..to).unwrap_or_default().matches('\n').count();
        self.counted_to = to.max(self.counted_to);
    }
}

/// Reads a sitemap of a portal.
///
/// # Errors
/// A sentence for the operator, when it is no sitemap at all.
pub(crate) fn read(bytes: &[u8], portal: &Portal, is_dev: bool) -> Result<Found, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("the file has more than {FILE_BYTES_MAX} bytes: split it, as the protocol of sitemaps wants"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("the file is not UTF-8 from byte {} on: save it as UTF-8", error.valid_up_to()))?;
    let (mut reader, mut place, mut found) = (Reader::from_str(text), Place { line: 1, ..Place::default() }, Found::default());
    let (mut entry, mut entries) = (None::<Entry>, 0);
    loop {
        let event = reader.read_event();
        place.advance(text, usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len()));
        let line = place.line;
        match event.map_err(|error| format!("line {line}: not well-formed XML: {error}"))? {
            Event::DocType(_) => return Err(format!("line {line}: a sitemap has no DOCTYPE: remove it")),
            Event::Start(start) => {
                open(&mut place, &mut entry, &String::from_utf8_lossy(start.name().as_ref()))?;
            }
            Event::End(_) => {
                let name = place.path.pop().unwrap_or_default();
                if name == "url"
                    && let Some(entry) = entry.take()
                {
                    entries += 1;
                    if entries > ENTRIES_MAX {
                        return Err(format!(
                            "line {line}: more than {ENTRIES_MAX} entries: split the file, as the protocol of sitemaps wants"
                        ));
                    }
                    keep(&mut found, entry, portal, is_dev);
                }
            }
            Event::Text(text) => add(&mut entry, &place, &text.decode().unwrap_or_default()),
            Event::CData(text) => add(&mut entry, &place, &text.decode().unwrap_or_default()),
            Event::GeneralRef(reference) => {
                let name = reference.decode().unwrap_or_default();
                match (reference.resolve_char_ref(), resolve_predefined_entity(&name)) {
                    (Ok(Some(char)), _) => add(&mut entry, &place, char.encode_utf8(&mut [0; 4])),
                    (_, Some(text)) => add(&mut entry, &place, text),
                    _ => found.complain(line, &format!("&{}; is no entity of XML: write the character itself", shown(&name))),
                }
            }
            Event::Eof if place.path.is_empty() => return if entries > 0 { Ok(found) } else { Err(no_entry(text)) },
            Event::Eof => return Err(format!("line {line}: the file ends within <{}>: it was cut off", place.path.join("><"))),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn no_entry(text: &str) -> String {
    let what = if text.contains("<sitemapindex") {
        "it is an index of sitemaps: import the sitemaps that it names, one by one"
    } else {
        "a sitemap is <urlset><url><loc>…</loc>…</url>…</urlset>"
    };
    format!("there is no <url> in the file: {what}")
}

fn open(place: &mut Place, entry: &mut Option<Entry>, name: &str) -> Result<(), String> {
    if place.path.len() >= DEPTH_MAX {
        return Err(format!("line {}: elements are nested deeper than {DEPTH_MAX}: this is no sitemap", place.line));
    }
    if name == "url" {
        *entry = Some(Entry::at(place.line));
    }
    place.path.push(name.to_owned());
    Ok(())
}

fn add(entry: &mut Option<Entry>, place: &Place, text: &str) {
    let Some(entry) = entry else { return };
    // Prefixes are those that everybody uses; a file that binds others to the same names is not read further than its addresses.
    let path: Vec<_> = place.path.iter().rev().map(String::as_str).collect();
    let field = match path.as_slice() {
        ["loc", "url", ..] => Field::Address,
        ["news:title", ..] => Field::Title,
        ["news:publication_date", ..] => Field::Published,
        ["image:loc", ..] => Field::Image,
        _ => return,
    };
    entry.add(field, text);
}

fn keep(found: &mut Found, entry: Entry, portal: &Portal, is_dev: bool) {
    let line = entry.line;
    match entry.into_item(portal, is_dev) {
        Ok((item, article, notes)) => {
            for note in &notes {
                found.complain(line, note);
            }
            found.items.insert(item, article);
        }
        Err(why) => found.complain(line, &why),
    }
}

/// A catalogue of the portal's own making, without what is not on its hosts.
pub(crate) fn owned(catalogue: Catalogue, portal: &Portal, is_dev: bool) -> Found {
    let mut found = Found::default();
    for (item, mut article) in catalogue.items {
        if !article.url.is_empty() && !portal.owns_url(&article.url, is_dev) {
            found.refuse(format!("{item}: {} is on no host of portal {}: left out", shown(&article.url), portal.id));
            continue;
        }
        if article.image.as_deref().is_some_and(|image| !portal.owns_url(image, is_dev)) {
            found.refuse(format!("{item}: its picture is on no host of portal {}: taken without", portal.id));
            article.image = None;
        }
        found.items.insert(item, article);
    }
    found
}

/// Text of the file in a complaint: short, and without what a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(80).collect()
}

/// What is published before, changed by what was found. With `unpublish_missing` what was not found is no longer recommended.
/// When that is too much for a catalogue, what was published first goes; how many went.
pub(crate) fn merged(mut before: Catalogue, found: BTreeMap<Item, CatalogueItem>, unpublish_missing: bool) -> (Catalogue, usize) {
    if unpublish_missing {
        for (_, article) in before.items.iter_mut().filter(|(item, _)| !found.contains_key(*item)) {
            article.unpublished = true;
        }
    }
    before.items.extend(found);
    let excess = before.items.len().saturating_sub(wire::CATALOGUE_ITEMS_MAX);
    let mut by_age: Vec<_> = before.items.iter().map(|(item, article)| (article.published_at_ms.unwrap_or(0), item.clone())).collect();
    by_age.sort_unstable();
    for (_, item) in by_age.iter().take(excess) {
        before.items.remove(item);
    }
    (before, excess)
}

#[cfg(test)]
mod tests;
