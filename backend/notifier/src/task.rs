//! Tasks of ECS that ended, and deployments that were taken back.

use serde::Deserialize;

use crate::moment;
use crate::news::{News, Turn, Urgency};

/// Why a task ends that nobody has to hear of: a deployment, fewer tasks, a person.
const EXPECTED: [&str; 2] = ["ServiceSchedulerInitiated", "UserInitiated"];

/// `detail` of `ECS Task State Change` (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    #[serde(rename = "taskArn")]
    arn: String,
    #[serde(default)]
    group: String,
    last_status: String,
    stop_code: Option<String>,
    #[serde(default)]
    stopped_reason: String,
    stopped_at: Option<String>,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    exit_code: Option<i64>,
    reason: Option<String>,
}

/// `detail` of `ECS Deployment State Change`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    event_name: String,
    #[serde(rename = "deploymentId", default)]
    id: String,
    #[serde(default)]
    reason: String,
    updated_at: Option<String>,
}

impl Task {
    /// What there is to tell. ECS starts another task: when that does not help, the silence of the backend pages.
    pub(crate) fn news(self) -> Option<News> {
        if self.last_status != "STOPPED" || self.stop_code.as_deref().is_some_and(|code| EXPECTED.contains(&code)) {
            return None;
        }
        let service = self.group.strip_prefix("service:").unwrap_or(&self.group);
        let container = |container: &Container| {
            let code = container.exit_code.map(|code| format!(" ended with {code}{}", meaning(code))).unwrap_or_default();
            let reason = container.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            format!("{}{code}{reason}", container.name)
        };
        let figures = [
            ("Task", self.arn.clone()),
            ("Containers", self.containers.iter().map(container).collect::<Vec<_>>().join("; ")),
            ("Stop code", self.stop_code.unwrap_or_default()),
        ];
        Some(News {
            urgency: Urgency::Ticket,
            turn: Turn::Begun,
            name: "task-stopped".to_owned(),
            portal: None,
            since_ms: self.stopped_at.as_deref().and_then(moment::parse_ms),
            says: format!(
                "A task of {service} has ended by itself: {}. ECS starts another one.",
                self.stopped_reason.trim_end_matches('.')
            ),
            first: Some("look at its last log lines; is /health of the new task 200?".to_owned()),
            runbook: None,
            figures: figures.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect(),
            key: format!("{} STOPPED", self.arn),
        })
    }
}

/// What a container's code tells: 128 and the number of the signal.
const fn meaning(code: i64) -> &'static str {
    match code {
        137 => " (killed, for memory or because it did not stop in time)",
        139 => " (a memory error)",
        143 => " (asked to stop)",
        _ => "",
    }
}

impl Deployment {
    /// What there is to tell, when it failed.
    pub(crate) fn news(self) -> Option<News> {
        (self.event_name == "SERVICE_DEPLOYMENT_FAILED").then(|| News {
            urgency: Urgency::Ticket,
            turn: Turn::Begun,
            name: "deployment-failed".to_owned(),
            portal: None,
            since_ms: self.updated_at.as_deref().and_then(moment::parse_ms),
            says: format!("A deployment of the backend has failed: {}", self.reason),
            first: Some("is the version before still running and well? Then read the log of the new tasks.".to_owned()),
            runbook: None,
            figures: vec![("Deployment".to_owned(), self.id.clone())],
            key: format!("{} FAILED", self.id),
        })
    }
}
