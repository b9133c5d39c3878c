//! The command line; in Lambda the variables alone.

use std::fmt;
use std::path::PathBuf;

use clap::Parser;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "notifier", version, about = "Tells people of alarms: by e-mail and SMS through SNS, and through a webhook")]
pub(crate) struct Args {
    /// One event, as SNS or EventBridge gives it to the function: it is printed, and sent where --people-topic and --webhook say; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "follow_queue")]
    pub(crate) event: Option<PathBuf>,
    /// An SQS queue that hears the topics: what comes is printed and sent in the same way, until a signal comes.
    #[arg(long, value_name = "URL")]
    pub(crate) follow_queue: Option<String>,
    /// Print a JSON document a message, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// The topic that reaches people.
    #[arg(long, env = "PULSO_PEOPLE_TOPIC", value_name = "ARN", default_value = "")]
    pub(crate) people_topic: String,
    /// Where messages are posted besides; better by the variable than by the flag, which others can see: who knows it may post.
    #[arg(long, env = "PULSO_WEBHOOK_URL", hide_env_values = true, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(crate) webhook: Hook,
    /// In place of AWS, for all its services; else `AWS_ENDPOINT_URL_SNS` … and `AWS_ENDPOINT_URL` are asked.
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

/// An address that is a secret; empty is none.
#[derive(Clone)]
pub(crate) struct Hook(String);

impl Hook {
    /// The address, if there is one.
    pub(crate) fn expose(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|url| !url.is_empty())
    }
}

impl From<String> for Hook {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "Hook(none)" } else { "Hook(…)" })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_keeps_its_secret() {
        Args::command().debug_assert();
        let args = Args::parse_from(["notifier", "--webhook", "https://hooks.example/T0/secret", "--event", "-"]);
        assert!(!format!("{args:?}").contains("secret") && args.webhook.expose().is_some());
        assert_eq!(Args::parse_from(["notifier", "--webhook", ""]).webhook.expose(), None);
    }
}
