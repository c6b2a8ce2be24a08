//! cargo-machete over both workspaces: dependencies that a manifest names and nothing uses.

use anyhow::Result;

use crate::repository::{program, run};
use crate::step::Outcome;
use crate::tools;

const VERSION: &str = "0.9.2";

/// The folders whose manifests are looked at. Templates and fixtures are made for other places.
const FOLDERS: [&str; 11] = [
    "conformance",
    "fuzz",
    "guest-build",
    "host",
    "mock-vendor",
    "plugin-kit",
    "plugins",
    "tests/artifacts",
    "tests/puppet",
    "vars",
    "xtask",
];

/// Fails on a dependency that nothing uses.
pub(crate) fn dependencies() -> Result<Outcome> {
    run(program(&tools::installed("cargo-machete", VERSION)?).args(FOLDERS))?;
    Ok(Outcome::Passed)
}
