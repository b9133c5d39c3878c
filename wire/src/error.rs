//! Why a message was refused: a situation with a stable code, never a bare string.

use serde::{Deserialize, Serialize};

use crate::batch::{BODY_BYTES_MAX, EVENTS_MAX, Rejected};

/// Why a message could not become a value of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body is larger than [`BODY_BYTES_MAX`].
    #[error("body has more than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The body is not JSON. `line` and `column` count from 1.
    #[error("not valid JSON at line {line} column {column}: {what}")]
    MalformedJson {
        /// Line of the first wrong byte.
        line: usize,
        /// Column of the first wrong byte.
        column: usize,
        /// What the parser expected there.
        what: String,
    },
    /// The body is JSON, but not an object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A required field is absent.
    #[error("field {field} is missing")]
    MissingField {
        /// Its name.
        field: &'static str,
    },
    /// A field has another type, or a value outside its limits.
    #[error("field {field} must be {rule}")]
    BadField {
        /// Its name.
        field: &'static str,
        /// What it has to be.
        rule: &'static str,
    },
    /// A version that this crate does not read.
    #[error("version {found} is not supported, send 1")]
    UnsupportedVersion {
        /// The version found.
        found: u64,
    },
    /// A model that is damaged, or none.
    #[error("the model cannot be used: {what}")]
    BadModel {
        /// What is wrong with it.
        what: &'static str,
    },
    /// `events` is empty.
    #[error("events is empty")]
    NoEvents,
    /// More than [`EVENTS_MAX`] events.
    #[error("{count} events are more than {EVENTS_MAX}")]
    TooManyEvents {
        /// How many there were.
        count: usize,
    },
    /// No event of the batch is valid.
    #[error("none of the events is valid, the first is refused as {}", first_code(rejected))]
    NoValidEvent {
        /// Every event with its code.
        rejected: Vec<Rejected>,
    },
}

fn first_code(rejected: &[Rejected]) -> &str {
    rejected.first().map_or("unknown", |first| first.code.as_ref())
}

impl Error {
    /// The stable code that clients see.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge => "body_too_large",
            Self::MalformedJson { .. } => "malformed_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField { .. } => "missing_field",
            Self::BadField { .. } => "bad_field",
            Self::UnsupportedVersion { .. } => "unsupported_version",
            Self::BadModel { .. } => "bad_model",
            Self::NoEvents => "no_events",
            Self::TooManyEvents { .. } => "too_many_events",
            Self::NoValidEvent { .. } => "no_valid_event",
        }
    }

    /// From `serde_json`, which knows where it stopped.
    pub(crate) fn malformed(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default().to_owned();
        Self::MalformedJson { line: error.line(), column: error.column(), what }
    }
}

/// The body of every 4xx and 5xx answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorBody {
    /// What happened.
    pub error: ErrorDetail,
}

/// What happened, for programs (`code`) and for people (`message`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorDetail {
    /// Stable; never changes its meaning.
    pub code: String,
    /// Says what to do; may change.
    pub message: String,
    /// The events that were refused, when it is about events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
}
