//! What the reader agreed to, and what follows from it.

/// What may be measured and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Consent {
    /// Nothing is measured and nothing is sent.
    Off = 0,
    /// Nothing is kept on the device.
    Cookieless = 1,
    /// A first-party id and the outbox may be kept on the device.
    Full = 2,
}

impl Consent {
    /// `full`, `cookieless` or `off`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "full" => Some(Self::Full),
            "cookieless" => Some(Self::Cookieless),
            "off" => Some(Self::Off),
            _ => None,
        }
    }

    /// What holds for a reader whose browser asks not to be followed (<https://www.w3.org/TR/gpc/>): never `full`.
    #[must_use]
    pub const fn under_gpc(self, is_gpc_on: bool) -> Self {
        match self {
            Self::Full if is_gpc_on => Self::Cookieless,
            Self::Full | Self::Cookieless | Self::Off => self,
        }
    }

    /// What holds where the reader's id cannot be kept, or was erased: never `full`.
    #[must_use]
    pub const fn where_storable(self, is_id_kept: bool) -> Self {
        self.under_gpc(!is_id_kept)
    }

    /// Whether anything may be kept on the device. Where it may not, what was kept is erased.
    #[must_use]
    pub const fn may_store(self) -> bool {
        matches!(self, Self::Full)
    }

    /// How much it allows: 0 nothing, 1 to measure, 2 to keep.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "its discriminant")]
    pub const fn level(self) -> u32 {
        self as u32
    }

    /// `full`, `cookieless` or `off`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Cookieless => "cookieless",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_names() {
        for mode in [Consent::Full, Consent::Cookieless, Consent::Off] {
            assert_eq!(Consent::parse(mode.name()), Some(mode));
        }
        for bad in ["", "Full", "yes", "full "] {
            assert_eq!(Consent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn global_privacy_control_means_never_full() {
        assert_eq!(Consent::Full.under_gpc(true), Consent::Cookieless);
        assert_eq!(Consent::Full.under_gpc(false), Consent::Full);
        assert_eq!(Consent::Off.under_gpc(true), Consent::Off);
    }

    #[test]
    fn without_a_kept_id_there_is_no_full() {
        assert_eq!(Consent::Full.where_storable(false), Consent::Cookieless);
        assert_eq!(Consent::Full.where_storable(true), Consent::Full);
        assert_eq!(Consent::Off.where_storable(false), Consent::Off);
    }

    #[test]
    fn only_full_may_store() {
        assert!(Consent::Full.may_store());
        assert!(!Consent::Cookieless.may_store());
        assert!(!Consent::Off.may_store());
    }
}
