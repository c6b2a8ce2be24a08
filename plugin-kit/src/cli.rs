//! The commands for authors of plugins.

mod build;
mod dev;
mod new;
mod signal;
mod test;
mod wit;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use sha2::{Digest, Sha256};

/// `EX_USAGE` of sysexits.h: the author's input is wrong, so another try won't help.
const EX_USAGE: u8 = 64;

/// Tools for authors of plugins: begin a project, build it, try it, test it.
#[derive(Debug, Parser)]
#[command(version, bin_name = "arete plugin")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the conformance suite on a component: the author's cassettes, and all that goes wrong
    /// with vendors.
    ///
    /// Exits with 0 if it passes, with 1 if it doesn't, and with 64 if a file that it needs is
    /// missing or wrong.
    Test(test::TestArgs),
    /// Makes a folder with a small provider in it, to begin with.
    New(new::NewArgs),
    /// Writes the contract, for bindings in any language.
    Wit(wit::WitArgs),
    /// Makes a component of a project in any language.
    Build(build::BuildArgs),
    /// Builds and serves a project, and does so again whenever one of its files is saved.
    Dev(dev::DevArgs),
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Test(args) => test::run(args).await,
        Command::New(args) => Ok(new::run(&args)),
        Command::Wit(args) => Ok(wit::run(&args)),
        Command::Build(args) => build::run(args).await,
        Command::Dev(args) => dev::run(args).await,
    };
    done.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints what a command was asked for.
fn say(text: &str) {
    match writeln!(io::stdout(), "{text}") {
        // A reader that has left, such as `head`, wants no more, and that is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("The output can't be written: {error}."));
        }
        _ => {}
    }
}

/// Prints why a command failed.
fn complain(problem: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "{problem}");
    ExitCode::FAILURE
}

/// Reads a component.
fn read(component: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(component).with_context(|| format!("{} can't be read", component.display()))
}

/// Returns the SHA-256 of a component, in hexadecimal digits as the server spells it.
fn sha256(component: &[u8]) -> String {
    Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect()
}
