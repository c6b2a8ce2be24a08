//! The speed of Arete as ratios: beside it, in the same run, work the same mapping compiled
//! natively and a bare route, each a process of its own before one scripted vendor. Absolute
//! figures tell more of the machine.
//!
//! The sides take turns in short rounds, so that a machine that gets slower gets slower for all. No
//! test asserts a time; this prints a table for people.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

mod bench;
mod cases;
mod hostile;
mod languages;
mod load;
mod machine;
mod memory;
mod native;
mod plan;
mod process;
mod providers;
mod questions;
mod reloads;
mod rounds;
mod server;
mod sides;
mod soak;
mod starts;
mod statistics;
mod summary;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use bench::{Bench, Components};
use machine::Cores;
use rounds::Plan;
use server::Stage;
use soak::Length;

/// The host's, for the reference too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Arete against the same mapping compiled natively. The servers take turns on half of the
/// cores; the vendor and the clients share the others.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Cli {
    /// Few and short rounds: a minute or two instead of ten.
    #[arg(long)]
    quick: bool,
    /// Only cases whose names begin like this. Can be given several times.
    #[arg(long, value_name = "CASE")]
    only: Vec<String>,
    /// The seconds for which each side of each case is measured, all rounds together.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// The number of cores the servers get, instead of half of them.
    #[arg(long, value_name = "CORES")]
    servers: Option<usize>,
    /// Writes the figures that have targets into docs/performance.md.
    #[arg(long, conflicts_with = "only")]
    readme: bool,
    /// Instead: so many requests of all kinds, or minutes of them (20m), and whether memory stays
    /// flat.
    #[arg(long, value_name = "LENGTH", num_args = 0..=1, default_missing_value = soak::REQUESTS)]
    #[arg(conflicts_with_all = ["quick", "only", "seconds", "readme"])]
    soak: Option<Length>,
    /// The binary to measure, instead of the one that was just built.
    #[arg(long, value_name = "FILE")]
    arete: Option<PathBuf>,
    /// The folders of the bundled components, of those in other languages and of the fixtures.
    #[arg(long, hide = true, num_args = 3)]
    components: Vec<PathBuf>,
    /// Serves as the reference, before this vendor.
    #[arg(long, hide = true)]
    native: Option<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all();
    if let Some(vendor) = cli.native {
        // As many threads as the environment says: as many as Arete has.
        return runtime.build()?.block_on(native::serve(vendor));
    }
    let arete =
        cli.arete.context("start it as `cargo xtask bench`, which compiles what is measured")?;
    // Servers are started in folders of their own.
    let arete = arete.canonicalize().with_context(|| format!("there is no {}", arete.display()))?;
    machine::raise_open_files();
    // Before the runtime's threads are there, which begin where this one is.
    let stage = Stage { arete, cores: Cores::share(cli.servers)? };
    let runtime = runtime.worker_threads(stage.cores.of_load()).build()?;
    if let Some(length) = cli.soak {
        return runtime.block_on(soak::run(&stage, length));
    }
    let mut plan = if cli.quick { Plan::QUICK } else { Plan::FULL };
    if let Some(seconds) = cli.seconds {
        plan.time = Duration::from_secs(seconds) / u32::try_from(plan.rounds)?;
    }
    let components = <[PathBuf; 3]>::try_from(cli.components);
    let components =
        components.ok().map(|[bundled, others, fixtures]| Components { bundled, others, fixtures });
    plan::check(&cli.only)?;
    runtime.block_on(plan::run(Bench::new(stage, plan, cli.only), components, cli.readme))
}
