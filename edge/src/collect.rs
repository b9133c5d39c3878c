//! A posted batch: whether it is taken, and what is stored of it.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wire::{Batch, CollectAnswer, Consent, Edge, Envelope, NetworkId, ParsedBatch, Portal, Rejected, Via, VisitorId};

use crate::agent::Agent;
use crate::config::Config;
use crate::cors;
use crate::error::{Error, Result};
use crate::limit::Pace;
use crate::network;
use crate::plausible;
use crate::privacy;
use crate::salt::Salt;
use crate::source;
use crate::trust::{self, Sign};

/// What the request tells of the reader's side. No `Debug`: the address must not reach a log.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "holds the reader's IP address")]
pub struct Client {
    /// `CF-Connecting-IP`; in memory only.
    pub ip: String,
    /// `User-Agent`; in memory only.
    pub user_agent: Option<String>,
    /// ISO 3166-1 alpha-2, or `XX`.
    pub country: String,
    /// ISO 3166-2 subdivision, or empty.
    pub region: String,
    /// There is a `Sec-Fetch-Site`.
    pub has_fetch_site: bool,
    /// `Sec-Fetch-…` of something that no script of a page sends.
    pub is_no_script: bool,
    /// What the platform thinks of the sender, if it says so: 1, a program, to 99, a person.
    pub bot_score: Option<u32>,
    /// How fast requests come from there.
    pub pace: Pace,
    /// `Sec-GPC: 1`: the reader wants no tracking across sites and visits.
    pub has_gpc: bool,
}

/// Cloudflare calls what is below 30 likely automated (<https://developers.cloudflare.com/bots/concepts/bot-score/>).
const BOT_SCORE_MIN: u32 = 30;

/// A batch that is taken.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// Its portal.
    pub portal: &'a Portal,
    batch: Batch,
    rejected: Vec<Rejected>,
    ignored: Vec<Cow<'static, str>>,
}

/// Whether a `Content-Type` is one of ours. `text/plain` needs no preflight, so it is what the tracker sends.
///
/// # Errors
/// [`Error::UnsupportedMediaType`].
pub fn check_content_type(content_type: Option<&str>) -> Result<()> {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_ours = ["text/plain", "application/json"].iter().any(|ours| essence.eq_ignore_ascii_case(ours));
    if is_ours { Ok(()) } else { Err(Error::UnsupportedMediaType) }
}

/// Whether a body comes as it is. A thousand bytes of zip are a million bytes of memory; beacons are small, and browsers do not compress them.
///
/// # Errors
/// [`Error::CompressedBody`].
pub fn check_encoding(content_encoding: Option<&str>) -> Result<()> {
    let is_plain = content_encoding.is_none_or(|encoding| encoding.trim().is_empty() || encoding.trim().eq_ignore_ascii_case("identity"));
    if is_plain { Ok(()) } else { Err(Error::CompressedBody) }
}

/// Reads a body, and holds its portal against the `Origin`.
///
/// # Errors
/// Those of [`Batch::parse`], and what is wrong with content type, origin or portal.
pub fn accept<'a>(config: &'a Config, origin: Option<&str>, content_type: Option<&str>, body: &[u8]) -> Result<Accepted<'a>> {
    check_content_type(content_type)?;
    let origin = origin.filter(|origin| *origin != "null").ok_or(Error::MissingOrigin)?;
    let ParsedBatch { batch, rejected, mut ignored } = Batch::parse(body)?;
    let id = batch.portal.as_str();
    let portal = config.portals.get(id).ok_or_else(|| Error::UnknownPortal { portal: id.to_owned() })?;
    if !portal.allows_origin(origin, config.is_dev) {
        return Err(Error::OriginNotAllowed { origin: cors::shown(origin), portal: id.to_owned() });
    }
    if batch.user.is_some() && config.identify_secret.is_none() {
        ignored.push("user".into());
    }
    Ok(Accepted { portal, batch, rejected, ignored })
}

