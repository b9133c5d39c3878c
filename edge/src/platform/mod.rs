//! The shell: everything that touches the world, and nothing that decides.

pub(crate) mod assets;
pub(crate) mod cache;
pub(crate) mod clock;
pub(crate) mod http;
pub(crate) mod isolate;
pub(crate) mod kv;
pub(crate) mod limiter;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod page;
pub(crate) mod queue;
pub(crate) mod random;
pub(crate) mod store;
pub(crate) mod transport;

/// What the handlers pass on without looking inside.
pub(crate) use worker::web_sys::Request;
pub(crate) use worker::{Context, Env, MessageBatch};

use crate::config::Environment;
use crate::limit::Kind;

/// The raw values of the environment. Each is a reflection into JavaScript: read once per isolate.
pub(crate) fn environment(env: &Env) -> Environment {
    // Vars and secrets are the same kind of binding.
    let value = |name: &str| env.var(name).ok().map(|value| value.to_string());
    Environment {
        pulso_env: value("PULSO_ENV"),
        aws_region: value("AWS_REGION"),
        kinesis_endpoint: value("KINESIS_ENDPOINT"),
        aws_access_key_id: value("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key: value("AWS_SECRET_ACCESS_KEY"),
        admin_secret: value("ADMIN_SECRET"),
        admin_secret_next: value("ADMIN_SECRET_NEXT"),
        identify_secret: value("IDENTIFY_SECRET"),
        retry_queues: value("RETRY_QUEUES"),
        retry_queue: value("RETRY_QUEUE"),
        sqs_queue_url: value("SQS_QUEUE_URL"),
        spill_after_s: value("SPILL_AFTER_S"),
        group_commit: value("GROUP_COMMIT"),
        cloudwatch_endpoint: value("CLOUDWATCH_ENDPOINT"),
    }
}

/// The id of this deployment, when `wrangler.toml` binds it: what `cargo xtask deploy` waits to see.
pub(crate) fn deployment(env: &Env) -> Option<String> {
    env.get_binding::<worker::WorkerVersionMetadata>("VERSION").ok().map(|version| version.id()).filter(|id| !id.is_empty())
}

/// The bindings of `wrangler.toml`, and whether they are there.
pub(crate) fn bindings(env: &Env, retry_queues: u32) -> Vec<(String, bool)> {
    let fixed = [
        (kv::BINDING.to_owned(), env.kv(kv::BINDING).is_ok()),
        (store::BINDING.to_owned(), env.bucket(store::BINDING).is_ok()),
        (assets::BINDING.to_owned(), env.assets(assets::BINDING).is_ok()),
    ];
    let queues = (0..retry_queues).map(queue::binding).map(|name| {
        let is_there = env.queue(&name).is_ok();
        (name, is_there)
    });
    let limits = Kind::BINDINGS.map(|name| (name.to_owned(), limiter::is_bound(env, name)));
    fixed.into_iter().chain(limits).chain(queues).collect()
}
