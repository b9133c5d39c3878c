//! A batch without what may name a person.

use std::collections::BTreeMap;

use wire::{Batch, EventKind, Item, LinkKind, Meta, PageKind, Portal, Scalar};

use super::address::{Address, cleaned, is_plain};
use super::scan::{Place, masked};
use super::token;

/// Takes personal data out of every address and every text of a batch, and says of links what a page cannot know: which hosts are the portal's own.
///
/// The same text is always masked the same way, so that an item is the same on every page. A page whose own address names a person is no
/// article: it is left out of what is recommended, for it must not be shown to others.
pub(crate) fn clean(batch: &mut Batch, portal: &Portal, is_dev: bool) {
    let whose = |url: &str| if portal.owns_url(url, is_dev) { Address::Own(portal) } else { Address::Foreign };
    let had_own_path = batch.item.is_none().then(|| Item::of_url(&batch.url));
    clean_address(&mut batch.url, whose);
    if let Some(referrer) = &mut batch.referrer {
        clean_address(referrer, whose);
    }
    let names_a_person = match &mut batch.item {
        Some(item) => mask_item(item),
        None => had_own_path.is_some_and(|path| path != Item::of_url(&batch.url)),
    };
    if names_a_person && batch.page == PageKind::Article {
        batch.page = PageKind::Other;
    }
    if let Some(meta) = &mut batch.meta {
        clean_meta(meta);
    }
    for event in &mut batch.events {
        clean_event(&mut event.kind, |url| portal.owns_url(url, is_dev), whose);
    }
}

fn clean_meta(meta: &mut Meta) {
    for text in [&mut meta.title, &mut meta.section].into_iter().flatten() {
        mask(text, Place::Text);
    }
    if let Some(image) = &mut meta.image {
        clean_address(image, |_| Address::Picture);
    }
}

fn clean_event<'a>(kind: &mut EventKind, is_own: impl Fn(&str) -> bool, whose: impl Fn(&str) -> Address<'a>) {
    match kind {
        EventKind::Click { href, link, .. } => {
            clean_address(href, whose);
            *link = match link {
                LinkKind::Download => LinkKind::Download,
                LinkKind::Internal | LinkKind::Outbound if is_own(href) => LinkKind::Internal,
                LinkKind::Internal | LinkKind::Outbound => LinkKind::Outbound,
            };
        }
        EventKind::Impression { placement, items, .. } => {
            mask(placement, Place::Text);
            for item in items {
                mask_item(item);
            }
        }
        EventKind::Custom { name, props } => {
            mask(name, Place::Text);
            clean_props(props);
        }
        EventKind::Pageview | EventKind::Engagement { .. } => {}
    }
}

/// Names as well as values. A number is looked at as its text, for a CPF is one; names that become the same keep the last value.
fn clean_props(props: &mut BTreeMap<String, Scalar>) {
    for value in props.values_mut() {
        match value {
            Scalar::Text(text) => mask(text, Place::Text),
            Scalar::Number(number) => {
                if let Some(masked) = masked(&number.to_string(), Place::Text) {
                    *value = Scalar::Text(masked);
                }
            }
            Scalar::Bool(_) => {}
        }
    }
    if props.keys().any(|name| masked(name, Place::Text).is_some()) {
        let named = std::mem::take(props).into_iter();
        *props = named.map(|(name, value)| (masked(&name, Place::Text).unwrap_or(name), value)).collect();
    }
    for (name, value) in props.iter_mut().filter(|(name, _)| token::is_secrets_name(name)) {
        if let Scalar::Text(text) = value
            && let Some((_, rest)) = masked(&format!("{name}={text}"), Place::Text).as_deref().and_then(|masked| masked.split_once('='))
        {
            rest.clone_into(text);
        }
    }
}

fn mask(text: &mut String, place: Place) {
    if let Some(masked) = masked(text, place) {
        *text = masked;
    }
}

