//! The commands for authors of plugins, carried out by the executable `arete-plugin`: compilers'
//! drivers, a scripted vendor and an HTTP client are no part of a server.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context;

use super::terminal::complain;

/// The executable, beside this one or on the PATH.
const TOOLS: &str = "arete-plugin";
/// The variable that tells it where this executable is.
const ARETE_BIN: &str = "ARETE_BIN";
/// The exit status by which shells say that a command wasn't found.
const NOT_FOUND: u8 = 127;

/// Runs a command of `arete-plugin` in place of this process, with its input, output and exit
/// status.
///
/// # Errors
/// The reason why the executable, though it is there, can't be started.
pub(super) fn hand_over(name: &str, args: &[OsString]) -> anyhow::Result<ExitCode> {
    let own = std::env::current_exe().context("this program's own file isn't known")?;
    let file = format!("{TOOLS}{}", std::env::consts::EXE_SUFFIX);
    let beside = own.with_file_name(file);
    let tools = if beside.is_file() { beside } else { PathBuf::from(TOOLS) };
    let mut command = Command::new(&tools);
    command.arg(name).args(args).env(ARETE_BIN, &own);
    match run(&mut command) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            complain(&format!(
                "`arete plugin {name}` needs the executable {TOOLS}, which is neither beside {} nor on the PATH. \
                 Install it from the same release, or build it: cargo build --package arete-plugin-kit",
                own.display()
            ));
            Ok(ExitCode::from(NOT_FOUND))
        }
        result => result.with_context(|| format!("{} can't be started", tools.display())),
    }
}

/// Becomes the command; returns only if that fails.
#[cfg(unix)]
fn run(command: &mut Command) -> io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(command))
}

/// Runs the command to its end.
#[cfg(not(unix))]
fn run(command: &mut Command) -> io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
