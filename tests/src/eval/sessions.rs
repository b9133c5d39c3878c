//! What each session has opened so far.

use hashbrown::HashMap;

use crate::click::{Click, ItemId, SessionId};

/// More would be no reader; what comes after is learnt as if it followed these.
const SESSION_ITEMS_MAX: usize = 1_000;

/// Histories by session.
#[derive(Debug, Default)]
pub(crate) struct Sessions(HashMap<SessionId, Vec<ItemId>>);

impl Sessions {
    /// What the click's session has opened, oldest first, with this click.
    pub(crate) fn open(&mut self, click: &Click) -> &[ItemId] {
        let history = self.0.entry(click.session).or_default();
        if history.len() == SESSION_ITEMS_MAX {
            history.remove(0);
        }
        history.push(click.item);
        history
    }

    /// Forgets a session; who reads a log knows its last click, and need not keep what is never asked again.
    pub(crate) fn close(&mut self, session: SessionId) {
        self.0.remove(&session);
    }
}
