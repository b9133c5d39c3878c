//! The envelope as serde's derives read it: slow, and beyond doubt. What the hand-shaped reading is held against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use wire::{Consent, Edge, Item, LinkKind, Meta, PageKind, PageviewId, PortalId, RecId, VisitorId};

#[derive(Serialize, Deserialize)]
pub(crate) struct Envelope {
    v: u8,
    batch: Batch,
    edge: Edge,
}

#[derive(Serialize, Deserialize)]
struct Batch {
    v: u8,
    portal: PortalId,
    pageview: PageviewId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visitor: Option<VisitorId>,
    consent: Consent,
    page: PageKind,
    url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
    sent_at_ms: u64,
    #[serde(default)]
    dropped: u32,
    #[serde(default)]
    bot: bool,
    events: Vec<Event>,
}

#[derive(Serialize, Deserialize)]
struct Event {
    seq: u32,
    at_ms: u64,
    #[serde(flatten)]
    kind: EventKind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum EventKind {
    Pageview,
    Engagement {
        engaged_ms: u64,
        scroll_pct: u8,
    },
    Click {
        href: String,
        link: LinkKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rec_id: Option<RecId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<u16>,
    },
    Impression {
        rec_id: RecId,
        placement: String,
        items: Vec<Item>,
    },
    Custom {
        name: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        props: BTreeMap<String, Scalar>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(Number),
    Text(String),
}
