//! The prices, each with where it stands and when it was looked at. US dollars, list, without free tiers, taxes and support.

/// A price.
#[derive(Debug)]
pub(super) struct Price {
    /// Its name in the formulas.
    pub name: &'static str,
    /// US dollars.
    pub usd: f64,
    /// For what.
    pub per: &'static str,
    /// Where it stands.
    pub source: &'static str,
    /// When it was looked at, and how well.
    pub looked_at: &'static str,
}

const WORKERS: &str = "<https://developers.cloudflare.com/workers/platform/pricing/>";
const QUEUES: &str = "<https://developers.cloudflare.com/queues/platform/pricing/>";
const KV: &str = "<https://developers.cloudflare.com/kv/platform/pricing/>";
const KINESIS: &str = "<https://aws.amazon.com/kinesis/data-streams/pricing/>";
const FIREHOSE: &str = "<https://aws.amazon.com/firehose/pricing/>";
const S3: &str = "<https://aws.amazon.com/s3/pricing/>";
const GATEWAY: &str = "<https://aws.amazon.com/api-gateway/pricing/>";
const LAMBDA: &str = "<https://aws.amazon.com/lambda/pricing/>";
const SQS: &str = "<https://aws.amazon.com/sqs/pricing/>";
const FARGATE: &str = "<https://aws.amazon.com/fargate/pricing/>";
const VPC: &str = "<https://aws.amazon.com/vpc/pricing/>";
const CLOUDWATCH: &str = "<https://aws.amazon.com/cloudwatch/pricing/>";
const DYNAMO: &str = "<https://aws.amazon.com/dynamodb/pricing/>";
const ELB: &str = "<https://aws.amazon.com/elasticloadbalancing/pricing/>";

/// Read in a stored copy of a page, which may be older than that day.
const STORED: &str = "2026-11-23, a stored copy of a page that quotes it";
/// From a table of list prices that the project was given; the page itself was out of reach.
const LISTED: &str = "list price noted in 2026; the page was not read again";

const fn price(name: &'static str, usd: f64, per: &'static str, source: &'static str, looked_at: &'static str) -> Price {
    Price { name, usd, per, source, looked_at }
}

/// All of them. AWS: us-east-1; São Paulo is dearer by a half and more for some.
pub(super) const PRICES: &[Price] = &[
    price("workers_request", 0.30, "million requests", WORKERS, STORED),
    price("workers_cpu", 0.02, "million CPU milliseconds", WORKERS, STORED),
    price("workers_plan", 5.0, "month", WORKERS, STORED),
    price("queue_operation", 0.40, "million operations of up to 64 KB", QUEUES, LISTED),
    price("kv_read", 0.50, "million reads", KV, LISTED),
    price("kv_write", 5.0, "million writes", KV, LISTED),
    price("shard_hour", 0.015, "hour of a provisioned shard", KINESIS, LISTED),
    price("put_unit", 0.014, "million units of 25 KB", KINESIS, LISTED),
    price("on_demand_in", 0.08, "GB written, records rounded up to 1 KB", KINESIS, LISTED),
    price("on_demand_out", 0.04, "GB read", KINESIS, LISTED),
    price("on_demand_hour", 0.04, "hour of a stream", KINESIS, LISTED),
    price("firehose", 0.029, "GB, records rounded up to 5 KB", FIREHOSE, LISTED),
    price("s3_standard", 0.023, "GB and month", S3, LISTED),
    price("deep_archive", 0.00099, "GB and month", S3, LISTED),
    price("transition", 0.05, "thousand objects moved to the archive", S3, STORED),
    price("http_api", 1.00, "million requests, the first 300 million", GATEWAY, STORED),
    price("http_api_beyond", 0.90, "million requests beyond", GATEWAY, STORED),
    price("rest_api", 3.50, "million requests, the first 333 million", GATEWAY, STORED),
    price("rest_api_beyond", 2.80, "million requests beyond, the next 667 million", GATEWAY, STORED),
    price("rest_api_far_beyond", 2.38, "million requests beyond a thousand million", GATEWAY, LISTED),
    price("lambda_request", 0.20, "million calls", LAMBDA, STORED),
    price("lambda_gb_s", 0.000_016_666_7, "GB-second", LAMBDA, STORED),
    price("sqs_request", 0.40, "million requests of up to 64 KB", SQS, LISTED),
    price("fargate_vcpu", 0.040_48, "hour of a vCPU", FARGATE, LISTED),
    price("fargate_gb", 0.004_445, "hour of a GB", FARGATE, LISTED),
    price("load_balancer", 0.0225, "hour", ELB, LISTED),
    price("nat_hour", 0.045, "hour of a NAT gateway", VPC, LISTED),
    price("endpoint_hour", 0.01, "hour of an interface endpoint and zone", VPC, LISTED),
    price("metric", 0.30, "metric and month, the first 10,000", CLOUDWATCH, STORED),
    price("alarm", 0.10, "alarm and month", CLOUDWATCH, LISTED),
    price("composite_alarm", 0.50, "composite alarm and month", CLOUDWATCH, LISTED),
    price("dashboard", 3.0, "dashboard and month", CLOUDWATCH, LISTED),
    price("metric_call", 0.01, "thousand calls of PutMetricData", CLOUDWATCH, STORED),
    price("dynamo_write", 0.625, "million writes on demand", DYNAMO, LISTED),
];

/// A price by its name; what is not in the table costs more than anybody has.
pub(super) fn usd(name: &str) -> f64 {
    PRICES.iter().find(|price| price.name == name).map_or(f64::INFINITY, |price| price.usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_there_once_and_a_wrong_one_is_noticed() {
        for price in PRICES {
            assert_eq!(PRICES.iter().filter(|other| other.name == price.name).count(), 1, "{}", price.name);
            assert!(usd(price.name) > 0.0 && usd(price.name).is_finite());
            assert!(price.source.starts_with("<https://") && price.looked_at.contains("2026"));
        }
        assert!(usd("shard_minute").is_infinite());
    }
}
