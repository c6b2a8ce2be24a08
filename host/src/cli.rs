//! What the binary does beside serving: commands for operators and for authors of plugins.

mod build;
mod check;
mod dev;
mod list;
mod new;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

pub use self::test::{TestArgs, run as test};
use crate::config::{Config, LogConfig};

/// `EX_USAGE` of sysexits.h: the operator's input is wrong, so a restart won't help.
pub const EX_USAGE: u8 = 64;

/// Commands about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Admits a component as the server would, and says what it is made of and what is wrong with
    /// it.
    ///
    /// Exits with 0 if the server would take it, and with 1 if it wouldn't.
    Check {
        /// The component.
        file: PathBuf,
        /// The provider's file that goes with it; without one, the component is granted nothing.
        #[arg(long, value_name = "FILE")]
        provider: Option<PathBuf>,
    },
    /// Lists the providers that the server would have with these settings.
    ///
    /// Exits with 1 if one of them can't be loaded.
    List,
    /// Runs the conformance suite on a component: the author's cassettes, and all that goes wrong
    /// with vendors.
    ///
    /// Exits with 0 if it passes, with 1 if it doesn't, and with 64 if a file that it needs is
    /// missing or wrong.
    Test(TestArgs),
    /// Makes a folder with a small provider in it, to begin with.
    New(new::NewArgs),
    /// Makes a component of a project in any language.
    Build(build::BuildArgs),
    /// Builds and serves a project, and does so again whenever one of its files is saved.
    Dev(dev::DevArgs),
}

impl PluginCommand {
    /// What is logged while it runs. Most commands say themselves what is to be said.
    pub fn logs(&self, config: &Config) -> LogConfig {
        match self {
            Self::Dev(_) => dev::logs(config),
            _ => config.log.quiet(),
        }
    }
}

/// Runs a command.
///
/// # Errors
/// What kept it from running at all.
pub async fn plugin(command: PluginCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Check { file, provider } => {
            check::run(&config.plugins, &file, provider.as_deref()).await
        }
        PluginCommand::List => list::run(&config.plugins).await,
        PluginCommand::Test(args) => Ok(test(args).await),
        PluginCommand::New(args) => Ok(new::run(&args)),
        PluginCommand::Build(args) => build::run(args).await,
        PluginCommand::Dev(args) => dev::run(args, config).await,
    }
}

/// Speaks to whoever is at the terminal.
#[allow(clippy::print_stdout, reason = "what a command is asked for goes to standard output")]
fn say(text: &str) {
    println!("{text}");
}

/// Says why a command failed, to whoever is at the terminal.
#[allow(
    clippy::print_stderr,
    reason = "problems go to standard error, where those of compilers are"
)]
fn complain(problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
