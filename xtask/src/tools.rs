//! Tools that cargo installs: pinned, and compiled into `target/tools` where the machine has no other.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::repository::{cargo, run, target_dir};

/// Returns a tool of this version: the one of `target/tools` or of the machine; else it is compiled
/// into `target/tools`, which takes minutes, once.
pub(crate) fn installed(name: &str, version: &str) -> Result<PathBuf> {
    let tools = target_dir()?.join("tools");
    let ours = tools.join("bin").join(name);
    for tool in [ours.clone(), name.into()] {
        let printed = Command::new(&tool).arg("--version").output();
        let words = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if words.is_ok_and(|words| words.split_whitespace().next_back() == Some(version)) {
            return Ok(tool);
        }
    }
    let exactly = format!("={version}");
    run(cargo()
        .args(["install", "--quiet", "--locked", name, "--version", &exactly, "--root"])
        .arg(&tools))?;
    Ok(ours)
}
