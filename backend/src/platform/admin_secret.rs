//! The admin secret, which may change while the backend runs: a file is read again whenever the secret is needed.

use std::fs;

use crate::args::{AdminSecretArgs, Secret};

/// A longer file is some other file.
const FILE_BYTES_MAX: u64 = 4_096;

impl AdminSecretArgs {
    /// The secret as it is now: what the file says, if one was named, else what the command line or the variable said.
    ///
    /// A file that cannot be read or is empty is no secret, and is told to the log: the edge then refuses, and a later call finds it mended.
    pub(crate) fn now(&self) -> Option<Secret> {
        let Some(path) = &self.admin_secret_file else { return self.admin_secret.clone() };
        let said =
            fs::metadata(path).and_then(|about| if about.len() > FILE_BYTES_MAX { Ok(String::new()) } else { fs::read_to_string(path) });
        match said {
            Ok(text) => match Secret::parse(text.trim()) {
                Ok(secret) => Some(secret),
                Err(why) => {
                    tracing::error!(file = %path.display(), "the file holds no admin secret: {why}");
                    None
                }
            },
            Err(why) => {
                tracing::error!(file = %path.display(), "the admin secret cannot be read: {why}");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time_and_wins() {
        let path = std::env::temp_dir().join(format!("pulso-admin-secret-{}", std::process::id()));
        let args = AdminSecretArgs { admin_secret: Secret::parse("by-variable").ok(), admin_secret_file: Some(path.clone()) };
        assert!(args.now().is_none(), "a file that is not there is no secret");
        for (text, expected) in [("first\n", Some("first")), ("second", Some("second")), ("\n", None), ("two\nlines", None)] {
            fs::write(&path, text).unwrap();
            assert_eq!(args.now().as_ref().map(Secret::expose), expected, "{text:?}");
        }
        fs::remove_file(&path).unwrap();
        let args = AdminSecretArgs { admin_secret_file: None, ..args };
        assert_eq!(args.now().as_ref().map(Secret::expose), Some("by-variable"));
    }
}