impl Accepted<'_> {
    /// The id that the reader's browser brings, agreed to or not.
    #[must_use]
    pub fn visitor(&self) -> Option<String> {
        self.batch.visitor.map(|visitor| visitor.to_string())
    }

    /// What the page is told once the batch is safe.
    #[must_use]
    pub fn answer(&self) -> CollectAnswer {
        CollectAnswer { accepted: self.batch.events.len(), rejected: self.rejected.clone(), ignored: self.ignored.clone() }
    }

    /// What is stored. `salt` is that of the day of `received_at_ms`.
    #[must_use]
    pub fn into_envelope(mut self, config: &Config, client: &Client, salt: &Salt, received_at_ms: u64) -> Envelope {
        let own = self.batch.visitor.filter(|_| may_identify(&self.batch, client));
        // One reader on every device, for portals with a login.
        let user = self.batch.user.take().zip(config.identify_secret.as_ref()).filter(|_| own.is_some());
        let own = user.map(|(user, secret)| logged_in_visitor(secret.expose(), self.portal, &user)).or(own);
        if client.has_gpc {
            self.batch.consent = Consent::Cookieless;
        }
        self.batch.visitor = own;
        privacy::clean(&mut self.batch, self.portal, config.is_dev);
        let agent = Agent::parse(client.user_agent.as_deref());
        let skew_ms = difference(received_at_ms, self.batch.sent_at_ms);
        let is_program = agent.is_bot || client.bot_score.is_some_and(|score| score < BOT_SCORE_MIN);
        let signs = plausible::signs(&self.batch)
            .and(Sign::Driven, self.batch.bot)
            .and(Sign::Program, is_program)
            .and(Sign::NoAgent, client.user_agent.is_none())
            .and(Sign::NoFetchSite, !client.has_fetch_site)
            .and(Sign::NotOfAScript, client.is_no_script)
            .and(Sign::PageElsewhere, !self.portal.owns_url(&self.batch.url, config.is_dev))
            .and(Sign::ClockOff, trust::is_clock_off(skew_ms))
            .and(Sign::Hurried, client.pace == Pace::Hurried);
        let edge = Edge {
            received_at_ms,
            skew_ms,
            visitor: own.unwrap_or_else(|| cookieless_visitor(salt, self.portal, client)),
            network: network_id(salt, self.portal, client),
            country: client.country.clone(),
            region: client.region.clone(),
            browser: agent.browser.to_owned(),
            os: agent.os.to_owned(),
            device: agent.device.to_owned(),
            source: source::classify(self.batch.referrer.as_deref(), self.portal, config.is_dev),
            trust: signs.weigh(),
            bot: self.batch.bot || is_program,
            via: Via::Direct,
            attempts: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tally: None,
        };
        Envelope { v: 1, batch: self.batch, edge }
    }
}

/// Whether the reader agreed to an id that lasts.
fn may_identify(batch: &Batch, client: &Client) -> bool {
    batch.consent == Consent::Full && !client.has_gpc
}

/// `d` and 31 hex digits of HMAC-SHA256(salt; portal, IP, user agent).
fn cookieless_visitor(salt: &Salt, portal: &Portal, client: &Client) -> VisitorId {
    hashed(0xd, salt.expose(), &[portal.id.as_str(), &client.ip, client.user_agent.as_deref().unwrap_or_default()])
}

/// `e` and 31 hex digits of HMAC-SHA256(secret; portal, the portal's name for the reader).
fn logged_in_visitor(secret: &str, portal: &Portal, user: &str) -> VisitorId {
    hashed(0xe, secret, &[portal.id.as_str(), user])
}

/// 16 hex digits of HMAC-SHA256(salt; portal, network); `None` without an address, or with a salt that only this isolate has.
fn network_id(salt: &Salt, portal: &Portal, client: &Client) -> Option<NetworkId> {
    let network = network::of_address(&client.ip).filter(|_| salt.is_shared())?;
    let bits = hashed_bits(salt.expose(), &[portal.id.as_str(), &network]);
    u64::try_from(bits >> 64).ok().map(NetworkId::from_bits)
}

fn hashed(first_digit: u128, key: &str, parts: &[&str]) -> VisitorId {
    VisitorId::from_bits(first_digit << 124 | hashed_bits(key, parts) >> 4)
}

/// The first 128 bits of HMAC-SHA256. Zero bytes keep the parts apart.
fn hashed_bits(key: &str, parts: &[&str]) -> u128 {
    // Keys may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return 0 };
    for part in parts {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    mac.finalize().into_bytes().iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// `one - other`; times of a batch are bounded, so that it always fits.
fn difference(one: u64, other: u64) -> i64 {
    let distance = i64::try_from(one.abs_diff(other)).unwrap_or(i64::MAX);
    if one >= other { distance } else { -distance }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
