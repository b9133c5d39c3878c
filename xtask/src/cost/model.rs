//! What a million pageviews cost: usage times prices, line by line. Dollars per million pageviews everywhere.

use super::prices::usd;

/// Hours of a month, as AWS counts them.
const HOURS: f64 = 730.0;
/// A million records of a KiB, in GiB.
const GIB_OF_M_KIB: f64 = 0.953_674_316;
/// Shards are sized to be so full at the peak.
const FILL: f64 = 0.7;
/// What a shard takes in a second: records, KiB.
const SHARD_RECORDS: f64 = 1_000.0;
const SHARD_KIB: f64 = 1_024.0;

/// How much is used. Shares are of 1.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// Million pageviews a month.
    pub pageviews_m: f64,
    /// The busiest second to the average one.
    pub peak: f64,
    pub portals: f64,
    /// Of a pageview.
    pub posts: f64,
    pub gets: f64,
    /// KiB of a record; the same rounded up to 1 and to 5 KiB; PUT units.
    pub record_kib: f64,
    pub on_demand_kib: f64,
    pub firehose_kib: f64,
    pub put_units: f64,
    /// CPU milliseconds.
    pub cpu_post_ms: f64,
    pub cpu_get_ms: f64,
    /// Interactions of a pageview, and KiB of one.
    pub interactions: f64,
    pub interaction_kib: f64,
    /// Metrics, alarms and composite alarms of a portal, and of all together.
    pub metrics: (f64, f64),
    pub alarms: (f64, f64),
    pub composites: f64,
    pub assumed: Assumed,
}

/// What nothing here measures.
#[derive(Debug, Clone)]
pub(super) struct Assumed {
    /// Records that have to go through the retry queue.
    pub failed: f64,
    /// Isolates that answer lists at a time, over all of Cloudflare; each reads a portal's four files anew every 15 s.
    pub isolates: f64,
    /// How much smaller gzip makes records.
    pub gzip: f64,
    /// Days in S3 Standard, months in Deep Archive.
    pub hot_days: f64,
    pub archive_months: f64,
    /// Backend tasks, vCPU and GB of each.
    pub tasks: f64,
    pub task_vcpu: f64,
    pub task_gb: f64,
    /// Interface endpoints times zones, NAT gateways.
    pub endpoints: f64,
    pub nats: f64,
    /// GB-seconds of a function's call: of a post, of a list.
    pub lambda_post_gb_s: f64,
    pub lambda_get_gb_s: f64,
    /// Messages that one call of SQS receives or deletes.
    pub sqs_batch: f64,
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub name: &'static str,
    pub usd: f64,
}

const fn line(name: &'static str, usd: f64) -> Line {
    Line { name, usd }
}

/// How a request comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// This project's.
    Edge,
    /// HTTP API and functions; SQS takes what Kinesis does not.
    HttpApi,
    /// The same, and everything goes through SQS.
    HttpApiQueueFirst,
    /// REST API and functions, everything through SQS.
    RestApiQueueFirst,
}

impl Usage {
    /// A monthly sum.
    fn month(&self, usd: f64) -> f64 {
        usd / self.pageviews_m
    }

    /// Pageviews in the busiest second.
    pub(super) fn peak_per_s(&self) -> f64 {
        self.pageviews_m * 1e6 / (HOURS * 3_600.0) * self.peak
    }

    fn shards(&self, records: f64, kib: f64) -> f64 {
        let per_s = self.peak_per_s() * records;
        ((per_s / SHARD_RECORDS).max(per_s * kib / SHARD_KIB) / FILL).ceil()
    }

    /// The whole bill.
    pub(super) fn bill(&self, front: Front) -> Vec<Line> {
        let mut lines = self.front(front);
        lines.extend(self.behind());
        lines
    }

