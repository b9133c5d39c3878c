//! The least that a worker in Rust can do, written the ordinary way: reads the body and answers 204. `cargo xtask bench edge` measures
//! what the platform and the crate `worker` cost before anything of ours runs.

#![cfg(target_family = "wasm")]

use worker::{Context, Env, Request, Response, event};

#[event(fetch)]
async fn fetch(mut request: Request, _env: Env, _context: Context) -> worker::Result<Response> {
    request.bytes().await?;
    Ok(Response::empty()?.with_status(204))
}
