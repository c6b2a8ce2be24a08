//! Rust: `cargo build` for the target that makes components by itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guest_build::{TARGET, cargo};
use serde_json::Value;

use super::job::Job;
use super::tool;
use crate::Problem;

const INSTALL: &str = "Install Rust with rustup: https://rustup.rs.";

pub(super) fn build(job: &Job) -> Result<PathBuf, Problem> {
    let dir = job.project.dir();
    need_target(dir, job.quiet)?;

    let mut command = cargo();
    // Artifacts are told as JSON on standard output; mistakes go to standard error as ever.
    command.args([
        "build",
        "--lib",
        "--release",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    command.arg("--target-dir").arg(job.tools.join("rust")).current_dir(dir);
    if !job.quiet {
        command.stderr(Stdio::inherit());
    }
    let output = command
        .output()
        .map_err(|error| Problem::new(format!("cargo can't be run: {error}. {INSTALL}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Problem::new(format!("{said}{} doesn't compile.", job.project.name())));
    }
    component(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        Problem::new("cargo made no component: Cargo.toml needs\n\n    [lib]\n    crate-type = [\"cdylib\"]\n")
    })
}

/// Asks rustup for the target if the toolchain that the project chose lacks it.
fn need_target(dir: &Path, quiet: bool) -> Result<(), Problem> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir);
    if Path::new(&tool::ask(&mut rustc, INSTALL)?).is_dir() {
        return Ok(());
    }
    let by_hand = format!(
        "The target {TARGET} is missing and could not be added. Run: rustup target add {TARGET}"
    );
    let mut rustup = Command::new("rustup");
    tool::run(rustup.args(["target", "add", TARGET]).current_dir(dir), quiet, &by_hand, &by_hand)
}

/// The last artifact that is a `.wasm`: dependencies are compiled before what needs them.
fn component(messages: &str) -> Option<PathBuf> {
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let files = artifacts.filter(|message| message["reason"] == "compiler-artifact");
    let names =
        files.flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default());
    let mut names = names.filter_map(|name| name.as_str().map(PathBuf::from));
    names.rfind(|name| name.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_the_last_wasm_among_the_artifacts() {
        let messages = r#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"]}
not JSON
{"reason":"compiler-artifact","filenames":["/t/my_plugin.wasm","/t/libmy_plugin.rlib"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(component(messages), Some(PathBuf::from("/t/my_plugin.wasm")));
        assert_eq!(
            component(r#"{"reason":"compiler-artifact","filenames":["/t/liba.rlib"]}"#),
            None
        );
    }
}