/// Nearly every address is plain: it is only looked at, and nobody asks whose it is.
fn clean_address<'a>(url: &mut String, whose: impl Fn(&str) -> Address<'a>) {
    if !is_plain(url) {
        *url = cleaned(url, whose(url));
    }
}

/// Whether it named a person. A masked path is longer than it was by a few bytes at most: one that does not fit any more is `/`.
fn mask_item(item: &mut Item) -> bool {
    let Some(masked) = masked(item.as_str(), Place::Path) else { return false };
    if let Some(masked) = Item::parse(&masked).or_else(|| Item::parse("/")) {
        *item = masked;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    const GOOD: &str = include_str!("../../../wire/tests/golden/batch.json");

    fn cleaned_batch(changes: &[(&str, &str)]) -> Batch {
        let mut body = GOOD.to_owned();
        for (from, to) in changes {
            assert!(body.contains(from), "{from} is not in the golden batch");
            body = body.replace(from, to);
        }
        let config = Config::parse(Environment::default()).unwrap();
        let mut batch = Batch::parse(body.as_bytes()).unwrap().batch;
        clean(&mut batch, config.portals.get("g1").unwrap(), false);
        batch
    }

    #[test]
    fn every_text_of_a_batch_is_looked_at() {
        let text = serde_json::to_string(&cleaned_batch(&[
            (r#""referrer":""#, r#""referrer":"https://mail.example/ana@mail.example/x?c="#),
            (r#""title":""#, r#""title":"ana@mail.example "#),
            (r#""section":""#, r#""section":"(11) 91234-5678 "#),
            (r#""image":"https://s.g1.example/"#, r#""image":"https://s.g1.example/ana@mail.example/"#),
            (r#""href":"https://g1.example/"#, r#""href":"https://g1.example/ana@mail.example/"#),
            (r#""placement":""#, r#""placement":"ana@mail.example "#),
            (r#""items":["#, r#""items":["/perfil/ana@mail.example","#),
            (r#""name":""#, r#""name":"ana@mail.example "#),
            (r#""props":{"#, r#""props":{"ana@mail.example":true,"cpf":52998224725,"senha":"abacaxi","a":"52998224725","#),
        ]))
        .unwrap();
        for secret in ["ana@", "mail.example\"", "91234", "52998224725", "abacaxi"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        // Referrer, title, picture, link, placement, item, name of the event, name of a property.
        assert_eq!(text.matches("(email)").count(), 8, "{text}");
        assert_eq!((text.matches("(cpf)").count(), text.matches("(phone)").count(), text.matches("(token)").count()), (2, 1, 1), "{text}");
    }

    #[test]
    fn what_is_ordinary_stays_byte_for_byte() {
        let before = Batch::parse(GOOD.as_bytes()).unwrap().batch;
        assert_eq!(cleaned_batch(&[]), before);
    }

    #[test]
    fn an_item_is_the_same_wherever_it_is_named() {
        for path in
            ["/noticia/9f86d081884c7d659a2feaa0c55ad015.ghtml", "/g1-52998224725.ghtml", "/perfil/ana@mail.example", "/conta/52998224725"]
        {
            let own = cleaned_batch(&[("/economia/noticia/juros.ghtml", path)]);
            let seen = cleaned_batch(&[(r#""items":["#, &format!(r#""items":["{path}","#))]);
            let items = seen.events.iter().find_map(|event| match &event.kind {
                EventKind::Impression { items, .. } => items.first(),
                _ => None,
            });
            assert_eq!(own.item().as_ref(), items, "{path}");
            assert_eq!(own.item(), Item::of_url(&own.url), "{path}");
        }
    }

    #[test]
    fn a_page_whose_address_names_a_person_is_no_article() {
        let page = |path: &str| cleaned_batch(&[("/economia/noticia/juros.ghtml", path)]).page;
        assert_eq!(page("/perfil/ana@mail.example"), PageKind::Other);
        assert_eq!(page("/g1-52998224725.ghtml"), PageKind::Article);
    }
}
