//! Starts the benchmark: a package of its own, so that the other commands don't wait for its
//! dependencies.

use anyhow::Result;
use guest_build::{BARE_TARGET, BUNDLED, TARGET};

use crate::repository::{cargo, program, root, run as run_command, target_dir};

/// Compiles the binary as it is shipped, and the benchmark, and runs it.
pub(crate) fn run(args: &[String]) -> Result<()> {
    // One after the other: together they would get the features of both, and Arete isn't shipped
    // with the benchmark's.
    for package in ["arete", "arete-bench"] {
        run_command(cargo().args(["build", "--release", "--locked", "--package", package]))?;
    }
    let target = target_dir()?;
    let release = target.join("release");
    let selection = BUNDLED.map(|name| ["--package", name]).concat();
    let bundled = guest_build::build_into(&target.join("guests"), root(), BARE_TARGET, &selection)?;
    let fixtures = ["--package", "fixtures", "--examples"];
    let fixtures = guest_build::build_into(&target.join("guests"), root(), TARGET, &fixtures)?
        .join("examples");
    let mut bench = program(release.join("arete-bench"));
    // Plugins in other languages are measured where they are built; `cargo xtask plugins --all`
    // does that.
    bench.arg("--components").args([bundled, target.join("plugins"), fixtures]);
    // Another binary can be given, to compare two.
    if !args.iter().any(|arg| arg == "--arete") {
        bench.arg("--arete").arg(release.join("arete"));
    }
    run_command(bench.args(args))
}
