//! cargo-deny over both workspaces: licences, sources, duplicates and banned crates always;
//! advisories where their database can be fetched.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::repository::{GUESTS, HOST, program, run};
use crate::step::Outcome;
use crate::tools;

/// Its configuration, `deny.toml`, is of this version.
const VERSION: &str = "0.20.2";

/// Checks that need nothing but the lock files.
pub(crate) fn offline() -> Result<Outcome> {
    let tool = tool()?;
    run(over(&tool, HOST).args(["check", "bans", "licenses", "sources"]))?;
    // Exceptions are made for what is below wasmtime and the HTTP client, which guests don't have.
    let unused = ["--allow", "unmatched-skip", "--allow", "unmatched-skip-root"];
    run(over(&tool, GUESTS).arg("check").args(unused).args(["bans", "licenses", "sources"]))?;
    Ok(Outcome::Passed)
}

/// Known faults of what we depend on.
pub(crate) fn advisories() -> Result<Outcome> {
    let tool = tool()?;
    let mut fetch = over(&tool, HOST);
    let fetched = fetch.args(["fetch", "db"]).output().context("cargo-deny can't be run")?;
    if !fetched.status.success() {
        let words = String::from_utf8_lossy(&fetched.stderr);
        let reason = words
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or("it doesn't say why");
        return Ok(Outcome::NotRun(format!(
            "the advisory database can't be fetched from here: {reason}"
        )));
    }
    for manifest in [HOST, GUESTS] {
        run(over(&tool, manifest).args(["check", "--disable-fetch", "advisories"]))?;
    }
    Ok(Outcome::Passed)
}

fn over(tool: &PathBuf, manifest: &str) -> Command {
    let mut command = program(tool);
    command.args([
        "--manifest-path",
        manifest,
        "--config",
        "deny.toml",
        "--locked",
        "--all-features",
    ]);
    command
}

fn tool() -> Result<PathBuf> {
    tools::installed("cargo-deny", VERSION)
}
