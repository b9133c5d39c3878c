//! The edge: its admin interface, and the door that pages use.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use wire::CollectAnswer;

use crate::args::AdminSecretArgs;
use crate::error::{Error, Result, root_cause};
use crate::tail::Refused;

/// A PUT of some megabytes within a continent takes less.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an error answer goes into the log, in characters.
const ANSWER_CHARS_MAX: usize = 200;
/// Refused bodies of one page.
pub(crate) const BAD_PAGE: usize = 50;

/// A client of one edge.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    http: Client,
    edge_url: String,
    secret: Option<AdminSecretArgs>,
}

/// One page of refused bodies.
#[derive(Debug, Deserialize)]
pub(crate) struct BadPage {
    pub(crate) bodies: Vec<Refused>,
    pub(crate) next: Option<String>,
}

impl Admin {
    /// A client; connects when it is used.
    ///
    /// # Errors
    /// [`Error::HttpClient`] when the system has no certificates.
    pub(crate) fn new(edge_url: &str, secret: Option<AdminSecretArgs>) -> Result<Self> {
        Ok(Self { http: client(TIMEOUT)?, edge_url: edge_url.to_owned(), secret })
    }

    /// Puts one document of a portal, such as `cards`.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn put(&self, portal: &str, document: &str, value: &impl Serialize) -> std::result::Result<(), String> {
        let body = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        let request = self.request(Method::PUT, &format!("/admin/portals/{portal}/{document}"));
        self.answer(request.header("content-type", "application/json").body(body)).await.map(|_| ())
    }

    /// Puts one file of a portal as it is: `model`.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn put_bytes(&self, portal: &str, file: &str, body: Vec<u8>) -> std::result::Result<(), String> {
        let request = self.request(Method::PUT, &format!("/admin/portals/{portal}/{file}"));
        self.answer(request.header("content-type", "application/octet-stream").body(body)).await.map(|_| ())
    }

    /// One document of a portal as it was published; `None` when there is none.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn get(&self, portal: &str, document: &str) -> std::result::Result<Option<Vec<u8>>, String> {
        let request = self.request(Method::GET, &format!("/admin/portals/{portal}/{document}"));
        let response = request.send().await.map_err(|error| away(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        settled(response).await.map(Some)
    }

    /// Refused bodies after a key, oldest first.
    ///
    /// # Errors
    /// A sentence for the log.
    pub(crate) async fn bad(&self, after: Option<&str>, since_ms: u64) -> std::result::Result<BadPage, String> {
        let mut path = format!("/admin/bad?limit={BAD_PAGE}&since_ms={since_ms}");
        if let Some(after) = after {
            path.push_str("&after=");
            path.extend(
                reqwest::Url::parse_with_params("http://edge/", [("k", after)])
                    .ok()
                    .and_then(|url| Some(url.query()?.get(2..)?.to_owned())),
            );
        }
        let bytes = self.answer(self.request(Method::GET, &path)).await?;
        serde_json::from_slice(&bytes).map_err(|error| format!("the edge's answer is not understood: {error}"))
    }

    /// Posts a refused body again, as a page would. Safe is what the edge has accepted whole.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) async fn post_pageview(&self, origin: Option<&str>, body: &str) -> std::result::Result<(), String> {
        let request = self.http.request(Method::POST, format!("{}/pageview", self.edge_url)).header("content-type", "application/json");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        let bytes = self.answer(request.body(body.to_owned())).await?;
        let answer: CollectAnswer =
            serde_json::from_slice(&bytes).map_err(|error| format!("the edge's answer is not understood: {error}"))?;
        match answer.rejected.len() {
            0 => Ok(()),
            count => Err(format!("the edge accepted {} events and refused {count}", answer.accepted)),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.edge_url));
        match self.secret.as_ref().and_then(AdminSecretArgs::now) {
            Some(secret) => request.bearer_auth(secret.expose()),
            None => request,
        }
    }

    async fn answer(&self, request: RequestBuilder) -> std::result::Result<Vec<u8>, String> {
        settled(request.send().await.map_err(|error| away(&error))?).await
    }
}

/// The body of a success; of anything else what it says.
async fn settled(response: Response) -> std::result::Result<Vec<u8>, String> {
    let status = response.status();
    let body = response.bytes().await.map_err(|error| away(&error))?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    let text: String = String::from_utf8_lossy(&body).chars().take(ANSWER_CHARS_MAX).collect();
    Err(format!("the edge answered {status}: {}", text.trim()))
}

/// An HTTP client that follows nothing: a redirect could carry a secret elsewhere, and neither the edge nor R2 answers one.
///
/// # Errors
/// [`Error::HttpClient`] when the system has no certificates.
pub(crate) fn client(timeout: Duration) -> Result<Client> {
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().timeout(timeout).redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().map_err(|error| Error::HttpClient { what: error.to_string() })
}

fn away(error: &reqwest::Error) -> String {
    format!("the edge is away: {}", root_cause(error))
}
