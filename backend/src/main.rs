//! The backend: reads the portals' event streams, keeps live figures and publishes models to the edge.
//!
//! ```text
//! AWS_REGION=sa-east-1 PULSO_ADMIN_SECRET=… backend serve --edge-url https://edge.example --data /var/lib/pulso
//! AWS_REGION=sa-east-1 PULSO_ADMIN_SECRET=… backend tail --portal g1
//! AWS_REGION=sa-east-1 backend scale --portal g1 --metric records --min 2 --max 64 --watch 60
//! AWS_REGION=sa-east-1 backend redrive --sqs --queue-url https://sqs.sa-east-1.amazonaws.com/1/pulso-retry
//! ```
//!
//! The modules here compute; `platform/` touches the world. This file introduces the two to each other.

mod args;
mod cards;
mod error;
mod evaluate;
mod feedback;
mod health;
mod influence;
mod leases;
mod lineage;
mod loss;
mod metrics;
mod platform;
mod publish;
mod recommender;
mod redrive;
mod scale;
mod shards;
mod sitemap;
mod snapshot;
mod stages;
mod state;
mod tail;
mod telemetry;
mod top_pages;
mod transform;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Cli, Command, LogFormat};
use crate::error::{Error, Result};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Lines of `tail` are for people; what it does to get them is only news when it goes wrong.
    let level = match cli.command {
        Command::Serve(_) | Command::Consume(_) | Command::Redrive(_) => Level::INFO,
        Command::Tail(_)
        | Command::Import(_)
        | Command::Scale(_)
        | Command::Transform(_)
        | Command::Export(_)
        | Command::Erase(_)
        | Command::Evaluate(_) => Level::WARN,
    };
    start_log(cli.log, level);
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| Error::Runtime { source })?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve(args) => platform::serve::run(args).await,
            Command::Consume(args) => platform::serve::consume(args).await,
            Command::Transform(args) => platform::transform::run(&args),
            Command::Export(args) => platform::subject::export(&args).await,
            Command::Erase(args) => platform::subject::erase(&args).await,
            Command::Import(args) => platform::import::run(&args).await,
            Command::Tail(args) => platform::follow::run(args).await,
            Command::Redrive(args) => platform::redrive::run(*args).await,
            Command::Scale(args) => platform::scale::run(&args).await,
            Command::Evaluate(args) => platform::evaluate::run(&args),
        }
    });
    // A read that Kinesis never answers must not hold up the end.
    runtime.shutdown_background();
    result
}

fn start_log(format: Option<LogFormat>, level: Level) {
    let is_terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json });
    let wanted = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| Targets::new().with_default(Level::WARN).with_target(env!("CARGO_CRATE_NAME"), level));
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
        LogFormat::Text => registry.with(layer.with_target(false).with_ansi(is_terminal)).init(),
    }
}
