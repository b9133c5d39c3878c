//! Bugs planted on purpose, one at a time: an oracle that has not been seen failing proves nothing. Those of delivery's own logic are
//! planted where it meets the world, for its code is the one that ships: what is put and what is heard of it is bent.

use std::rc::Rc;

use edge::aws::kinesis::{self, Call, Outcome};
use edge::delivery::world::Reply;
use serde_json::Value;

use super::kinesis as streams;
use super::world::World;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    EnqueueSkipped,
    RecordOfABatchDropped,
    FailedIndexOffByOne,
    AckBeforePut,
    KeptIsAcked,
    WrongCountIsSuccess,
    TimeoutIsSuccess,
    SpillNotWritten,
    SpillDeletedThoughSomeAreLeft,
    DeadLetterQueueDrops,
    Answer202Instead503,
    OutboxForgetsOn5xx,
    WholeBatchSentAgain,
    DedupSeesNothing,
    FollowerToldAtOnce,
    NeighboursVerdict,
    UnknownIsSafe,
}

impl Mutant {
    pub(crate) const ALL: [Self; 17] = [
        Self::EnqueueSkipped,
        Self::RecordOfABatchDropped,
        Self::FailedIndexOffByOne,
        Self::AckBeforePut,
        Self::KeptIsAcked,
        Self::WrongCountIsSuccess,
        Self::TimeoutIsSuccess,
        Self::SpillNotWritten,
        Self::SpillDeletedThoughSomeAreLeft,
        Self::DeadLetterQueueDrops,
        Self::Answer202Instead503,
        Self::OutboxForgetsOn5xx,
        Self::WholeBatchSentAgain,
        Self::DedupSeesNothing,
        Self::FollowerToldAtOnce,
        Self::NeighboursVerdict,
        Self::UnknownIsSafe,
    ];

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::EnqueueSkipped => "nothing is enqueued, but reported safe",
            Self::RecordOfABatchDropped => "the consumer forgets the last record of a batch",
            Self::FailedIndexOffByOne => "the failed record's neighbour is sent again",
            Self::AckBeforePut => "messages are acknowledged before the put",
            Self::KeptIsAcked => "what is kept is acknowledged",
            Self::WrongCountIsSuccess => "an answer with a wrong count is a success",
            Self::TimeoutIsSuccess => "no answer is a success",
            Self::SpillNotWritten => "nothing is set aside, but reported safe",
            Self::SpillDeletedThoughSomeAreLeft => "a drained object is deleted though some records are left",
            Self::DeadLetterQueueDrops => "the dead-letter queue's consumer drops",
            Self::Answer202Instead503 => "503 is answered as 202",
            Self::OutboxForgetsOn5xx => "the outbox forgets on 5xx",
            Self::WholeBatchSentAgain => "stored records of a batch are sent again",
            Self::DedupSeesNothing => "the backend does not de-duplicate",
            Self::FollowerToldAtOnce => "who boards a flight is told at once that it is safe",
            Self::NeighboursVerdict => "who rides in a flight is told the verdict of a neighbour",
            Self::UnknownIsSafe => "a flight that nobody came back from is safe",
        }
    }
}

/// Posts a call, as delivery with this bug would, and hears what it would hear.
pub(crate) async fn post(world: &Rc<World>, mutant: Mutant, mut call: Call) -> Result<Reply, String> {
    let Ok(mut request) = serde_json::from_str::<Value>(&call.body) else { return streams::send(world, call).await };
    let records = request.get_mut("Records").and_then(Value::as_array_mut);
    let count = records.as_ref().map_or(0, |records| records.len());
    let is_cut = mutant == Mutant::RecordOfABatchDropped && count > 1 && records.and_then(Vec::pop).is_some();
    if is_cut {
        call.body = request.to_string();
    }
    let reply = streams::send(world, call).await?;
    let outcomes = kinesis::outcomes(if is_cut { count - 1 } else { count }, reply.status, &reply.body);
    let mut heard = outcomes.clone();
    bend(mutant, &mut heard);
    if is_cut {
        heard.push(Outcome::Stored);
    }
    if heard == outcomes {
        return Ok(reply);
    }
    let code = |outcome: &Outcome| match outcome {
        Outcome::Stored => None,
        Outcome::Failed { reason } => Some(reason.clone()),
    };
    let codes: Vec<_> = heard.iter().map(code).collect();
    Ok(Reply { status: 200, body: streams::answer(&codes.iter().map(Option::as_deref).collect::<Vec<_>>()), ..reply })
}

/// What this bug makes of the outcomes.
fn bend(mutant: Mutant, outcomes: &mut [Outcome]) {
    let says = |code: &str| outcomes.contains(&Outcome::failed(code));
    let is_believed =
        mutant == Mutant::WrongCountIsSuccess && says("wrong_count") || mutant == Mutant::TimeoutIsSuccess && says("unreadable_answer");
    if is_believed {
        outcomes.fill(Outcome::Stored);
    } else if mutant == Mutant::FailedIndexOffByOne {
        outcomes.rotate_right(1.min(outcomes.len()));
    } else if mutant == Mutant::WholeBatchSentAgain
        && let Some(failed) = outcomes.iter().find(|outcome| **outcome != Outcome::Stored).cloned()
    {
        outcomes.fill(failed);
    }
}
