//! Models that checks publish: ten articles, all of them on every list.

use wire::model::{Neighbour, Parts, PartsItem};

/// The bytes of a model whose articles are `/<portal>/0` to `/<portal>/9`. Four of them rise; readers go from each to the next.
pub(crate) fn made(portal: &str, generated_at_ms: u64) -> Vec<u8> {
    let first_seen_s = u32::try_from(generated_at_ms / 1_000).unwrap_or(0).saturating_sub(7_200);
    let item = |n: u32| PartsItem {
        path: format!("/{portal}/{n}"),
        first_seen_s: first_seen_s - n,
        neighbours: vec![Neighbour { item: (n + 1) % 10, fast: 0.5, slow: 0.5, back: 0.0 }],
        ..PartsItem::default()
    };
    let list: Vec<(u32, f32)> = (0_u16..10).map(|n| (n.into(), f32::from(10 - n))).collect();
    let parts = Parts {
        name: "made".to_owned(),
        generated_at_ms,
        items: (0..10).map(item).collect(),
        trending: list.iter().take(4).copied().collect(),
        top_pages: list.clone(),
        latest: list,
        leaders: (0..10).collect(),
        ..Parts::default()
    };
    parts.write()
}
