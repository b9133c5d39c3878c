//! Where records that are none are kept: a bucket, or else a folder beside the stores.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;
use wire::DeadLetter;

use crate::args::DeadLetterArgs;
use crate::error::{Error, Result};
use crate::platform::files;
use crate::platform::s3::Bucket;

/// Wait after a failure, doubled up to the longest: the shard stands still meanwhile, rather than losing the record.
const WAIT: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The place.
#[derive(Debug)]
pub(crate) enum DeadLetters {
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

impl DeadLetters {
    /// The bucket, if one is wanted, else the folder.
    ///
    /// # Errors
    /// [`Error::MissingOption`], [`Error::BadBucket`], [`Error::HttpClient`].
    pub(crate) fn open(args: &DeadLetterArgs, folder: &Path) -> Result<Self> {
        let Some((bucket, endpoint)) = args.bucket.as_deref().zip(args.endpoint.as_deref()) else {
            return Ok(Self::Folder(folder.to_owned()));
        };
        let id = args.access_key_id.as_deref().ok_or(Error::MissingOption { name: "PULSO_R2_ACCESS_KEY_ID" })?;
        let secret = args.secret_access_key.as_ref().ok_or(Error::MissingOption { name: "PULSO_R2_SECRET_ACCESS_KEY" })?;
        Ok(Self::Bucket(Box::new(Bucket::new(endpoint, &args.region, bucket, id, secret)?)))
    }

    /// Keeps a letter, however long it takes, and gives its bytes. The same record has the same key, so that a repeat overwrites.
    /// `failed` is told of each try that did not do it.
    pub(crate) async fn keep(&self, letter: &DeadLetter, failed: impl Fn()) -> usize {
        let key = key(letter);
        let text = serde_json::to_string(letter).unwrap_or_default();
        let mut wait = WAIT;
        while let Err(why) = self.write(&key, &text).await {
            failed();
            tracing::error!(key, "a dead letter cannot be kept, trying again: {why}");
            sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
        }
        text.len()
    }

    async fn write(&self, key: &str, text: &str) -> std::result::Result<(), String> {
        match self {
            Self::Bucket(bucket) => bucket.put(key, text).await,
            Self::Folder(folder) => {
                let path = folder.join(key);
                let parent = path.parent().unwrap_or(folder);
                std::fs::create_dir_all(parent).and_then(|()| files::replace(&path, text.as_bytes())).map_err(|error| error.to_string())
            }
        }
    }
}

/// `dead/<yyyy-mm-dd>/<13-digit ms>-<stream>-<shard>-<sequence number>.json`: as the edge's, so that one command lists both.
fn key(letter: &DeadLetter) -> String {
    let origin = letter.origin.as_deref();
    let part = |of: fn(&wire::Origin) -> &str| origin.map(of).unwrap_or_default();
    let (stream, shard, number) = (part(|origin| &origin.stream), part(|origin| &origin.shard), part(|origin| &origin.sequence_number));
    format!("dead/{}/{:013}-{stream}-{shard}-{number}.json", wire::day::Day::of(letter.at_ms), letter.at_ms)
}
