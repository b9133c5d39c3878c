//! `cargo xtask rotate-keys`: another admin secret and another AWS key, while everything runs and nobody is refused.

mod cloudflare;
mod key;
mod local;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;

use crate::deploy::health::{Health, Seen};
use crate::deploy::settings::Environment;

use self::cloudflare::Cloudflare;
use self::key::{AccessKey, AccessKeys};
pub(crate) use self::local::{ADMIN_SECRET_FILE, Local, SECRETS};

/// How long a worker may take to show what it was told: Cloudflare says seconds, a local one restarts.
const TOLD_PATIENCE: Duration = Duration::from_mins(2);
/// So many answers in a row have to agree: requests meet several isolates, and old ones linger.
const IN_A_ROW: u32 = 5;
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of chance in a secret: as many as an AES-256 key's.
const SECRET_BYTES: usize = 32;

/// What `rotate-keys` can do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A deployed environment; without it, the `dev` that runs here.
    #[arg(long, value_enum, value_name = "NAME", requires = "secret_file")]
    env: Option<Environment>,
    /// The file that the backends read (`--admin-secret-file`); it holds the old secret, and will hold the new one. Copy it to where they
    /// run when the grace period begins, if that is elsewhere.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The worker's address, if it is not that of wrangler.toml.
    #[arg(long, value_name = "URL", requires = "env")]
    url: Option<String>,
    /// The worker's user in IAM, whose access key is changed.
    #[arg(long, default_value = key::USER, value_name = "NAME")]
    user: String,
    /// The admin secret alone.
    #[arg(long)]
    keep_aws_key: bool,
    /// Seconds between the switch and the end of the old: for publications under way, isolates that linger, backends elsewhere.
    #[arg(long, value_name = "N")]
    grace_s: Option<u64>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// The worker's port of the `dev` that runs here.
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// The folder of that `dev`, if it was given one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Where a worker runs that can be told secrets.
pub(crate) trait Place {
    /// In words, for the plan.
    fn said(&self) -> String;
    /// Its address.
    fn url(&self) -> &str;
    /// Changes secrets together: `None` takes one away. The worker shows them when it has them.
    fn tell(&self, changes: &[(&str, Option<&str>)]) -> Result<()>;
}

/// One rotation.
#[derive(Debug)]
pub(crate) struct Rotation<'a, P> {
    pub place: &'a P,
    /// What backends read.
    pub secret_file: &'a Path,
    /// Whose access key, if it is changed.
    pub keys: Option<AccessKeys>,
    pub grace: Duration,
}

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    if let (Some(environment), Some(secret_file)) = (options.env, &options.secret_file) {
        let place = Cloudflare::new(environment, options.url.as_deref())?;
        let keys = (!options.keep_aws_key).then(|| AccessKeys::of_account(&options.user));
        let grace = Duration::from_secs(options.grace_s.unwrap_or(60));
        return Rotation { place: &place, secret_file, keys, grace }.run_or_say(options.dry_run);
    }
    let place = Local::find(options.port, options.data.as_deref())?;
    let secret_file = place.secret_file();
    let keys = if options.keep_aws_key { None } else { place.keys() };
    if keys.is_none() {
        println!("the AWS key stays: a dev's stand-in asks for none");
    }
    let grace = Duration::from_secs(options.grace_s.unwrap_or(5));
    Rotation { place: &place, secret_file: &secret_file, keys, grace }.run_or_say(options.dry_run)
}

