//! What the binary does beside serving: commands for operators and for authors of plugins.

mod check;
mod list;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

pub use self::test::{TestArgs, run as test};
use crate::config::Config;

/// `EX_USAGE` of sysexits.h: the operator's input is wrong, so a restart won't help.
pub const EX_USAGE: u8 = 64;

/// Commands about plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Admits a component as the server would, and says what it is made of and what is wrong with it.
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
    /// Runs the conformance suite on a component: the author's cassettes, and all that goes wrong with vendors.
    ///
    /// Exits with 0 if it passes, with 1 if it doesn't, and with 64 if a file that it needs is missing or wrong.
    Test(TestArgs),
}

/// Runs a command.
///
/// # Errors
/// What kept it from running at all.
pub async fn plugin(command: PluginCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Check { file, provider } => check::run(&config.plugins, &file, provider.as_deref()).await,
        PluginCommand::List => list::run(&config.plugins).await,
        PluginCommand::Test(args) => Ok(test(args).await),
    }
}

/// Speaks to whoever is at the terminal.
#[allow(clippy::print_stdout, reason = "what a command is asked for goes to standard output")]
fn say(text: &str) {
    println!("{text}");
}
