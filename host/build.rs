//! Compiles the bundled providers into the binary.

#![allow(clippy::print_stdout, reason = "build scripts speak to cargo on standard output")]

use std::path::Path;
use std::process::Command;
use std::{env, error};

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("the host is a folder of the repository")?;
    let selection = guest_build::BUNDLED.map(|name| ["--package", name]).concat();
    let folder = guest_build::build(root, guest_build::BARE_TARGET, &selection);
    let mut bundled = format!(
        "pub(super) const COMPONENTS: [(&str, &[u8]); {}] = [\n",
        guest_build::BUNDLED.len()
    );
    for name in guest_build::BUNDLED {
        let path = folder.join(format!("{name}.wasm"));
        bundled += &format!("    ({name:?}, include_bytes!({path:?})),\n");
    }
    bundled += "];\n";
    let out_dir = env::var("OUT_DIR")?;
    guest_build::write_if_changed(&Path::new(&out_dir).join("bundled.rs"), &bundled)?;
    version(root);
    Ok(())
}

/// The version with the commit it was built from, where there is a repository to ask.
fn version(root: &Path) {
    let git =
        Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(root).output();
    let commit = git
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let commit = commit.map(|commit| format!(" ({})", commit.trim())).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=ARETE_VERSION={version}{commit}");
    println!("cargo::rerun-if-changed={}", root.join(".git/logs/HEAD").display());
}
