//! Plugins as files: the bundled ones, for operators who pin a component's hash or run one beside
//! the binary, and those in other languages, which no build of the server needs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use arete_plugin_kit::{Options, Project};
use guest_build::{BARE_TARGET, BUNDLED};
use sha2::{Digest, Sha256};

use crate::repository::{root, target_dir};

/// Compiles the plugins asked for, or the bundled ones, and prints what they are.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let names = match args.as_slice() {
        [] => return bundled(&BUNDLED),
        ["--all"] => all()?,
        names => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    names.iter().try_for_each(|name| show(&build(name)?))
}

/// Compiles one plugin; gives its component.
pub(crate) fn build(name: &str) -> Result<PathBuf> {
    if BUNDLED.contains(&name) {
        Ok(bundled_folder()?.join(format!("{name}.wasm")))
    } else {
        project(name)
    }
}

/// Returns the language that a plugin is written in.
pub(crate) fn language(name: &str) -> Result<String> {
    Ok(Project::open(&root().join("plugins").join(name))?.language().to_string())
}

/// Into the very bytes that are in the binary.
fn bundled(names: &[&str]) -> Result<()> {
    let folder = bundled_folder()?;
    names.iter().try_for_each(|name| show(&folder.join(format!("{name}.wasm"))))
}

fn bundled_folder() -> Result<PathBuf> {
    let selection = BUNDLED.map(|name| ["--package", name]).concat();
    let guests = target_dir()?.join("guests");
    Ok(guest_build::build_into(&guests, root(), BARE_TARGET, &selection)?)
}

fn project(name: &str) -> Result<PathBuf> {
    let target = target_dir()?;
    let options = Options {
        wit: None,
        out: target.join("plugins"),
        tools: target.join("tools"),
        quiet: false,
    };
    Ok(Project::open(&root().join("plugins").join(name))?.build(&options)?.component)
}

/// All folders of `plugins/` but the library that the Rust ones share.
pub(crate) fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("plugins"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "sdk" && Project::open(&root().join("plugins").join(&name)).is_ok() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn show(path: &Path) -> Result<()> {
    let component = fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    let hash: String =
        Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{}\n  {} KiB\n  sha256 {hash}", path.display(), component.len().div_ceil(1024));
    Ok(())
}
