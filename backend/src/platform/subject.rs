//! `backend export` and `backend erase`: what running backends hold of a reader, and an end to it.

use std::time::Duration;

use reqwest::Method;

use crate::args::SubjectArgs;
use crate::error::{Error, Result, root_cause};
use crate::platform::admin;

/// A look through a day of pageviews takes seconds.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Prints a line of JSON for each backend.
///
/// # Errors
/// [`Error::Backend`] when one does not answer.
pub(crate) async fn export(args: &SubjectArgs) -> Result<()> {
    ask(args, &Method::GET).await
}

/// Writes a tombstone by each backend, and prints what it says.
///
/// # Errors
/// [`Error::Backend`] when one does not answer.
pub(crate) async fn erase(args: &SubjectArgs) -> Result<()> {
    ask(args, &Method::DELETE).await
}

async fn ask(args: &SubjectArgs, method: &Method) -> Result<()> {
    let http = admin::client(TIMEOUT)?;
    let secret = args.admin_secret.now().ok_or(Error::MissingOption { name: "PULSO_ADMIN_SECRET" })?;
    for url in &args.backend_urls {
        let away = |error: reqwest::Error| Error::Backend { url: url.clone(), why: root_cause(&error) };
        let request = http.request(method.clone(), format!("{url}/visitors/{}", args.visitor)).bearer_auth(secret.expose());
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let text = response.text().await.map_err(away)?;
        if !status.is_success() {
            return Err(Error::Backend { url: url.clone(), why: format!("it answered {status}: {text}") });
        }
        crate::platform::print_line(&text);
    }
    Ok(())
}
