//! The notifier: a Lambda function, and the same on this machine.
//!
//! ```text
//! cargo run -p notifier -- --event backend/notifier/tests/golden/losing-data.json
//! cargo run -p notifier -- --follow-queue http://127.0.0.1:4566/000000000000/people --endpoint http://127.0.0.1:4566
//! ```

mod platform;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = platform::Args::parse();
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).json().flatten_event(true);
    let targets = Targets::new().with_default(Level::WARN).with_target("bootstrap", Level::INFO);
    tracing_subscriber::registry().with(targets).with(layer).init();
    match platform::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::error!("{why}");
            ExitCode::FAILURE
        }
    }
}
