//! The clock that `wrangler dev` lacks: triggers the worker's cron of every minute, here once in a period.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for one run: two streams that do not answer cost 3 s each.
const RUN_TIMEOUT: Duration = Duration::from_secs(9);

/// A ticking clock; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Cron(Arc<AtomicBool>);

impl Cron {
    /// Asks this address so often, whatever it answers: a worker that is down is what somebody else notices.
    pub(crate) fn start(url: String, period: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(RUN_TIMEOUT)).build().into();
            let mut due = Instant::now();
            while !told.load(Ordering::SeqCst) {
                if Instant::now() >= due {
                    // As a platform that triggers a worker which is not there.
                    let _ = agent.get(&url).call();
                    due = (due + period).max(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self(is_over)
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
