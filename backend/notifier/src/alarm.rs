//! Alarms of CloudWatch, as they come through SNS and through EventBridge.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::moment;
use crate::news::{self, News, Turn, Urgency};

/// Measured values that are shown; more say nothing more.
const VALUES_MAX: usize = 5;
/// Characters of CloudWatch's own reason that are shown.
const REASON_CHARS_MAX: usize = 600;
/// Children of a composite alarm that are named.
const CHILDREN_MAX: usize = 10;

/// As CloudWatch writes it into SNS, metric and composite alarms alike.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Told {
    alarm_name: String,
    alarm_description: Option<String>,
    new_state_value: String,
    #[serde(default)]
    new_state_reason: String,
    old_state_value: Option<String>,
    state_change_time: Option<String>,
    trigger: Option<Trigger>,
    #[serde(default)]
    triggering_children: Vec<Child>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger {
    metric_name: Option<String>,
    statistic: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<u64>,
    evaluation_periods: Option<u64>,
    datapoints_to_alarm: Option<u64>,
    comparison_operator: Option<String>,
    threshold: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Dimension {
    #[serde(alias = "Name")]
    name: String,
    #[serde(alias = "Value")]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Child {
    arn: String,
}

/// `detail` of `CloudWatch Alarm State Change`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    alarm_name: String,
    state: State,
    previous_state: Option<State>,
    #[serde(default)]
    configuration: Configuration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    value: String,
    #[serde(default)]
    reason: String,
    /// JSON within JSON.
    reason_data: Option<String>,
    timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    description: Option<String>,
    metrics: Vec<Value>,
}

/// What the figures are made of.
#[derive(Debug, Default)]
struct Rule {
    metric: Option<String>,
    statistic: Option<String>,
    stage: Option<String>,
    portal: Option<String>,
    threshold: Option<String>,
    children: Vec<String>,
}

impl Told {
    /// What there is to tell; `None` for what is neither the beginning nor the end of an alarm.
    pub(crate) fn news(self, urgency: Urgency) -> Option<News> {
        let turn = turn(&self.new_state_value, self.old_state_value.as_deref())?;
        let mut rule = self.trigger.map(Trigger::rule).unwrap_or_default();
        // The last part of an ARN is the alarm's name.
        rule.children = self.triggering_children.iter().filter_map(|child| child.arn.rsplit(':').next()).map(str::to_owned).collect();
        let since = self.state_change_time.as_deref();
        Some(news(urgency, turn, &self.alarm_name, self.alarm_description.as_deref(), since, &self.new_state_reason, rule))
    }
}

impl Changed {
    /// The same; no topic says how urgent it is, so that the alarm's name has to.
    pub(crate) fn news(self) -> Option<News> {
        let turn = turn(&self.state.value, self.previous_state.as_ref().map(|state| state.value.as_str()))?;
        let data = self.state.reason_data.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
        let stat = self.configuration.metrics.iter().find_map(|metric| metric.get("metricStat"));
        let metric = stat.and_then(|stat| stat.get("metric"));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let dimension = |name: &str| text(metric.and_then(|metric| metric.get("dimensions")?.get(name)));
        let rule = Rule {
            metric: text(metric.and_then(|metric| metric.get("name"))),
            statistic: text(stat.and_then(|stat| stat.get("stat"))),
            stage: dimension("StageName"),
            portal: dimension("Portal"),
            threshold: data.get("threshold").and_then(Value::as_f64).map(|threshold| threshold.to_string()),
            children: data.get("triggeringAlarms").and_then(Value::as_array).into_iter().flatten().filter_map(child).collect(),
        };
        let (since, description) = (self.state.timestamp.as_deref(), self.configuration.description.as_deref());
        Some(news(Urgency::of_alarm(&self.alarm_name), turn, &self.alarm_name, description, since, &self.state.reason, rule))
    }
}

/// The name of an alarm that made a composite one change.
fn child(value: &Value) -> Option<String> {
    value.get("arn")?.as_str()?.rsplit(':').next().map(str::to_owned)
}

