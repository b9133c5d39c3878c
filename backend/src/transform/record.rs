//! A record of a portal's event stream, or why it is none.

use wire::{Envelope, EnvelopeView, PortalId};

/// Why a record is none of this stream's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Poison {
    #[error("{0}")]
    Unreadable(wire::Error),
    #[error("the record is of portal {0}")]
    OtherPortal(PortalId),
}

impl Poison {
    /// For logs: where it is wrong, without the reader's data that a full message could quote.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Unreadable(wire::Error::MalformedJson { line, column, .. }) => format!("malformed_json at line {line} column {column}"),
            Self::Unreadable(error) => error.code().to_owned(),
            Self::OtherPortal(portal) => format!("other_portal {portal}"),
        }
    }
}

/// The same, borrowed: for those who read millions.
///
/// # Errors
/// [`Poison`] when it is not an envelope of this portal.
pub(crate) fn view_record<'a>(data: &'a [u8], portal: &PortalId) -> Result<EnvelopeView<'a>, Poison> {
    let view = EnvelopeView::parse(data).map_err(Poison::Unreadable)?;
    if view.batch.portal == portal.as_str() {
        return Ok(view);
    }
    // Whoever parsed the view has checked it.
    Err(PortalId::parse(&view.batch.portal).map_or(Poison::Unreadable(wire::Error::NotAnObject), Poison::OtherPortal))
}

/// Parses a record of a portal's stream.
///
/// # Errors
/// [`Poison`] when it is not an envelope of this portal.
pub(crate) fn read_record(data: &[u8], portal: &PortalId) -> Result<Envelope, Poison> {
    let envelope = Envelope::parse(data).map_err(Poison::Unreadable)?;
    if envelope.batch.portal == *portal { Ok(envelope) } else { Err(Poison::OtherPortal(envelope.batch.portal)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../wire/tests/golden/envelope.json");

    #[test]
    fn a_record_that_is_no_envelope_of_the_portal_is_poison() {
        let portal = PortalId::parse("g1").unwrap();
        assert!(read_record(GOLDEN, &portal).is_ok() && view_record(GOLDEN, &portal).is_ok());
        let other = PortalId::parse("ge").unwrap();
        assert_eq!(read_record(GOLDEN, &other).unwrap_err().summary(), "other_portal g1");
        assert_eq!(view_record(GOLDEN, &other).unwrap_err().summary(), "other_portal g1");
        for (record, summary) in [
            (&b""[..], "malformed_json at line 1 column 0"),
            (b"{}", "malformed_json at line 1 column 2"),
            (&[0xff, 0x00], "malformed_json at line 1 column 1"),
            (&GOLDEN[..100], "malformed_json at line 1 column 100"),
        ] {
            assert_eq!(read_record(record, &portal).unwrap_err().summary(), summary);
            assert_eq!(view_record(record, &portal).unwrap_err().summary(), summary);
        }
        let later = String::from_utf8(GOLDEN.to_vec()).unwrap().replacen("\"v\":1", "\"v\":2", 1);
        assert_eq!(read_record(later.as_bytes(), &portal).unwrap_err().summary(), "unsupported_version");
    }
}
