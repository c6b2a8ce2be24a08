//! The tools for authors of plugins, at the terminal. `arete plugin new|build|dev|test` hands over
//! to this executable.

mod cli;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(cli::Cli::parse()).await
}