impl<P: Place> Rotation<'_, P> {
    fn run_or_say(&self, is_dry: bool) -> Result<()> {
        if !is_dry {
            return self.run();
        }
        println!("{}\nwould be done, and nothing was:", self.place.said());
        self.steps().iter().enumerate().for_each(|(index, step)| println!("  {}. {step}", index + 1));
        Ok(())
    }

    fn steps(&self) -> Vec<String> {
        let user = self.keys.as_ref().map(|keys| keys.user.clone());
        let mut steps = vec!["make a new admin secret".to_owned()];
        steps.extend(user.as_ref().map(|user| format!("make {user} a second access key, and wait until AWS knows it")));
        let also = if user.is_some() { " and the new access key, both halves at once" } else { "" };
        steps.push(format!("tell the worker ADMIN_SECRET_NEXT{also}; wait until it shows them: old and new secret are admitted now"));
        steps.push(format!("write the new secret into {}, which backends read at each publication", self.secret_file.display()));
        steps.push(format!("wait {} s for what is under way", self.grace.as_secs()));
        steps.push("tell the worker ADMIN_SECRET anew, take ADMIN_SECRET_NEXT away; wait until the old one is refused".to_owned());
        if user.is_some() {
            steps.push("make the old access key inactive, look whether records are still taken, and delete it".to_owned());
        }
        steps
    }

    /// Does it. Each step says what it has done; after an error the old secrets are still good, or the new ones already are.
    pub(crate) fn run(&self) -> Result<()> {
        println!("{}", self.place.said());
        let old = read_secret(self.secret_file)?;
        self.admitted(&old).context("the secret in the file is not the worker's: nothing was changed")?;
        let new = new_secret()?;
        let key = self.keys.as_ref().map(AccessKeys::make).transpose()?;
        if let Some((made, before)) = &key {
            println!("  access key …{} is made beside …{}", made.end(), before.end());
        }
        self.introduce(&old, &new, key.as_ref().map(|(made, _)| made))?;
        write_secret(self.secret_file, &new)?;
        println!("  {} has the new secret", self.secret_file.display());
        std::thread::sleep(self.grace);
        self.place.tell(&[("ADMIN_SECRET", Some(&new)), ("ADMIN_SECRET_NEXT", None)])?;
        self.until("the worker admits the new admin secret alone", || {
            let seen = Health::look(self.place.url(), Some(&new));
            seen.is_green() && !seen.admits_next()
        })?;
        ensure!(Health::look(self.place.url(), Some(&old)) == Seen::Refused, "the old admin secret is still admitted");
        println!("  the old admin secret is refused");
        if let (Some(keys), Some((made, before))) = (&self.keys, &key) {
            self.retire(keys, before, made, &new)?;
        }
        Ok(())
    }

    /// Makes old and new good at once.
    fn introduce(&self, old: &str, new: &str, key: Option<&AccessKey>) -> Result<()> {
        let mut changes = vec![("ADMIN_SECRET_NEXT", Some(new))];
        if let Some(key) = key {
            // Together: halves of two keys sign nothing.
            changes.extend([("AWS_ACCESS_KEY_ID", Some(key.id.as_str())), ("AWS_SECRET_ACCESS_KEY", Some(key.secret.as_str()))]);
        }
        self.place.tell(&changes)?;
        let shown = key.map(AccessKey::end);
        // Asked with the old one: who comes with a secret that is not admitted yet is guessing, and is stopped after a few.
        self.until("the worker admits two admin secrets, and signs with its newest key", || {
            let seen = Health::look(self.place.url(), Some(old));
            seen.is_green() && seen.admits_next() && shown.is_none_or(|end| seen.key_ends_with(end))
        })?;
        ensure!(Health::look(self.place.url(), Some(new)).is_green(), "the worker does not admit the new admin secret");
        Ok(())
    }

    fn retire(&self, keys: &AccessKeys, before: &AccessKey, made: &AccessKey, secret: &str) -> Result<()> {
        keys.deactivate(&before.id)?;
        let is_good = self.until("records are taken without the old access key", || {
            let seen = Health::look(self.place.url(), Some(secret));
            seen.is_green() && seen.key_ends_with(made.end())
        });
        if let Err(error) = is_good {
            keys.activate(&before.id)?;
            return Err(error.context(format!("the old access key …{} is active again", before.end())));
        }
        keys.delete(&before.id)?;
        println!("  access key …{} is deleted", before.end());
        Ok(())
    }

    fn admitted(&self, secret: &str) -> Result<()> {
        match Health::look(self.place.url(), Some(secret)) {
            Seen::Refused => bail!("{} refuses it", self.place.url()),
            Seen::Said(_) => Ok(()),
            Seen::Nothing(why) => bail!("{} does not answer: {why}", self.place.url()),
        }
    }

    /// Looks until something is so several times in a row.
    fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + TOLD_PATIENCE;
        let mut in_a_row = 0;
        while in_a_row < IN_A_ROW {
            in_a_row = if is_so() { in_a_row + 1 } else { 0 };
            ensure!(
                Instant::now() < deadline,
                "not so after {} s: {what}; {}",
                TOLD_PATIENCE.as_secs(),
                Health::look(self.place.url(), None)
            );
            std::thread::sleep(LOOK_PAUSE);
        }
        println!("  {what}");
        Ok(())
    }
}

/// Of the system's own chance.
fn new_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    fs::File::open("/dev/urandom").and_then(|mut chance| chance.read_exact(&mut bytes)).context("this system has no /dev/urandom")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The secret of a file.
pub(crate) fn read_secret(file: &Path) -> Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{} cannot be read: it has to hold the secret as it is now", file.display()))?;
    let secret = text.trim();
    ensure!(!secret.is_empty() && !secret.contains(char::is_whitespace), "{} holds no secret", file.display());
    Ok(secret.to_owned())
}

/// Whole or not at all, and for its owner only.
pub(crate) fn write_secret(file: &Path, secret: &str) -> Result<()> {
    let beside = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let written = options.write(true).create(true).truncate(true).mode(0o600).open(&beside);
    written.and_then(|mut file| std::io::Write::write_all(&mut file, format!("{secret}\n").as_bytes()))?;
    fs::rename(&beside, file).with_context(|| format!("{} cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_long_and_fits_in_a_header() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, other);
        assert!(one.len() == 43 && one.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    }

    #[test]
    fn a_secret_file_is_its_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let file = std::env::temp_dir().join(format!("pulso-secret-{}", std::process::id()));
        write_secret(&file, "one").unwrap();
        write_secret(&file, "two").unwrap();
        assert_eq!(read_secret(&file).unwrap(), "two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, " \n").unwrap();
        assert!(read_secret(&file).is_err());
        fs::remove_file(&file).unwrap();
        assert!(read_secret(&file).is_err());
    }
}
