//! The commands of the binary beside serving: two about plugins that are the server's own, and four
//! for authors that the executable `arete-plugin` carries out.

mod check;
mod hand_over;
mod list;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::hand_over::hand_over;
pub use self::terminal::{EX_USAGE, complain};
use crate::config::{Config, Mistakes};
use crate::observe;

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
    #[command(disable_help_flag = true)]
    Test(HandedOver),
    /// Makes a folder with a small provider in it, to begin with.
    #[command(disable_help_flag = true)]
    New(HandedOver),
    /// Writes the contract, for bindings in any language.
    #[command(disable_help_flag = true)]
    Wit(HandedOver),
    /// Makes a component of a project in any language.
    #[command(disable_help_flag = true)]
    Build(HandedOver),
    /// Builds and serves a project, and does so again whenever one of its files is saved.
    #[command(disable_help_flag = true)]
    Dev(HandedOver),
}

/// Arguments that `arete-plugin` reads.
#[derive(Debug, Args)]
pub struct HandedOver {
    /// The command's own arguments; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    args: Vec<OsString>,
}

/// Runs a command. The settings are read only for a command of the server's own.
///
/// # Errors
/// The reason why it couldn't run at all.
pub async fn plugin(
    command: PluginCommand,
    config: Result<Config, Mistakes>,
) -> anyhow::Result<ExitCode> {
    let (name, HandedOver { args }) = match command {
        PluginCommand::Check { file, provider } => {
            let config = config?;
            let _logging = observe::init(&config.log.quiet());
            return check::run(&config.plugins, &file, provider.as_deref()).await;
        }
        PluginCommand::List => {
            let config = config?;
            let _logging = observe::init(&config.log.quiet());
            return list::run(&config.plugins).await;
        }
        PluginCommand::Test(args) => ("test", args),
        PluginCommand::New(args) => ("new", args),
        PluginCommand::Wit(args) => ("wit", args),
        PluginCommand::Build(args) => ("build", args),
        PluginCommand::Dev(args) => ("dev", args),
    };
    hand_over(name, &args)
}

/// Returns this program, to be started again.
pub fn own_executable() -> Option<PathBuf> {
    // The very file that runs, even if another has taken its name since.
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { std::env::current_exe().ok() }
}