impl Trigger {
    fn rule(self) -> Rule {
        let by_name: BTreeMap<_, _> = self.dimensions.into_iter().map(|dimension| (dimension.name, dimension.value)).collect();
        let sign = match self.comparison_operator.as_deref() {
            Some("GreaterThanThreshold") => ">",
            Some("GreaterThanOrEqualToThreshold") => ">=",
            Some("LessThanThreshold") => "<",
            Some("LessThanOrEqualToThreshold") => "<=",
            _ => "past",
        };
        let periods = self.evaluation_periods.unwrap_or(1);
        let of = self.datapoints_to_alarm.unwrap_or(periods);
        let every = self.period.map_or_else(String::new, |period_s| format!(", {of} of {periods} periods of {period_s} s"));
        Rule {
            metric: self.metric_name,
            // SNS shouts it.
            statistic: self.statistic.map(|name| capitalized(&name)),
            stage: by_name.get("StageName").cloned(),
            portal: by_name.get("Portal").cloned(),
            threshold: self.threshold.map(|threshold| format!("{sign} {threshold}{every}")),
            children: Vec::new(),
        }
    }
}

fn capitalized(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return name.to_owned();
    }
    let lower = name.to_ascii_lowercase();
    lower.split_at_checked(1).map_or_else(String::new, |(first, rest)| first.to_ascii_uppercase() + rest)
}

/// An alarm that comes to be OK was one before: what was never known, as after a deployment, is no recovery.
fn turn(now: &str, before: Option<&str>) -> Option<Turn> {
    match (now, before) {
        ("ALARM", _) => Some(Turn::Begun),
        ("OK", Some("ALARM") | None) => Some(Turn::Over),
        _ => None,
    }
}

fn news(urgency: Urgency, turn: Turn, alarm: &str, description: Option<&str>, since: Option<&str>, reason: &str, rule: Rule) -> News {
    let (portal, name) = news::portal_and_name(alarm);
    let (says, first, runbook) = news::described(description.unwrap_or_default());
    let says = if says.is_empty() { reason.to_owned() } else { says };
    let since_ms = since.and_then(moment::parse_ms);
    let key = format!("{alarm} {} {}", if turn == Turn::Begun { "ALARM" } else { "OK" }, since.unwrap_or(reason));
    let portal = rule.portal.clone().or(portal);
    News { urgency, turn, name, portal, since_ms, says, first, runbook, figures: figures(rule, reason), key }
}

fn figures(rule: Rule, reason: &str) -> Vec<(String, String)> {
    let stage = rule.stage.map(|stage| format!(", stage {stage}")).unwrap_or_default();
    let what = rule.metric.map(|metric| format!("{} {metric}{stage}", rule.statistic.unwrap_or_default()).trim().to_owned());
    let values = measured(reason);
    let children = rule.children.iter().take(CHILDREN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let figures = [
        ("Metric", what),
        ("Measured", (!values.is_empty()).then(|| values.join(", "))),
        ("Threshold", rule.threshold),
        ("Because of", Some(children)),
        ("CloudWatch", Some(reason.chars().take(REASON_CHARS_MAX).collect())),
    ];
    let said = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value.filter(|value| !value.is_empty())?));
    figures.into_iter().filter_map(said).collect()
}

/// Of `… [65000.0 (23/11/26 09:44:00), 61000.0 (…)] were …` the values, latest first.
fn measured(reason: &str) -> Vec<String> {
    let Some((list, _)) = reason.split_once('[').and_then(|(_, rest)| rest.split_once(']')) else { return Vec::new() };
    let value = |item: &str| item.split_whitespace().next()?.parse::<f64>().ok().map(|value| value.to_string());
    list.split("), ").filter_map(value).take(VALUES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_an_alarm_recovers() {
        assert_eq!(turn("ALARM", Some("INSUFFICIENT_DATA")), Some(Turn::Begun));
        assert_eq!(turn("OK", Some("ALARM")), Some(Turn::Over));
        assert_eq!(turn("OK", Some("INSUFFICIENT_DATA")), None);
        assert_eq!(turn("INSUFFICIENT_DATA", Some("ALARM")), None);
    }

    #[test]
    fn measured_values_are_read_from_the_reason() {
        let reason =
            "Threshold Crossed: 2 out of the last 3 datapoints [65000.0 (23/11/26 09:44:00), 0.25 (23/11/26 09:43:00)] were greater";
        assert_eq!(measured(reason), ["65000", "0.25"]);
        assert_eq!(measured("no datapoints were received for 5 periods and 5 missing datapoints were treated as [Breaching]."), [""; 0]);
        assert_eq!(measured("["), [""; 0]);
    }
}
