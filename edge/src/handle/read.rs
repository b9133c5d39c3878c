//! `GET /recommendations`, `/similar`, `/trending`, `/top-pages` and `/latest`.

use std::rc::Rc;

use wire::{PortalId, RecommendationSource};

use super::{Handled, published};
use crate::answer::Answer;
use crate::collect::Client;
use crate::config::Config;
use crate::platform::http::Head;
use crate::platform::{Context, Env, cache, clock, memory, random};
use crate::query::Query;
use crate::recommend::{self, Asked, Door, Reader, SHARED_S, Sharing, Wish};
use crate::tally;

pub(super) async fn recommend(client: &Client, head: &Head, door: Door, config: &Rc<Config>, env: &Env, context: &Context) -> Handled {
    let began_at_ms = clock::now_ms();
    let query = Query::new(&head.query);
    let portal = config.portal(&query.required("portal")?)?;
    let wish = Wish::parse(query, door, portal, config.is_dev)?;
    let reader = Reader::of(client);
    let shelved = published::of(portal, config, env, context).await;
    let rules = &shelved.published().files().rules;
    let random_bits = random::u64();
    let set = recommend::set_of(portal, rules, &wish, &reader, random_bits);
    let asked = Asked { portal, wish: &wish, reader: &reader, set, now_ms: clock::now_ms(), random_bits };
    let key = recommend::key(&asked, shelved.edition());
    if let Some(key) = &key
        && let Some(body) = cache::get(key).await
    {
        note(&portal.id, false, began_at_ms);
        return Ok(Answer::kept_json(body).caching(recommend::sharing_of_kept(rules).cache_control()));
    }
    let chosen = memory::with_scratch(|scratch| recommend::choose(shelved.published(), &asked, scratch));
    note(&portal.id, chosen.source == RecommendationSource::BuiltIn, began_at_ms);
    let sharing = recommend::sharing(&asked, rules, chosen.source);
    let answer = Answer::json(200, &chosen).caching(sharing.cache_control());
    if let (Some(key), Some(body), false) = (key, answer.body.clone(), sharing == Sharing::Nobody) {
        context.wait_until(async move { cache::put(&key, body, SHARED_S).await });
    }
    Ok(answer)
}

/// Time passes here only while something is waited for, which is what takes long.
fn note(portal: &PortalId, is_fallback: bool, began_at_ms: u64) {
    let took_ms = clock::now_ms().saturating_sub(began_at_ms);
    memory::with_tallies(|tallies| tallies.note(portal, |open| tally::note_list(open, is_fallback, took_ms)));
}
