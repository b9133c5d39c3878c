//! The bill as Markdown.

use std::fmt::Write as _;

use anyhow::Result;

use super::measured::{Cpu, Traffic};
use super::model::{Front, Line, Usage, total};
use super::prices::PRICES;
use crate::section;

/// Where it is written.
const FILE: &str = "COSTS.md";

/// Designs, ours first.
const DESIGNS: [(&str, Front); 4] = [
    ("**Pulso**: edge, Kinesis", Front::Edge),
    ("API Gateway (HTTP), Lambda, Kinesis; SQS for what fails", Front::HttpApi),
    ("API Gateway (HTTP), Lambda, SQS for everything, Kinesis", Front::HttpApiQueueFirst),
    ("API Gateway (REST), Lambda, SQS for everything, Kinesis", Front::RestApiQueueFirst),
];

/// Posts of a pageview that are tried besides the measured one.
const POSTS: [f64; 3] = [1.0, 2.0, 3.0];

/// All of it.
pub(super) fn text(usage: &Usage, traffic: &Traffic, cpu: &Cpu) -> String {
    let mut text = designs(usage);
    text.push_str(&by_posts(usage));
    text.push_str(&lines(usage));
    text.push_str(&inputs(usage, traffic, cpu));
    text.push_str(&prices());
    text
}

/// Puts it into its place.
pub(super) fn write(text: &str) -> Result<()> {
    section::replace(FILE, "costs", &format!("Run on {} by `cargo xtask cost --write`.\n\n{text}", section::today()))
}

fn designs(usage: &Usage) -> String {
    let ours = total(&usage.bill(Front::Edge));
    let mut text = "| design | $ per million pageviews | to ours | $ a month |\n|---|--:|--:|--:|\n".to_owned();
    for (name, front) in DESIGNS {
        let sum = total(&usage.bill(front));
        let _ = writeln!(text, "| {name} | {sum:.2} | {:.2} x | {:.0} |", sum / ours, sum * usage.pageviews_m);
    }
    let provisioned = usage.bill(Front::Edge).iter().find(|line| line.name.starts_with("Kinesis")).map_or(0.0, |line| line.usd);
    let _ = writeln!(
        text,
        "\nWith streams on demand instead of shards sized for the peak, every design costs {:.2} more ({:.2} instead of {provisioned:.2}).",
        usage.on_demand() - provisioned,
        usage.on_demand()
    );
    text
}

/// The one number that matters most.
fn by_posts(usage: &Usage) -> String {
    let mut text = "\n### By posts of a pageview\n\n| posts | Pulso | HTTP, SQS for what fails | to ours |\n|--:|--:|--:|--:|\n".to_owned();
    for posts in POSTS.into_iter().chain([usage.posts]) {
        let usage = Usage { posts, ..usage.clone() };
        let [ours, theirs] = [Front::Edge, Front::HttpApi].map(|front| total(&usage.bill(front)));
        let _ = writeln!(text, "| {posts:.2} | {ours:.2} | {theirs:.2} | {:.2} x |", theirs / ours);
    }
    text
}

fn lines(usage: &Usage) -> String {
    let mut text = "\n### Line by line, $ per million pageviews\n\n| | Pulso | HTTP, SQS for what fails |\n|---|--:|--:|\n".to_owned();
    let [ours, theirs] = [Front::Edge, Front::HttpApi].map(|front| usage.bill(front));
    let usd =
        |bill: &[Line], name: &str| bill.iter().find(|line| line.name == name).map_or(String::new(), |line| format!("{:.3}", line.usd));
    let mut names: Vec<&str> = ours.iter().chain(&theirs).map(|line| line.name).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        if seen.contains(name) {
            false
        } else {
            seen.push(*name);
            true
        }
    });
    for name in names {
        let _ = writeln!(text, "| {name} | {} | {} |", usd(&ours, name), usd(&theirs, name));
    }
    let _ = writeln!(text, "| **all** | **{:.3}** | **{:.3}** |", total(&ours), total(&theirs));
    text
}

