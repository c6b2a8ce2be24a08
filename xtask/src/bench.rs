//! Starts the benchmark: a package of its own, so that the other commands don't wait for its dependencies.

use anyhow::Result;

use crate::repository::{cargo, run as run_command, target_dir};

/// Compiles the binary as it is shipped, and the benchmark, and runs it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    run_command(cargo().args(["build", "--release", "--locked", "--package", "arete", "--package", "bench"]))?;
    let release = target_dir()?.join("release");
    let mut bench = crate::repository::program(release.join("bench"));
    run_command(bench.arg("--arete").arg(release.join("arete")).args(args))
}
