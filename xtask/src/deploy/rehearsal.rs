//! A deployment without an account: `PLACEHOLDER`.

use anyhow::Result;

/// The check.
pub(crate) fn check(_port: u16) -> Result<()> {
    super::shipped::check()
}
