//! What CloudWatch is told by the edge itself: each minute how it is, and at once what no record can tell.

use std::rc::Rc;

use super::health;
use crate::aws::cloudwatch::{self, DATA_MAX, Datum};
use crate::config::Config;
use crate::delivery::world::World as _;
use crate::heartbeat::{self, Seen};
use crate::platform::isolate::Isolate;
use crate::platform::{Env, clock, log, memory, queue, store};
use crate::probe;
use crate::retry::SPILL_PREFIX;

/// Objects that are counted: a page of the store's list.
const SET_ASIDE_MAX: usize = 1_000;

/// Looks, and tells; nothing without CloudWatch.
pub(crate) async fn heartbeat(env: &Env, config: &Rc<Config>) {
    if config.cloudwatch.is_none() {
        return;
    }
    let isolate = Isolate::new(env, config);
    let mut seen = Seen::default();
    for portal in config.portals.iter() {
        seen.streams.push((portal.id.clone(), probe::is_up(&health::probe_stream(&isolate, portal).await)));
    }
    if config.sqs.is_none() {
        for number in 0..config.retry_queues {
            seen.queues.extend(queue::backlog(env, number).await);
        }
    }
    let set_aside = store::keys(env, SPILL_PREFIX, "", SET_ASIDE_MAX).await.ok();
    seen.set_aside = set_aside.and_then(|keys| u32::try_from(keys.len()).ok());
    tell(&isolate, &heartbeat::data(&seen, clock::now_ms())).await;
}

/// Tells what this isolate could not get rid of, and of what was given up. What is not heard is counted on.
pub(crate) async fn trouble(env: &Env) {
    let Ok(config) = memory::config(env) else { return };
    if config.cloudwatch.is_none() {
        return;
    }
    let isolate = Isolate::new(env, &config);
    for (portal, tally) in memory::with_tallies(|tallies| tallies.urgent(clock::now_ms())) {
        let data: Vec<Datum> = tally.figures().into_iter().map(|figure| Datum { figure, portal: Some(portal.clone()) }).collect();
        if !tell(&isolate, &data).await {
            memory::with_tallies(|tallies| tallies.note(&portal, |open| open.add(&tally)));
        }
    }
}

/// Whether all of it was heard.
async fn tell(isolate: &Isolate, data: &[Datum]) -> bool {
    let config = isolate.config();
    let Some(endpoint) = &config.cloudwatch else { return false };
    let mut is_heard = true;
    for data in data.chunks(DATA_MAX) {
        let now_ms = clock::now_ms().saturating_add_signed(isolate.clock_offset_ms());
        let reply = match cloudwatch::put_metric_data(endpoint, &config.kinesis, data, now_ms) {
            Ok(call) => isolate.post(call).await,
            Err(error) => Err(error.code().to_owned()),
        };
        let why = match reply {
            Ok(reply) if reply.status == 200 => continue,
            Ok(reply) => format!("status_{}", reply.status),
            Err(code) => code,
        };
        log::event("metrics_untold", &[("code", &why)]);
        is_heard = false;
    }
    is_heard
}
