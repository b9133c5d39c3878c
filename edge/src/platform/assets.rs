//! Static files that were deployed with the worker.

use super::Env;

/// Its name in `wrangler.toml`.
pub(crate) const BINDING: &str = "ASSETS";

/// A file by its path; `None` when it is not deployed.
pub(crate) async fn get(env: &Env, path: &str) -> Result<Option<Vec<u8>>, String> {
    let assets = env.assets(BINDING).map_err(|_| "no_binding".to_owned())?;
    // The host means nothing to this binding, but an address needs one.
    let mut answer = assets.fetch(format!("https://assets.invalid/{path}"), None).await.map_err(|_| "assets_failed".to_owned())?;
    match answer.status_code() {
        200 => answer.bytes().await.map(Some).map_err(|_| "assets_failed".to_owned()),
        404 => Ok(None),
        status => Err(format!("assets_{status}")),
    }
}
