//! Four calls of AWS: SNS `Publish`, Lambda `Invoke`, SQS `ReceiveMessage` and `DeleteMessage`.
//!
//! Signed with the SDKs' signer and sent with the client that the webhook needs anyway.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::time::sleep;

/// One attempt, and how many there are: with the webhook's they fit into the 30 s that the function has.
const TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// How long SQS waits for a message, and we for SQS.
const POLL_S: u64 = 5;
const POLL_TIMEOUT: Duration = Duration::from_secs(POLL_S + 5);
/// How much of an error answer goes into the message, in characters.
const ANSWER_CHARS_MAX: usize = 200;

/// One region's services.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    http: Client,
    endpoint: Option<String>,
    region: String,
}

/// A message of a queue.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) body: String,
    receipt: String,
}

struct Call<'a> {
    service: &'a str,
    url: Url,
    headers: &'a [(&'a str, &'a str)],
    body: String,
    timeout: Duration,
}

impl Aws {
    /// Makes no call yet.
    pub(crate) fn new(http: Client, endpoint: Option<String>) -> Self {
        let region = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
        Self { http, endpoint, region: region.unwrap_or_else(|_| "us-east-1".to_owned()) }
    }

    /// Publishes a text for each protocol; `urgency` is an attribute that a subscription may filter by.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn publish(&self, topic: &str, subject: &str, message: &str, urgency: &str) -> Result<(), String> {
        let form = [
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("TopicArn", topic),
            ("Subject", subject),
            ("MessageStructure", "json"),
            ("Message", message),
            ("MessageAttributes.entry.1.Name", "urgency"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", urgency),
        ];
        // A form is written as a query is.
        let form = Url::parse_with_params("http://form/", form).map_err(|error| error.to_string())?;
        let body = form.query().unwrap_or_default().to_owned();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let call = Call { service: "sns", url: self.url("sns", "/")?, headers: &headers, body, timeout: TIMEOUT };
        self.call(&call).await.map(drop)
    }

    /// Gives a function an event, without waiting for what comes of it.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<(), String> {
        let url = self.url("lambda", &format!("/2015-03-31/functions/{function}/invocations"))?;
        let headers = [("content-type", "application/json"), ("x-amz-invocation-type", "Event")];
        self.call(&Call { service: "lambda", url, headers: &headers, body: event.to_string(), timeout: TIMEOUT }).await.map(drop)
    }

    /// Messages of a queue; waits some seconds for the first.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn receive(&self, queue: &str) -> Result<Vec<Received>, String> {
        let body = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": POLL_S });
        let answer = self.sqs("AmazonSQS.ReceiveMessage", &body).await?;
        let text = |message: &Value, name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let messages = answer.get("Messages").and_then(Value::as_array).into_iter().flatten();
        Ok(messages.map(|message| Received { body: text(message, "Body"), receipt: text(message, "ReceiptHandle") }).collect())
    }

    /// It was told.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) async fn delete(&self, queue: &str, message: &Received) -> Result<(), String> {
        self.sqs("AmazonSQS.DeleteMessage", &json!({ "QueueUrl": queue, "ReceiptHandle": message.receipt })).await.map(drop)
    }

    async fn sqs(&self, target: &str, body: &Value) -> Result<Value, String> {
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target)];
        let call = Call { service: "sqs", url: self.url("sqs", "/")?, headers: &headers, body: body.to_string(), timeout: POLL_TIMEOUT };
        let answer = self.call(&call).await?;
        if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer).map_err(|error| format!("SQS: {error}")) }
    }

    /// Where a service is.
    fn url(&self, service: &str, path: &str) -> Result<Url, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        let endpoint = self.endpoint.clone();
        let endpoint = endpoint.or_else(|| variable(&format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase())));
        let endpoint = endpoint.or_else(|| variable("AWS_ENDPOINT_URL"));
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{service}.{}.amazonaws.com", self.region));
        Url::parse(&format!("{}{path}", endpoint.trim_end_matches('/'))).map_err(|error| format!("{service}: {error}"))
    }

    /// Signed anew at each attempt. What was refused is not tried again.
    async fn call(&self, call: &Call<'_>) -> Result<Vec<u8>, String> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.attempt(call).await {
                Err((true, _)) => {}
                outcome => return outcome.map_err(|(_, why)| why),
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.attempt(call).await.map_err(|(_, why)| why)
    }

    /// An error says whether it may pass.
    async fn attempt(&self, call: &Call<'_>) -> Result<Vec<u8>, (bool, String)> {
        let mut request = self.http.post(call.url.clone()).timeout(call.timeout).body(call.body.clone());
        for (name, value) in self.signature(call).map_err(|why| (false, why))? {
            request = request.header(name, value);
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let away = |error: reqwest::Error| (true, format!("{} is away: {}", call.service, root_cause(&error)));
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        let body = response.bytes().await.map_err(away)?.to_vec();
        if status.is_success() {
            return Ok(body);
        }
        let text: String = String::from_utf8_lossy(&body).split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().take(ANSWER_CHARS_MAX).collect();
        Err((status.is_server_error() || status.as_u16() == 429, format!("{} answered {status}: {text}", call.service)))
    }

    /// The headers to add. The runtime changes the credentials in the environment of a new instance alone.
    fn signature(&self, call: &Call<'_>) -> Result<Vec<(String, String)>, String> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
        let token = std::env::var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty());
        let identity = Credentials::from_keys(variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?, token).into();
        let params = v4::SigningParams::builder().identity(&identity).region(&self.region).name(call.service);
        let params = params.time(SystemTime::now()).settings(SigningSettings::default()).build().map_err(|error| error.to_string())?.into();
        let signable =
            SignableRequest::new("POST", call.url.as_str(), call.headers.iter().copied(), SignableBody::Bytes(call.body.as_bytes()));
        let signed = sign(signable.map_err(|error| error.to_string())?, &params).map_err(|error| error.to_string())?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The innermost reason, without an address: a webhook's is a secret.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, std::ptr::from_ref(error)) {
        return if error.is_timeout() { "no answer in time".to_owned() } else { "the call failed".to_owned() };
    }
    cause.to_string()
}
