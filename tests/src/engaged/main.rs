//! `engaged-model`: how far measured engaged time is from the 5 s rule, over made visits. `cargo xtask bench tracker` runs it.

mod ours;
mod peers;
mod play;
mod report;
mod traffic;
// The simulator's chance; it uses more of it.
#[allow(dead_code, reason = "the simulator uses more of it")]
#[path = "../sim/rng.rs"]
mod rng;
mod truth;
mod visit;

use clap::Parser;

/// Plays made visits to the tracker's core and to the rules of others, and prints the errors.
#[derive(Parser)]
#[command(name = "engaged-model", max_term_width = 100)]
struct Options {
    /// How many visits.
    #[arg(long, default_value_t = 20_000)]
    visits: u64,
    /// Another seed makes other visits.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Instead: what the visits send, and what of it goes into the streams, as JSON.
    #[arg(long)]
    traffic: bool,
}

fn main() -> anyhow::Result<()> {
    let Options { visits, seed, traffic } = Options::parse();
    if traffic {
        println!("{}", serde_json::to_string(&traffic::of(seed, visits)?)?);
    } else {
        print!("{}", report::tables(seed, visits));
    }
    Ok(())
}
