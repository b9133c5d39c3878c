//! What CloudWatch is told by the edge itself: each minute how it is, and at once what no record can tell.

use std::rc::Rc;

use super::health;
use crate::aws::cloudwatch::{self, DATA_MAX, Datum};
use crate::aws::kinesis::Call;
use crate::aws::logs;
use crate::config::Config;
use crate::delivery::world::World as _;
use crate::error::Result;
use crate::heartbeat::{self, Seen};
use crate::platform::isolate::Isolate;
use crate::platform::{Context, Env, clock, log, memory, queue, store};
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
    trouble(env).await;
}

/// Tells what this isolate could not get rid of, what was given up, and what its log said. What is not heard is told again.
pub(crate) async fn trouble(env: &Env) {
    let Ok(config) = memory::config(env) else { return };
    let Some(cloudwatch) = &config.cloudwatch else { return };
    let isolate = Isolate::new(env, &config);
    for (portal, tally) in memory::with_tallies(|tallies| tallies.urgent(clock::now_ms())) {
        let data: Vec<Datum> = tally.figures().into_iter().map(|figure| Datum { figure, portal: Some(portal.clone()) }).collect();
        if !tell(&isolate, &data).await {
            memory::with_tallies(|tallies| tallies.note(&portal, |open| open.add(&tally)));
        }
    }
    let lines = memory::with_timeline(|timeline| timeline.take(clock::now_ms()));
    if lines.is_empty() {
        return;
    }
    let call = logs::put_log_events(&cloudwatch.logs, &isolate.config().kinesis, &lines, signed_at_ms(&isolate));
    if let Err(code) = heard(&isolate, call).await {
        memory::with_timeline(|timeline| timeline.give_back(lines));
        log::event("lines_untold", &[("code", &code)]);
    }
}

/// The same beside a request, if the log has said something.
pub(crate) fn later(env: &Env, context: &Context) {
    let is_due = memory::with_timeline(|timeline| timeline.is_due(clock::now_ms()));
    if is_due && memory::config(env).is_ok_and(|config| config.cloudwatch.is_some()) {
        let env = env.clone();
        context.wait_until(async move { trouble(&env).await });
    }
}

/// Whether all of it was heard.
async fn tell(isolate: &Isolate, data: &[Datum]) -> bool {
    let config = isolate.config();
    let Some(cloudwatch) = &config.cloudwatch else { return false };
    let mut is_heard = true;
    for data in data.chunks(DATA_MAX) {
        let call = cloudwatch::put_metric_data(&cloudwatch.metrics, &config.kinesis, data, signed_at_ms(isolate));
        if let Err(code) = heard(isolate, call).await {
            log::event("metrics_untold", &[("code", &code)]);
            is_heard = false;
        }
    }
    is_heard
}

fn signed_at_ms(isolate: &Isolate) -> u64 {
    clock::now_ms().saturating_add_signed(isolate.clock_offset_ms())
}

/// Makes a call; why it was not heard, as a code.
async fn heard(isolate: &Isolate, call: Result<Call>) -> std::result::Result<(), String> {
    let reply = match call {
        Ok(call) => isolate.post(call).await?,
        Err(error) => return Err(error.code().to_owned()),
    };
    if reply.status == 200 { Ok(()) } else { Err(format!("status_{}", reply.status)) }
}