fn inputs(usage: &Usage, traffic: &Traffic, cpu: &Cpu) -> String {
    let assumed = &usage.assumed;
    let rows = [
        ("pageviews a month", format!("{:.0} million; busiest second {:.0} pageviews", usage.pageviews_m, usage.peak_per_s()), "given"),
        ("portals", format!("{:.0}", usage.portals), "given"),
        (
            "posts of a pageview",
            format!("{:.2}", usage.posts),
            if (usage.posts - traffic.posts).abs() < f64::EPSILON { "measured: visits" } else { "given" },
        ),
        (
            "events of a pageview",
            format!("{:.2}", traffic.events),
            "measured: visits; an impression each, a click in three of ten are put in",
        ),
        (
            "bytes of a post's body, of a record",
            format!("{:.0}, {:.0}", traffic.body_bytes, usage.record_kib * 1_024.0),
            "measured: visits",
        ),
        ("CPU of a post, of a list", format!("{:.3} ms, {:.3} ms", usage.cpu_post_ms, usage.cpu_get_ms), "measured: benchmark"),
        ("lists of a pageview", format!("{:.0}", usage.gets), "assumed"),
        (
            "interactions of a pageview, bytes of one",
            format!("{:.2}, {:.0}", usage.interactions, usage.interaction_kib * 1_024.0),
            "measured: backend's benchmark",
        ),
        (
            "metrics, alarms, composite alarms of a portal",
            format!("{:.0}, {:.0}, {:.0}", usage.metrics.0, usage.alarms.0, usage.composites),
            "counted",
        ),
        ("the same of all", format!("{:.0}, {:.0}, 0", usage.metrics.1, usage.alarms.1), "counted"),
        ("records that need the retry queue", format!("{:.0} %", assumed.failed * 100.0), "assumed"),
        ("isolates that answer lists at a time", format!("{:.0}, four files of each portal anew every 15 s", assumed.isolates), "assumed"),
        ("gzip makes records smaller by", format!("{:.0}", assumed.gzip), "assumed"),
        ("kept", format!("{:.0} days hot, {:.0} months in Deep Archive", assumed.hot_days, assumed.archive_months), "assumed"),
        ("backend", format!("{:.0} tasks of {:.0} vCPU, {:.0} GB", assumed.tasks, assumed.task_vcpu, assumed.task_gb), "assumed"),
        ("network", format!("{:.0} endpoints and zones, {:.0} NAT gateways", assumed.endpoints, assumed.nats), "assumed"),
        (
            "a function's call",
            format!("{} GB-s a post, {} GB-s a list", assumed.lambda_post_gb_s, assumed.lambda_get_gb_s),
            "assumed: 128 MB for 20 ms, 256 MB for 50 ms",
        ),
        ("messages of one SQS receive", format!("{:.0}", assumed.sqs_batch), "assumed"),
    ];
    let mut text = "\n### What goes in\n\n| | | from |\n|---|---|---|\n".to_owned();
    for (what, value, from) in rows {
        let _ = writeln!(text, "| {what} | {value} | {from} |");
    }
    let _ = writeln!(
        text,
        "\nVisits: {} made ones, played to the tracker's core by `engaged-model --traffic`; what it sends is taken by the edge's core. They stay long \
         and switch tabs (45 % read actively, 15 % switch), so that real pageviews send fewer posts rather than more. Benchmark: {}; its CPU has \
         all threads of workerd in it, more than is billed. Data transfer, support, taxes and free tiers are left out everywhere, and so is what functions would pay to read their models.",
        traffic.visits, cpu.run
    );
    text
}

fn prices() -> String {
    let mut text = "\n### Prices\n\n| name | $ | per | where | looked at |\n|---|--:|---|---|---|\n".to_owned();
    for price in PRICES {
        let _ = writeln!(text, "| `{}` | {} | {} | {} | {} |", price.name, price.usd, price.per, price.source, price.looked_at);
    }
    text
}
