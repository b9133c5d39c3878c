//! Models that checks publish: ten articles, all of them on every list.

use anyhow::Result;
use serde_json::json;

/// The bytes of a model whose articles are `/<portal>/0` to `/<portal>/9`.
pub(crate) fn made(portal: &str, generated_at_ms: u64) -> Result<Vec<u8>> {
    let list: Vec<_> = (0..10).map(|n| json!({"item": format!("/{portal}/{n}"), "score": 10 - n})).collect();
    Ok(serde_json::to_vec(&json!({"v":1,"model_version":"made","generated_at_ms":generated_at_ms,"trending":list[..4],"top_pages":list}))?)
}
