//! `arete plugin test`: the conformance suite at the terminal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::EnvFilter;

use super::{EX_USAGE, say};
use crate::conformance::{self, BadInput, Logs, Options};

/// What of the log is shown beside a failure: what the service finds wrong, and all that the plugin
/// says.
const KEPT_LOGS: &str = "warn,arete::request_log=off,plugin=info";

/// What to test, and how.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The component.
    file: PathBuf,
    /// The provider file that ships with the plugin [default: provider.toml in the working
    /// directory, if it is there]
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
    /// Prints the service's log while it runs.
    #[arg(long)]
    verbose: bool,
}

/// Runs the suite and prints its report.
pub async fn run(args: TestArgs) -> ExitCode {
    let logs = Logs::default();
    log(&logs, args.verbose);
    match conformance::run(args.options(logs)).await {
        Ok(report) => {
            say(report.to_string().trim_end());
            if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            say(&format!("The suite can't run: {error:#}"));
            if error.is::<BadInput>() { ExitCode::from(EX_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

impl TestArgs {
    fn options(self, logs: Logs) -> Options {
        let here = || Some(PathBuf::from("provider.toml")).filter(|path| path.is_file());
        let provider = self.provider.or_else(here);
        let beside = || {
            let folder =
                provider.as_deref().and_then(std::path::Path::parent).unwrap_or("".as_ref());
            Some(folder.join("cassettes")).filter(|path| path.is_dir())
        };
        let cassettes = self.cassettes.or_else(beside);
        Options {
            component: self.file,
            provider,
            cassettes,
            record: self.record,
            only: self.only,
            logs,
        }
    }
}

fn log(logs: &Logs, verbose: bool) {
    let lines = tracing_subscriber::fmt().with_ansi(false);
    // A second call would change nothing; there is none.
    let _ = match verbose {
        true => {
            lines.with_env_filter(EnvFilter::new("info")).with_writer(std::io::stderr).try_init()
        }
        false => lines
            .without_time()
            .with_env_filter(EnvFilter::new(KEPT_LOGS))
            .with_writer(logs.clone())
            .try_init(),
    };
}
