//! The conformance suite on the plugins of this repository: those of the Rust workspace that have cassettes. Those in other
//! languages need their language's tools; `cargo xtask plugins NAME` and `arete plugin test` do the same for one of them.

use std::fs;

use anyhow::{Error, Result, ensure};

use crate::repository::{cargo, root, run as run_command, target_dir};

/// Compiles them and runs the suite on each.
pub(crate) fn run() -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("plugins"))? {
        let folder = entry?.path();
        if folder.join("Cargo.toml").is_file() && folder.join("cassettes").is_dir() {
            names.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    ensure!(!names.is_empty(), "no plugin has cassettes");
    let selection: Vec<&str> = names.iter().flat_map(|name| ["--package", name]).collect();
    let built = guest_build::build_into(&target_dir()?.join("guests"), root(), &selection).map_err(Error::msg)?;
    for name in &names {
        let project = root().join("plugins").join(name);
        let mut test = cargo();
        test.args(["run", "--quiet", "--locked", "--package", "arete", "--", "plugin", "test"]);
        test.arg(built.join(format!("{name}.wasm"))).arg("--cassettes").arg(project.join("cassettes"));
        let provider = project.join("provider.toml");
        if provider.is_file() {
            test.arg("--provider").arg(provider);
        }
        run_command(&mut test)?;
    }
    Ok(())
}
