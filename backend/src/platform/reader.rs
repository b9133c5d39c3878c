//! Reads every shard of one stream, as long as there is somebody to take the records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::platform::kinesis::{Kinesis, Page, Trouble};
use crate::shards::{Checkpoints, Start};

/// New shards are looked for so often; a drained parent asks at once.
const RELIST: Duration = Duration::from_secs(30);
/// Kinesis allows five reads a second and shard to all consumers together: two are ours when nothing waits.
const IDLE: Duration = Duration::from_millis(500);
const BEHIND: Duration = Duration::from_millis(210);
/// Waits after troubles: 0.25 s, doubled up to 8 s.
const BACKOFF: Duration = Duration::from_millis(250);
const BACKOFF_DOUBLINGS_MAX: u32 = 5;

/// Who takes the records of a stream: the state of a portal, or the lines of `tail`.
pub(crate) trait Taker: Send + Sync + 'static {
    /// The stream's name.
    fn stream(&self) -> &str;
    /// Where a shard without a checkpoint begins.
    fn fresh(&self) -> Start;
    /// Looks at or changes the checkpoints.
    fn with_checkpoints<T>(&self, change: impl FnOnce(&mut Checkpoints) -> T) -> T;
    /// Takes records and moves the checkpoint, both or none.
    fn take(&self, shard: &str, page: &Page);
    /// These shards are read now.
    fn reading(&self, shards: &BTreeSet<String>);
    /// Something went wrong that will pass.
    fn trouble(&self, trouble: &Trouble);
}

/// Why the reading of a shard ended.
enum Ending {
    Drained,
    Lost(Trouble),
}

/// Reads until `stop` is closed. Kinesis may come and go.
pub(crate) async fn read_stream<T: Taker>(kinesis: Kinesis, taker: Arc<T>, mut stop: watch::Receiver<()>) {
    let mut readers = JoinSet::new();
    let mut running = BTreeSet::new();
    let mut failures = 0_u32;
    loop {
        let wait = match survey(&kinesis, &taker, &mut readers, &mut running).await {
            Ok(()) => RELIST,
            Err(trouble) => {
                taker.trouble(&trouble);
                failures = failures.saturating_add(1);
                backoff(failures)
            }
        };
        tokio::select! {
            // An error means that the other end is gone, which is the signal.
            _ = stop.changed() => break,
            () = sleep(wait) => {}
            Some(ended) = readers.join_next() => {
                let Ok((shard, ending)) = ended else { continue };
                running.remove(&shard);
                taker.reading(&running);
                match ending {
                    Ending::Drained => failures = 0,
                    Ending::Lost(trouble) => {
                        taker.trouble(&trouble);
                        // The survey looks whether it is still the same stream, before anything is read from it.
                        sleep(backoff(failures)).await;
                        failures = failures.saturating_add(1);
                    }
                }
                continue;
            }
        }
        if wait == RELIST {
            failures = 0;
        }
    }
    // Readers stop where they wait for Kinesis, never within `take`.
    readers.shutdown().await;
}

/// Looks which stream it is and which shards it has, and starts readers for those that may be read.
async fn survey<T: Taker>(
    kinesis: &Kinesis,
    taker: &Arc<T>,
    readers: &mut JoinSet<(String, Ending)>,
    running: &mut BTreeSet<String>,
) -> Result<(), Trouble> {
    let created_at_ms = kinesis.created_at_ms(taker.stream()).await?;
    let listed = kinesis.shards(taker.stream()).await?;
    let is_other = taker.with_checkpoints(|checkpoints| checkpoints.meet_stream(created_at_ms));
    if is_other {
        tracing::warn!(
            stream = taker.stream(),
            "the stream was made anew since the last read: it is read from the beginning, or as far back as is of use"
        );
        readers.shutdown().await;
        running.clear();
    }
    let ready = taker.with_checkpoints(|checkpoints| {
        checkpoints.retain_listed(&listed);
        checkpoints.ready(&listed, running, &taker.fresh())
    });
    for (shard, start) in ready {
        tracing::info!(stream = taker.stream(), shard, ?start, "reading");
        running.insert(shard.clone());
        let (kinesis, taker) = (kinesis.clone(), Arc::clone(taker));
        readers.spawn(async move {
            let ending = read_shard(&kinesis, &*taker, &shard, &start).await;
            (shard, ending)
        });
    }
    taker.reading(running);
    Ok(())
}

async fn read_shard<T: Taker>(kinesis: &Kinesis, taker: &T, shard: &str, start: &Start) -> Ending {
    let mut iterator = match kinesis.iterator(taker.stream(), shard, start).await {
        Ok(iterator) => iterator,
        Err(trouble) => {
            if let (Trouble::Refused(_), Start::After(_)) = (&trouble, start) {
                tracing::warn!(stream = taker.stream(), shard, "the checkpoint does not fit the shard: its oldest record is next");
                taker.with_checkpoints(|checkpoints| checkpoints.forget(shard));
            }
            return Ending::Lost(trouble);
        }
    };
    let mut throttles = 0;
    loop {
        match kinesis.records(&iterator).await {
            Ok(page) => {
                throttles = 0;
                // Parsing 10,000 records takes a while: the other tasks of this thread move to another one.
                tokio::task::block_in_place(|| taker.take(shard, &page));
                let Some(next) = page.next else {
                    taker.with_checkpoints(|checkpoints| checkpoints.drain(shard));
                    return Ending::Drained;
                };
                iterator = next;
                sleep(if page.behind_ms == 0 { IDLE } else { BEHIND }).await;
            }
            Err(Trouble::Throttled(message)) => {
                throttles += 1;
                tracing::debug!(stream = taker.stream(), shard, message, "throttled");
                sleep(backoff(throttles)).await;
            }
            Err(trouble) => return Ending::Lost(trouble),
        }
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF * 2_u32.pow(failures.min(BACKOFF_DOUBLINGS_MAX))
}
