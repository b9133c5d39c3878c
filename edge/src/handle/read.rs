//! `GET /recommendations` and `GET /top-pages`.

use std::rc::Rc;

use futures_util::future::join;
use wire::{Cards, Model, Portal, RecId};

use super::Handled;
use crate::answer::Answer;
use crate::config::Config;
use crate::platform::http::Head;
use crate::platform::{Env, clock, kv, log, memory, random};
use crate::query::Query;
use crate::recommend::{self, Published, Rung, Wish};
use crate::route::File;

pub(super) async fn recommend(head: &Head, from: Rung, config: &Config, env: &Env) -> Handled {
    let query = Query::new(&head.query);
    let portal = config.portal(&query.required("portal")?)?;
    let wish = Wish::parse(query, from)?;
    let published = published(portal, config, env).await;
    Ok(Answer::json(200, &recommend::choose(portal, &published, &wish, RecId::from_bits(random::u64()))))
}

/// What is published for a portal: fresh from memory, else from KV; what KV does not give stays as it was.
async fn published(portal: &Portal, config: &Config, env: &Env) -> Rc<Published> {
    let (known, is_fresh) = memory::published(&portal.id, clock::now_ms());
    if let Some(known) = known.clone().filter(|_| is_fresh) {
        return known;
    }
    let keys = [File::Model, File::Cards].map(|file| file.key(portal.id.as_str()));
    let [model_key, cards_key] = &keys;
    let (model, cards) = join(read(env, model_key, Model::parse), read(env, cards_key, Cards::parse)).await;
    let model = model.unwrap_or_else(|| known.as_ref().and_then(|known| known.model.clone()));
    let cards = match cards {
        Some(cards) => cards.unwrap_or_default(),
        None => known.map(|known| known.cards.clone()).unwrap_or_default(),
    };
    let published = Rc::new(Published::new(model, cards, portal, config.is_dev));
    memory::keep_published(&portal.id, &published, clock::now_ms());
    published
}

/// `Some(None)` when nothing is published, `None` when nobody knows.
async fn read<T>(env: &Env, key: &str, parse: fn(&[u8]) -> Result<T, wire::Error>) -> Option<Option<T>> {
    let parsed = match kv::get(env, key).await {
        Ok(None) => return Some(None),
        Ok(Some(bytes)) => parse(&bytes).map_err(|error| error.code().to_owned()),
        Err(code) => Err(code),
    };
    match parsed {
        Ok(value) => Some(Some(value)),
        Err(code) => {
            log::event("published_unread", &[("key", key), ("code", &code)]);
            None
        }
    }
}
