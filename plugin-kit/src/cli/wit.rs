//! `arete plugin wit`: the contract as files, for bindings in any language.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use arete_plugin_kit::{WIT, WORLD};
use clap::Args;

use super::{complain, say};

/// The file of the contract.
const FILE: &str = "provider.wit";

/// Arguments of `arete plugin wit`.
#[derive(Debug, Args)]
pub(super) struct WitArgs {
    /// The folder for the contract's package.
    #[arg(default_value = "wit")]
    dir: PathBuf,
    /// Replaces a contract that differs.
    #[arg(long)]
    force: bool,
}

/// Writes the contract.
pub(super) fn run(args: &WitArgs) -> ExitCode {
    let file = args.dir.join(FILE);
    let known = match fs::read_to_string(&file) {
        Ok(known) => Some(known),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return complain(&unusable(&file, &error)),
    };
    if known.is_some_and(|known| known != WIT) && !args.force {
        return complain(&format!(
            "{} is there already and isn't this version of the contract. --force replaces it.",
            file.display()
        ));
    }
    let written = fs::create_dir_all(&args.dir).and_then(|()| fs::write(&file, WIT));
    if let Err(error) = written {
        return complain(&unusable(&file, &error));
    }
    let package = WIT.lines().find_map(|line| line.strip_prefix("package ")?.strip_suffix(';'));
    say(&format!(
        "Wrote {}: the package {}. A plugin implements its world `{WORLD}`.",
        file.display(),
        package.unwrap_or("arete:provider")
    ));
    ExitCode::SUCCESS
}

fn unusable(file: &std::path::Path, error: &io::Error) -> String {
    format!("{} can't be used: {error}.", file.display())
}
