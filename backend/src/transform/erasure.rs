//! Readers who had themselves erased (LGPD art. 18, VI): what the edge had of them by then counts for nothing, also in a replay.

use hashbrown::HashMap;
use wire::VisitorId;

/// The tombstones: until when each reader is erased.
#[derive(Debug, Clone, Default)]
pub(crate) struct Erased(HashMap<VisitorId, u64>);

impl Erased {
    /// Whether what the edge got of this reader at that time is erased.
    pub(crate) fn covers(&self, visitor: VisitorId, received_at_ms: u64) -> bool {
        // Nearly always empty.
        !self.0.is_empty() && self.0.get(&visitor).is_some_and(|until_ms| received_at_ms <= *until_ms)
    }

    /// Erases a reader until then; says whether that is news.
    pub(crate) fn erase(&mut self, visitor: VisitorId, until_ms: u64) -> bool {
        let known = self.0.entry(visitor).or_insert(0);
        let is_news = until_ms > *known;
        *known = until_ms.max(*known);
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_is_erased_and_what_comes_after_is_not() {
        let (mut erased, visitor) = (Erased::default(), VisitorId::from_bits(7));
        assert!(!erased.covers(visitor, 0));
        assert!(erased.erase(visitor, 100) && !erased.erase(visitor, 100) && !erased.erase(visitor, 50));
        assert!(erased.covers(visitor, 100) && !erased.covers(visitor, 101) && !erased.covers(VisitorId::from_bits(8), 1));
    }
}
