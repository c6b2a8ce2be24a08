//! The server's executable, as the tools for authors find it.

use std::path::PathBuf;
use std::process::Command;

/// The variable by which `arete plugin …` tells where it is itself.
const ARETE_BIN: &str = "ARETE_BIN";
/// The executable, beside this one or on the PATH.
const ARETE: &str = "arete";

/// The executable `arete`.
#[derive(Debug, Clone)]
pub struct Arete(PathBuf);

impl Arete {
    /// Finds it: where `ARETE_BIN` says, beside this program, or else on the PATH.
    pub fn find() -> Self {
        let told = std::env::var_os(ARETE_BIN).filter(|path| !path.is_empty());
        let beside = || {
            let file = format!("{ARETE}{}", std::env::consts::EXE_SUFFIX);
            let own = std::env::current_exe().ok()?;
            Some(own.with_file_name(file)).filter(|path| path.is_file())
        };
        Self(told.map(PathBuf::from).or_else(beside).unwrap_or_else(|| ARETE.into()))
    }

    /// Returns a command that runs it.
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }
}
