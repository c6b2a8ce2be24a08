//! How fast Arete is, told as ratios: beside it, in the same run, work the same mapping compiled natively and a bare
//! route, each a process of its own before one scripted vendor. Absolute figures tell more of the machine.
//!
//! The two sides take turns in short rounds, so that a machine that gets slower gets slower for both. No test asserts a
//! time; this prints a table for people.

#![allow(clippy::print_stdout, reason = "a tool for the terminal")]

mod cases;
mod load;
mod native;
mod reloads;
mod server;
mod table;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::Result;
use clap::Parser;

/// The host's, for the reference too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Arete against the same mapping compiled natively. Both get half of the cores; the vendor and the clients
/// share the rest.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Cli {
    /// The binary to measure.
    #[arg(long, hide = true)]
    arete: Option<PathBuf>,
    /// Two components to reload in turn.
    #[arg(long, hide = true, num_args = 2)]
    versions: Vec<PathBuf>,
    /// How long each side of each case is measured.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    connections: u32,
    /// Serves as the reference, before this vendor.
    #[arg(long, hide = true)]
    native: Option<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let cores = available_parallelism().map_or(2, NonZeroUsize::get);
    let servers = (cores / 2).max(1);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all();
    let versions = <[PathBuf; 2]>::try_from(cli.versions).ok().map(|[claude, echo]| reloads::Versions { claude, echo });
    match (cli.native, cli.arete.zip(versions)) {
        // As many threads as the environment says: as many as Arete has.
        (Some(vendor), _) => runtime.build()?.block_on(native::serve(vendor)),
        (None, Some((arete, versions))) => {
            let run = cases::run(&arete, &versions, servers, cli.seconds, cli.connections);
            runtime.worker_threads((cores - servers).max(1)).build()?.block_on(run)
        }
        (None, None) => anyhow::bail!("start it as `cargo xtask bench`, which compiles what is measured"),
    }
}
