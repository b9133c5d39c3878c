//! Every message that crosses a process border in Pulso, as types with limits.
//!
//! Parse once at the border with the `parse` functions; after that a value is valid because it exists.
//! `tests/golden/` holds one message of each kind, byte for byte; `schema/` the JSON Schemas.
//!
//! ```
//! let body = include_bytes!("../tests/golden/batch.json");
//! let parsed = wire::Batch::parse(body)?;
//! assert_eq!(parsed.batch.portal.as_str(), "g1");
//! assert!(parsed.rejected.is_empty());
//! # Ok::<(), wire::Error>(())
//! ```

mod batch;
mod catalogue;
pub mod day;
mod dead_letter;
mod envelope;
mod error;
mod event;
mod event_view;
mod id;
pub mod instant;
mod interaction;
mod item;
pub mod metric;
pub mod model;
mod page;
mod portal;
mod published;
mod raw;
mod rec_id;
mod recommendation;
mod rules;
mod tally;
mod text;
mod view;

pub use batch::{AT_MS_MAX, AT_MS_MIN, BODY_BYTES_MAX, Batch, CollectAnswer, Consent, EVENTS_MAX, ParsedBatch, Rejected};
pub use catalogue::{CATALOGUE_BYTES_MAX, CATALOGUE_ITEMS_MAX, Catalogue, CatalogueItem};
pub use dead_letter::{BadBody, DeadLetter, Origin, RetryHeader, RetryMessage};
pub use envelope::{Edge, Envelope, Source, Via};
pub use error::{Error, ErrorBody, ErrorDetail};
pub use event::{Event, EventKind, LinkKind, Scalar};
pub use event_view::{EventKindView, EventView};
pub use id::{NetworkId, PageviewId, VisitorId};
pub use interaction::{Interaction, InteractionKind, ReaderContext};
pub use item::{ITEM_BYTES_MAX, Item};
pub use page::{META_BYTES_MAX, Meta, PageKind};
pub use portal::{BuiltIn, OriginPattern, Portal, PortalId, Portals};
pub use published::{CARDS_MAX, Card, Cards, LISTED_ITEMS_MAX, ScoredItem};
pub use rec_id::{RecId, SetName};
pub use recommendation::{RecommendationSource, Recommendations, RecommendedItem};
pub use rules::{BLOCKS_MAX, Block, PINS_MAX, ParameterSet, ParameterSets, Pin, RULES_BYTES_MAX, RankerName, Rules};
pub use tally::{Figure, Tally};
pub use view::{BatchView, EdgeView, EnvelopeView, MetaView};
