//! What every client of AWS needs: region, credentials, timeouts and TLS.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::error::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One attempt; 10 MB of records over a slow line, and a long poll, included.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// By the usual variables and files; makes no call yet.
///
/// # Errors
/// [`Error::NoRegion`].
pub(crate) async fn config() -> Result<SdkConfig> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    // Without the metadata service, which the default chain would ask: a region is set, not found.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(ProfileFileRegionProvider::new());
    let config = aws_config::from_env().region(region).http_client(http).timeout_config(timeouts).load().await;
    if config.region().is_none() { Err(Error::NoRegion) } else { Ok(config) }
}
