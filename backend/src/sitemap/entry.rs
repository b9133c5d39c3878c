//! One `<url>` of a sitemap, and what it is worth.

use wire::{CatalogueItem, Item, Portal, instant};

use super::shown;

/// Longest text of a field, in bytes; what is longer is no address and no title.
const FIELD_BYTES_MAX: usize = 4_096;

/// A field of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
    /// `loc`.
    Address,
    /// `news:title`.
    Title,
    /// `news:publication_date`.
    Published,
    /// `image:loc`: the first counts.
    Image,
}

/// An entry as it stands there.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) line: usize,
    address: String,
    title: String,
    published: String,
    image: String,
}

impl Entry {
    /// That begins at a line.
    pub(super) fn at(line: usize) -> Self {
        Self { line, ..Self::default() }
    }

    /// Adds a piece of a field's text.
    pub(super) fn add(&mut self, field: Field, text: &str) {
        let slot = match field {
            Field::Address => &mut self.address,
            Field::Title => &mut self.title,
            Field::Published => &mut self.published,
            // Pictures stand one behind the other, with blanks between.
            Field::Image if self.image.trim_end().len() < self.image.len() => return,
            Field::Image => &mut self.image,
        };
        if slot.len() + text.len() <= FIELD_BYTES_MAX {
            slot.push_str(text);
        }
    }

    /// The article, with what of it could not be used.
    ///
    /// # Errors
    /// Why it is none, and what to do.
    pub(super) fn into_item(self, portal: &Portal, is_dev: bool) -> Result<(Item, CatalogueItem, Vec<String>), String> {
        let (address, title) = (self.address.trim(), self.title.trim());
        if address.is_empty() {
            return Err("the entry has no <loc>: left out".to_owned());
        }
        if !portal.owns_url(address, is_dev) {
            let (address, portal) = (shown(address), &portal.id);
            return Err(format!("{address} is on no host of portal {portal}: left out; its hosts are the origins in portals.toml"));
        }
        let item = Item::of_url(address).ok_or_else(|| format!("{} has no path that can be an item: left out", shown(address)))?;
        if title.is_empty() {
            return Err(format!("{item} has no <news:title>: left out; a title is needed to show it"));
        }
        let mut notes = Vec::new();
        let published = self.published.trim();
        let published_at_ms = instant::parse_ms(published);
        if published_at_ms.is_none() && !published.is_empty() {
            notes.push(format!("{item}: {:?} is no date like 2026-11-23T06:00:00-03:00: taken without", shown(published)));
        }
        let image = Some(self.image.trim()).filter(|image| !image.is_empty());
        let own_image = image.filter(|image| portal.owns_url(image, is_dev));
        if let (Some(image), None) = (image, own_image) {
            notes.push(format!("{item}: the picture {} is on no host of portal {}: taken without", shown(image), portal.id));
        }
        let address = address.split('#').next().unwrap_or_default();
        let article = CatalogueItem {
            url: address.to_owned(),
            title: title.to_owned(),
            image: own_image.map(str::to_owned),
            published_at_ms,
            ..CatalogueItem::default()
        };
        if article.is_fit() { Ok((item, article, notes)) } else { Err(format!("{item}: address or title is too long: left out")) }
    }
}
