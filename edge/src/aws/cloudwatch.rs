//! `PutMetricData` of CloudWatch as a value. The query protocol, which every implementation of the service knows.

use std::fmt::Write as _;

use form_urlencoded::Serializer;
use wire::{Figure, PortalId};

use crate::aws::kinesis::Call;
use crate::aws::sign::{self, Payload, Scope, Unsigned};
use crate::config::Kinesis;
use crate::error::{Error, Result};

/// Most figures of one call (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>).
pub const DATA_MAX: usize = 1_000;
/// The only one that the worker's key may write to.
const NAMESPACE: &str = "Pulso";
/// The stage of everything that the edge tells.
const STAGE: &str = "edge";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// A figure, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Name, unit and value.
    pub figure: Figure,
    /// `None`: the edge's as a whole.
    pub portal: Option<PortalId>,
}

/// A signed call with at most [`DATA_MAX`] figures; CloudWatch dates them.
///
/// # Errors
/// [`Error::Unavailable`] without credentials, or when the endpoint is no address.
pub fn put_metric_data(endpoint: &str, kinesis: &Kinesis, data: &[Datum], now_ms: u64) -> Result<Call> {
    let credentials = kinesis.credentials.as_ref().ok_or_else(|| Error::unavailable("no_credentials"))?;
    let host = endpoint.split_once("://").map_or("", |(_, host)| host);
    let url = format!("{endpoint}/");
    let body = body(data);
    let own = [("content-type", CONTENT_TYPE), ("host", host)];
    let request = Unsigned { method: "POST", url: &url, headers: &own, body: Payload::Bytes(body.as_bytes()) };
    let mut headers = sign::sign(request, Scope { region: &kinesis.region, service: "monitoring" }, credentials, now_ms)?;
    headers.push(("content-type".to_owned(), CONTENT_TYPE.to_owned()));
    Ok(Call { url, headers, body })
}

fn body(data: &[Datum]) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", "PutMetricData").append_pair("Version", "2010-08-01").append_pair("Namespace", NAMESPACE);
    for (index, Datum { figure, portal }) in data.iter().enumerate() {
        let mut name = format!("MetricData.member.{}.", index + 1);
        let stem = name.len();
        let mut add = |field: &str, value: &str| {
            name.truncate(stem);
            // A `String` takes everything.
            let _ = write!(name, "{field}");
            form.append_pair(&name, value);
        };
        add("MetricName", figure.name);
        add("Unit", figure.unit);
        add("Dimensions.member.1.Name", "StageName");
        add("Dimensions.member.1.Value", STAGE);
        if let Some(portal) = portal {
            add("Dimensions.member.2.Name", "Portal");
            add("Dimensions.member.2.Value", portal.as_str());
        }
        let set = [("SampleCount", figure.samples), ("Sum", figure.sum), ("Minimum", figure.min), ("Maximum", figure.max)];
        for (field, value) in set {
            add(&format!("StatisticValues.{field}"), &value.to_string());
        }
    }
    form.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn a_call_says_each_figure_with_its_dimensions_and_is_signed_for_the_service() {
        let environment = Environment {
            aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
            aws_secret_access_key: Some("hush".to_owned()),
            cloudwatch_endpoint: Some(String::new()),
            ..Environment::default()
        };
        let config = Config::parse(environment).unwrap();
        let data = [
            Datum { figure: Figure::value("Heartbeat", "Count", 1.0), portal: None },
            Datum { figure: Figure::ratio("Unavailable", 8.0, 2.0).unwrap(), portal: PortalId::parse("g1") },
        ];
        let endpoint = config.cloudwatch.as_ref().map(|cloudwatch| cloudwatch.metrics.as_str()).unwrap();
        let call = put_metric_data(endpoint, &config.kinesis, &data, 1_795_337_005_301).unwrap();
        assert_eq!(call.url, "https://monitoring.sa-east-1.amazonaws.com/");
        let pairs: Vec<(String, String)> = form_urlencoded::parse(call.body.as_bytes()).into_owned().collect();
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("MetricData.member.1.Dimensions.member.2.Name"), None);
        for (name, expected) in [
            ("Namespace", "Pulso"),
            ("MetricData.member.1.MetricName", "Heartbeat"),
            ("MetricData.member.2.Dimensions.member.1.Value", "edge"),
            ("MetricData.member.2.Dimensions.member.2.Value", "g1"),
            ("MetricData.member.2.StatisticValues.SampleCount", "8"),
            ("MetricData.member.2.StatisticValues.Sum", "2"),
            ("MetricData.member.2.StatisticValues.Minimum", "0"),
        ] {
            assert_eq!(value(name), Some(expected), "{name}");
        }
        let authorization = call.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str()).unwrap();
        assert!(authorization.contains("/sa-east-1/monitoring/aws4_request"), "{authorization}");
    }
}
