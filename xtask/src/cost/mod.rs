//! `cargo xtask cost`: dollars per million pageviews, from what was measured, a table of prices, and assumptions that are all shown.

mod measured;
mod model;
mod prices;
mod report;

use anyhow::Result;
use clap::Args;

use self::model::{Assumed, Usage};

/// What `cost` can be asked.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Million pageviews a month.
    #[arg(long, default_value_t = 3_000.0, value_name = "N", value_parser = positive)]
    pageviews_m: f64,
    /// The busiest second to the average one.
    #[arg(long, default_value_t = 4.0, value_name = "N", value_parser = positive)]
    peak: f64,
    /// Portals, each with streams, metrics and alarms of its own.
    #[arg(long, default_value_t = 20.0, value_name = "N", value_parser = positive)]
    portals: f64,
    /// Made visits that are played to the tracker's core.
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    visits: u64,
    /// Posts of a pageview, instead of what the visits made.
    #[arg(long, value_name = "N", value_parser = positive)]
    posts: Option<f64>,
    /// Write COSTS.md.
    #[arg(long)]
    write: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "write a number above 0".to_owned())
}

/// What nothing here measures; each stands in the report.
const ASSUMED: Assumed = Assumed {
    failed: 0.01,
    isolates: 200.0,
    gzip: 8.0,
    hot_days: 30.0,
    archive_months: 12.0,
    tasks: 2.0,
    task_vcpu: 2.0,
    task_gb: 8.0,
    endpoints: 16.0,
    nats: 2.0,
    lambda_post_gb_s: 0.125 * 0.020,
    lambda_get_gb_s: 0.25 * 0.050,
    sqs_batch: 10.0,
};

/// The verb.
pub(crate) fn verb(options: &Options) -> Result<()> {
    let traffic = measured::traffic(options.visits)?;
    let cpu = measured::cpu()?;
    let interactions = measured::interactions()?;
    let counts = measured::counts()?;
    let usage = Usage {
        pageviews_m: options.pageviews_m,
        peak: options.peak,
        portals: options.portals,
        posts: options.posts.unwrap_or(traffic.posts),
        gets: 1.0,
        record_kib: traffic.record_kib,
        on_demand_kib: traffic.on_demand_kib,
        firehose_kib: traffic.firehose_kib,
        put_units: traffic.put_units,
        cpu_post_ms: cpu.post_ms,
        cpu_get_ms: cpu.get_ms,
        interactions: interactions.per_pageview,
        interaction_kib: interactions.kib,
        metrics: counts.metrics,
        alarms: counts.alarms,
        composites: counts.composites,
        assumed: ASSUMED,
    };
    let text = report::text(&usage, &traffic, &cpu);
    println!("{text}");
    if options.write {
        report::write(&text)?;
        println!("written: COSTS.md");
    }
    Ok(())
}
