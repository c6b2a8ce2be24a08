//! The places of things, and running other programs: always from the repository's root, always
//! shown first.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The manifests of the two workspaces: what serves, and what it runs.
pub(crate) const HOST: &str = "Cargo.toml";
pub(crate) const GUESTS: &str = "plugins/Cargo.toml";

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The target directory that this program was compiled into, wherever cargo was told to put it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.ancestors().nth(2).context("xtask is in <target>/<profile>/")?.to_owned())
}

/// Cargo for the guests' workspace. Their artifacts go where build scripts put the compiled
/// components, so that what both need is compiled once.
pub(crate) fn guests(subcommand: &str) -> Result<Command> {
    let target_dir = target_dir()?.join("guests");
    let mut command = cargo();
    command
        .args([subcommand, "--manifest-path", GUESTS, "--workspace", "--target-dir"])
        .arg(target_dir);
    Ok(command)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    program(env!("CARGO"))
}

/// A program, to be run from the root.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    command
}

/// Shows a command and runs it to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("{} can't be run", shown(command)))?;
    ensure!(status.success(), "`{}` failed ({status})", shown(command));
    Ok(())
}

/// A command as one would type it, from the root.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    let root = format!("{}/", root().display());
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={:?} ", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let args =
        command.get_args().map(|arg| format!(" {}", arg.to_string_lossy().replace(&root, "")));
    set.chain([program.into_owned()]).chain(args).collect()
}
