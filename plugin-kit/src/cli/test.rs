//! `arete plugin test`: the conformance suite at the terminal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arete_conformance::{Arete, BadInput, LogLine, Options};
use clap::Args;

use super::{EX_USAGE, complain, say, signal};

/// Arguments of `arete plugin test`.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The component.
    file: PathBuf,
    /// The provider file that ships with the plugin [default: provider.toml in the working
    /// directory, or else in the project in whose folder build the component lies]
    #[arg(long, value_name = "FILE")]
    provider: Option<PathBuf>,
    /// The folder of cassettes [default: cassettes beside the provider file]
    #[arg(long, value_name = "FOLDER")]
    cassettes: Option<PathBuf>,
    /// Writes request.http and answer.json of the cassettes from what happens, to be looked over.
    #[arg(long)]
    record: bool,
    /// Runs only the checks in whose names this is found.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Prints the server's log while it runs.
    #[arg(long)]
    verbose: bool,
}

/// Runs the suite and prints its report.
pub(super) async fn run(args: TestArgs) -> anyhow::Result<ExitCode> {
    let report = tokio::select! {
        report = arete_conformance::run(args.options()) => report,
        // The server ends with the suite.
        () = signal::stop() => return Ok(ExitCode::from(signal::EXIT_INTERRUPTED)),
    };
    Ok(match report {
        Ok(report) => {
            say(report.to_string().trim_end());
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            say(&format!("The suite can't run: {error:#}"));
            if error.is::<BadInput>() { ExitCode::from(EX_USAGE) } else { ExitCode::FAILURE }
        }
    })
}

impl TestArgs {
    fn options(self) -> Options {
        let project = self.file.parent().and_then(Path::parent).map(Path::to_owned);
        let places = [Some(PathBuf::new()), project];
        let found = places.into_iter().flatten().map(|folder| folder.join("provider.toml"));
        let provider = self.provider.or_else(|| found.into_iter().find(|path| path.is_file()));
        let beside = || {
            let folder = provider.as_deref().and_then(Path::parent).unwrap_or("".as_ref());
            Some(folder.join("cassettes")).filter(|path| path.is_dir())
        };
        let cassettes = self.cassettes.or_else(beside);
        let print = |line: &LogLine| {
            complain(&line.shown());
        };
        Options {
            arete: Arete::find(),
            component: self.file,
            provider,
            cassettes,
            record: self.record,
            only: self.only,
            watch: self.verbose.then_some(print as fn(&LogLine)),
        }
    }
}
