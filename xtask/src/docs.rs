//! Writes anew what documentation prints and code decides: the outputs of examples and the table of
//! settings. The tests that find them stale write them when they are asked to.

use anyhow::Result;

use crate::repository::{cargo, run as run_command};

/// Runs those tests with the request to write.
pub(crate) fn run() -> Result<()> {
    for target in [["--lib", "settings::"], ["--test=e2e", "docs::"]] {
        run_command(
            cargo()
                .args(["test", "--quiet", "--locked", "--package", "arete"])
                .args(target)
                .env("UPDATE_DOCS", "1"),
        )?;
    }
    println!("README.md and docs/ are current; `git diff` shows what has changed.");
    Ok(())
}
