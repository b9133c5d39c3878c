//! The clock that `wrangler dev` lacks: triggers the worker's cron of every minute, here once in a period.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for one run: two streams that do not answer cost 3 s each.
const RUN_TIMEOUT: Duration = Duration::from_secs(9);

/// A ticking clock; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Cron {
    is_over: Arc<AtomicBool>,
    is_resting: Arc<AtomicBool>,
}

impl Cron {
    /// Asks this address so often, whatever it answers: a worker that is down is what somebody else notices.
    pub(crate) fn start(url: String, period: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let is_resting = Arc::new(AtomicBool::new(false));
        let (over, resting) = (Arc::clone(&is_over), Arc::clone(&is_resting));
        std::thread::spawn(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(RUN_TIMEOUT)).build().into();
            let mut due = Instant::now();
            while !over.load(Ordering::SeqCst) {
                if Instant::now() >= due && !resting.load(Ordering::SeqCst) {
                    // As a platform that triggers a worker which is not there.
                    let _ = agent.get(&url).call();
                    due = (due + period).max(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { is_over, is_resting }
    }

    /// It asks nobody for now, or goes on.
    pub(super) fn rest(&self, is_resting: bool) {
        self.is_resting.store(is_resting, Ordering::SeqCst);
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}
