//! Sends what is open, each by its way, and gives what could not be sent.

use notifier::{Channel, Message, Open, Rest, Told};
use reqwest::Client;

use crate::platform::args::{Args, Hook};
use crate::platform::aws::Aws;
use crate::platform::webhook;

/// Knows the ways, and what went them.
#[derive(Debug)]
pub(crate) struct Teller {
    http: Client,
    pub(crate) aws: Aws,
    topic: String,
    hook: Hook,
    told: Told,
}

/// What came of an event.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was sent, now or before.
    pub(crate) sent: usize,
    /// What could not be.
    pub(crate) left: Rest,
}

impl Teller {
    /// Makes no call yet.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        // Fails only when a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect could carry the message elsewhere, and nobody whom we ask answers one.
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        let http = http.map_err(|error| format!("no HTTP client: {error}"))?;
        let aws = Aws::new(http.clone(), args.endpoint.clone());
        Ok(Self { http, aws, topic: args.people_topic.clone(), hook: args.webhook.clone(), told: Told::default() })
    }

    /// The ways that there are; people first, for they are called.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        let people = (!self.topic.is_empty()).then_some(Channel::People);
        let hook = self.hook.expose().map(|_| Channel::Webhook);
        people.into_iter().chain(hook).collect()
    }

    /// Sends what is open; one that fails holds up no other.
    pub(crate) async fn tell(&mut self, rest: Rest) -> Outcome {
        let mut outcome = Outcome::default();
        for open in rest.pulso_rest {
            let (key, channel) = (open.news.key.as_str(), open.channel);
            if self.told.knows(&open) {
                tracing::info!(key, ?channel, "told already");
                outcome.sent += 1;
                continue;
            }
            match self.send(&open).await {
                Ok(()) => {
                    tracing::info!(key, ?channel, "told");
                    self.told.remember(&open);
                    outcome.sent += 1;
                }
                Err(why) => {
                    tracing::error!(key, ?channel, "not told: {why}");
                    outcome.left.pulso_rest.push(open);
                }
            }
        }
        outcome
    }

    async fn send(&self, open: &Open) -> Result<(), String> {
        let message = Message::of(&open.news);
        match open.channel {
            Channel::People => self.aws.publish(&self.topic, &message.subject, &message.to_sns(), message.urgency.as_str()).await,
            Channel::Webhook => webhook::post(&self.http, &self.hook, &message.webhook).await,
        }
    }
}