    fn front(&self, front: Front) -> Vec<Line> {
        let Assumed { failed, lambda_post_gb_s, lambda_get_gb_s, sqs_batch, .. } = self.assumed;
        let requests = self.posts + self.gets;
        let functions = [
            line("functions, calls", requests * usd("lambda_request")),
            line("functions, time", 1e6 * (self.posts * lambda_post_gb_s + self.gets * lambda_get_gb_s) * usd("lambda_gb_s")),
        ];
        // A send for each, a receive and a delete for several; the second function is called once for them.
        let queued = |share: f64| share * self.posts * (usd("sqs_request") * (1.0 + 2.0 / sqs_batch) + usd("lambda_request") / sqs_batch);
        match front {
            Front::Edge => vec![
                line("Workers, requests", requests * usd("workers_request") + self.month(usd("workers_plan"))),
                line("Workers, CPU", (self.posts * self.cpu_post_ms + self.gets * self.cpu_get_ms) * usd("workers_cpu")),
                line("retry queue", 3.0 * failed * self.posts * usd("queue_operation")),
                line("KV, published files", self.kv()),
            ],
            Front::HttpApi => {
                let gateway = self.tiers(requests, &[(300.0, "http_api"), (f64::INFINITY, "http_api_beyond")]);
                let [calls, time] = functions;
                vec![line("HTTP API", gateway), calls, time, line("SQS, what failed", queued(failed))]
            }
            Front::HttpApiQueueFirst => {
                let gateway = self.tiers(requests, &[(300.0, "http_api"), (f64::INFINITY, "http_api_beyond")]);
                let [calls, time] = functions;
                vec![line("HTTP API", gateway), calls, time, line("SQS, everything", queued(1.0))]
            }
            Front::RestApiQueueFirst => {
                let tiers = [(333.0, "rest_api"), (667.0, "rest_api_beyond"), (f64::INFINITY, "rest_api_far_beyond")];
                let [calls, time] = functions;
                vec![line("REST API", self.tiers(requests, &tiers)), calls, time, line("SQS, everything", queued(1.0))]
            }
        }
    }

    /// Requests of a month through steps of a price, dearest first.
    fn tiers(&self, requests: f64, tiers: &[(f64, &str)]) -> f64 {
        let mut left_m = requests * self.pageviews_m;
        let mut bill = 0.0;
        for (width_m, name) in tiers {
            let taken_m = left_m.min(*width_m);
            bill += taken_m * usd(name);
            left_m -= taken_m;
        }
        self.month(bill)
    }

    /// A model and cards each quarter of a minute at most; every isolate reads four files of each portal as often.
    fn kv(&self) -> f64 {
        let turns_m = HOURS * 3_600.0 / 15.0 / 1e6;
        self.month(turns_m * self.portals * (2.0 * usd("kv_write") + 4.0 * self.assumed.isolates * usd("kv_read")))
    }

    /// What stands behind either front.
    fn behind(&self) -> Vec<Line> {
        let Assumed { gzip, hot_days, archive_months, tasks, task_vcpu, task_gb, endpoints, nats, .. } = self.assumed;
        let (posts, interactions) = (self.posts, self.interactions);
        let shards = self.shards(posts, self.record_kib) + self.shards(interactions, self.interaction_kib);
        let units = (posts * self.put_units + interactions) * usd("put_unit");
        let gb = GIB_OF_M_KIB * posts * self.record_kib / gzip;
        // A file a quarter of an hour and portal.
        let objects_k = self.portals * HOURS * 4.0 / 1e3;
        let backend = tasks * (task_vcpu * usd("fargate_vcpu") + task_gb * usd("fargate_gb")) * HOURS;
        let network = (endpoints * usd("endpoint_hour") + nats * usd("nat_hour") + usd("load_balancer")) * HOURS;
        let metrics = self.portals * self.metrics.0 + self.metrics.1;
        let alarms = self.portals * self.alarms.0 + self.alarms.1;
        // A call a minute of the edge and of each task.
        let calls_k = (1.0 + tasks) * HOURS * 60.0 / 1e3;
        let monitoring = metrics * usd("metric")
            + alarms * usd("alarm")
            + self.portals * self.composites * usd("composite_alarm")
            + usd("dashboard")
            + calls_k * usd("metric_call");
        // A renewal of each lease in three seconds: a shard's, a portal's.
        let leases_m = (shards + self.portals) * HOURS * 3_600.0 / 3.0 / 1e6;
        vec![
            line("Kinesis, provisioned, both streams", self.month(shards * usd("shard_hour") * HOURS) + units),
            line("Firehose", GIB_OF_M_KIB * posts * self.firehose_kib * usd("firehose")),
            line("S3, hot", gb * hot_days / 30.0 * usd("s3_standard")),
            line("S3, Deep Archive", gb * archive_months * usd("deep_archive") + self.month(objects_k * usd("transition"))),
            line("backend (Fargate)", self.month(backend)),
            line("leases (DynamoDB)", self.month(leases_m * usd("dynamo_write"))),
            line("network: NAT, endpoints, load balancer", self.month(network)),
            line("CloudWatch", self.month(monitoring)),
        ]
    }

