//! The object store: it may fail, also after it has done what was asked.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::plan::Part;
use super::world::World;

/// By key, as R2 lists them.
#[derive(Debug, Default)]
pub(crate) struct Store(pub(crate) BTreeMap<String, String>);

impl Store {
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.0.keys().filter(|key| key.starts_with(prefix)).count()
    }
}

pub(crate) async fn put(world: &Rc<World>, key: &str, text: String) -> Result<(), String> {
    act(world, |store| {
        store.0.insert(key.to_owned(), text);
    })
    .await
}

pub(crate) async fn delete(world: &Rc<World>, key: &str) -> Result<(), String> {
    act(world, |store| {
        store.0.remove(key);
    })
    .await
}

pub(crate) async fn get(world: &Rc<World>, key: &str) -> Result<Option<String>, String> {
    let found = std::cell::RefCell::new(None);
    act(world, |store| *found.borrow_mut() = store.0.get(key).cloned()).await?;
    Ok(found.into_inner())
}

pub(crate) async fn keys(world: &Rc<World>, prefix: &str, limit: usize) -> Result<Vec<String>, String> {
    let found = std::cell::RefCell::new(Vec::new());
    act(world, |store| {
        let keys = store.0.keys().filter(|key| key.starts_with(prefix)).take(limit).cloned();
        *found.borrow_mut() = keys.collect();
    })
    .await?;
    Ok(found.into_inner())
}

async fn act(world: &Rc<World>, what: impl FnOnce(&mut Store)) -> Result<(), String> {
    world.kernel.sleep(world.random(1, 50)).await;
    let is_down = world.outage(|outage| (outage.part == Part::Store).then_some(())).is_some();
    let fails = is_down || world.strikes(world.plan.store_fails);
    // A failed call may have been obeyed all the same.
    if !fails || (!is_down && world.rng.borrow_mut().is(300)) {
        what(&mut world.store.borrow_mut());
    }
    world.kernel.sleep(world.random(1, 50)).await;
    if fails { Err("r2_failed".to_owned()) } else { Ok(()) }
}
