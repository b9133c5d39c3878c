//! Why a request is refused: a situation that knows its HTTP status and its stable code.

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The body is no message of ours.
    #[error(transparent)]
    Message(#[from] wire::Error),
    /// A published file is JSON, but not what it has to be.
    #[error("not a {file}: {what}")]
    WrongShape {
        /// What it has to be.
        file: &'static str,
        /// What the parser missed.
        what: String,
    },
    /// A published file is larger than its limit.
    #[error("body has more than {bytes_max} bytes")]
    FileTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The body stopped coming.
    #[error("the body did not arrive in time, send it again")]
    BodyTimeout,
    /// The connection broke while the body came.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// The content type is none of ours.
    #[error("content type must be text/plain or application/json")]
    UnsupportedMediaType,
    /// The body is compressed: what it would become cannot be told from what it is.
    #[error("compressed bodies are not taken, send it without Content-Encoding")]
    CompressedBody,
    /// No `Origin`, or the opaque origin `null`.
    #[error("the Origin header is missing or null")]
    MissingOrigin,
    /// The page's origin may not speak for this portal.
    #[error("origin {origin} is not listed for portal {portal} in portals.toml")]
    OriginNotAllowed {
        /// The `Origin` header.
        origin: String,
        /// The portal of the body, or `*` for a preflight.
        portal: String,
    },
    /// The portal of a posted batch does not exist.
    #[error("portal {portal} is not in portals.toml")]
    UnknownPortal {
        /// The portal of the body.
        portal: String,
    },
    /// The portal of an address does not exist.
    #[error("portal {portal} is not in portals.toml")]
    PortalNotFound {
        /// The portal of the path or query.
        portal: String,
    },
    /// Nobody has published that file of a portal.
    #[error("portal {portal} has no published {file}")]
    NotPublished {
        /// The portal of the path.
        portal: String,
        /// The file of the path.
        file: &'static str,
    },
    /// Rules that would leave a portal nothing to fall back on.
    #[error("the rules block every page in built_in of portal {portal}: leave one")]
    NothingLeft {
        /// The portal of the path.
        portal: String,
    },
    /// The bearer secret is absent or wrong.
    #[error("send the admin secret as a bearer token")]
    Unauthorized,
    /// Nothing is here.
    #[error("there is nothing at this path")]
    UnknownPath,
    /// The path exists for other methods.
    #[error("method {method} is not allowed here, use {allow}")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The value of `Allow`.
        allow: &'static str,
    },
    /// A query parameter is absent.
    #[error("parameter {name} is missing")]
    MissingParameter {
        /// Its name.
        name: &'static str,
    },
    /// A query parameter is outside its limits.
    #[error("parameter {name} must be {rule}")]
    BadParameter {
        /// Its name.
        name: &'static str,
        /// What it has to be.
        rule: &'static str,
    },
    /// This sender asks for too much.
    #[error("too many requests from here, come back in {retry_after_s} s")]
    RateLimited {
        /// The window in which it is counted, seconds.
        retry_after_s: u32,
    },
    /// Nothing is safe yet; the client keeps its message and sends it again. `cause` is for the log only.
    #[error("the service cannot take this now, send it again later")]
    Unavailable {
        /// What failed, without personal data.
        cause: String,
    },
}

impl Error {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Message(wire::Error::MalformedJson { .. } | wire::Error::NotAnObject) | Self::BodyUnreadable => 400,
            Self::Unauthorized => 401,
            Self::MissingOrigin | Self::OriginNotAllowed { .. } => 403,
            Self::PortalNotFound { .. } | Self::NotPublished { .. } | Self::UnknownPath => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::BodyTimeout => 408,
            Self::Message(wire::Error::BodyTooLarge) | Self::FileTooLarge { .. } => 413,
            Self::UnsupportedMediaType | Self::CompressedBody => 415,
            Self::Message(_)
            | Self::WrongShape { .. }
            | Self::NothingLeft { .. }
            | Self::UnknownPortal { .. }
            | Self::MissingParameter { .. }
            | Self::BadParameter { .. } => 422,
            Self::RateLimited { .. } => 429,
            Self::Unavailable { .. } => 503,
        }
    }

    /// The stable code that clients see.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Message(error) => error.code(),
            Self::FileTooLarge { .. } => "body_too_large",
            Self::BodyTimeout => "request_timeout",
            Self::BodyUnreadable => "unreadable_body",
            Self::UnsupportedMediaType | Self::CompressedBody => "unsupported_media_type",
            Self::MissingOrigin => "missing_origin",
            Self::OriginNotAllowed { .. } => "origin_not_allowed",
            Self::UnknownPortal { .. } | Self::PortalNotFound { .. } => "unknown_portal",
            Self::NotPublished { .. } => "not_published",
            Self::Unauthorized => "unauthorized",
            Self::UnknownPath => "unknown_path",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::MissingParameter { .. } => "missing_field",
            Self::WrongShape { .. } | Self::NothingLeft { .. } | Self::BadParameter { .. } => "bad_field",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// Something of ours failed; `cause` must hold no personal data and no secret.
    pub(crate) fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable { cause: cause.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_400_and_what_is_wrong_is_422() {
        let malformed = wire::Batch::parse(b"{").unwrap_err();
        assert_eq!(Error::from(malformed).status(), 400);
        assert_eq!(Error::from(wire::Error::NotAnObject).status(), 400);
        assert_eq!(Error::from(wire::Error::NoEvents).status(), 422);
        assert_eq!(Error::from(wire::Error::BodyTooLarge).status(), 413);
    }

    #[test]
    fn the_cause_of_an_outage_stays_inside() {
        let error = Error::unavailable("kinesis: AccessDeniedException");
        assert_eq!((error.status(), error.code()), (503, "unavailable"));
        assert!(!error.to_string().contains("kinesis"));
    }
}