    /// Both streams on demand, each read twice or once, instead of the line of shards.
    pub(super) fn on_demand(&self) -> f64 {
        let gb_in = GIB_OF_M_KIB * (self.posts * self.on_demand_kib + self.interactions * self.interaction_kib.ceil());
        let gb_out = GIB_OF_M_KIB * (2.0 * self.posts * self.record_kib + self.interactions * self.interaction_kib);
        let hours = self.month(2.0 * self.portals * usd("on_demand_hour") * HOURS);
        gb_in * usd("on_demand_in") + gb_out * usd("on_demand_out") + hours
    }
}

/// The sum.
pub(super) fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.usd).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the formulas were first worked out for: two posts of 2 KB, three thousand million pageviews.
    fn example() -> Usage {
        let assumed = Assumed {
            failed: 0.01,
            isolates: 0.0,
            gzip: 8.0,
            hot_days: 30.0,
            archive_months: 12.0,
            tasks: 0.0,
            task_vcpu: 2.0,
            task_gb: 8.0,
            endpoints: 0.0,
            nats: 0.0,
            lambda_post_gb_s: 0.125 * 0.020,
            lambda_get_gb_s: 0.25 * 0.050,
            sqs_batch: 10.0,
        };
        Usage {
            pageviews_m: 3_000.0,
            peak: 4.0,
            portals: 20.0,
            posts: 2.0,
            gets: 1.0,
            record_kib: 2.0,
            on_demand_kib: 2.0,
            firehose_kib: 5.0,
            put_units: 1.0,
            cpu_post_ms: 3.0,
            cpu_get_ms: 1.0,
            interactions: 0.0,
            interaction_kib: 0.5,
            metrics: (0.0, 0.0),
            alarms: (0.0, 0.0),
            composites: 0.0,
            assumed,
        }
    }

    fn usd_of(lines: &[Line], name: &str) -> String {
        format!("{:.3}", lines.iter().find(|line| line.name == name).unwrap().usd)
    }

    #[test]
    fn the_worked_example_comes_out() {
        let usage = example();
        assert_eq!(format!("{:.0}", usage.peak_per_s()), "4566");
        let bill = usage.bill(Front::Edge);
        // 3 requests, 7 ms of CPU, 26 shards, 10 KB through Firehose.
        assert_eq!(usd_of(&bill, "Workers, requests"), "0.902");
        assert_eq!(usd_of(&bill, "Workers, CPU"), "0.140");
        assert_eq!(usd_of(&bill, "Kinesis, provisioned, both streams"), "0.123");
        assert_eq!(usd_of(&bill, "Firehose"), "0.277");
        assert_eq!(usd_of(&bill, "retry queue"), "0.024");
    }

    #[test]
    fn what_goes_through_a_step_pays_its_price_only() {
        let usage = Usage { pageviews_m: 100.0, ..example() };
        let bill = usage.bill(Front::HttpApi);
        assert_eq!(usd_of(&bill, "HTTP API"), "3.000");
        let usage = Usage { pageviews_m: 200.0, ..example() };
        // 300 million at a dollar, 300 million at ninety cents.
        assert_eq!(usd_of(&usage.bill(Front::HttpApi), "HTTP API"), "2.850");
    }

    #[test]
    fn a_post_more_costs_more_everywhere() {
        let more = Usage { posts: 3.0, ..example() };
        for front in [Front::Edge, Front::HttpApi, Front::HttpApiQueueFirst, Front::RestApiQueueFirst] {
            assert!(total(&more.bill(front)) > total(&example().bill(front)), "{front:?}");
        }
    }
}
