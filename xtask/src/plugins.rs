//! The bundled plugins as files: for operators who pin a component's hash or run one beside the binary.

use std::fs;

use anyhow::{Context, Error, Result};
use guest_build::BUNDLED;
use sha2::{Digest, Sha256};

use crate::repository::{root, target_dir};

/// Compiles them, into the very bytes that are in the binary, and prints what they are.
pub(crate) fn run() -> Result<()> {
    let selection = BUNDLED.map(|name| ["--package", name]).concat();
    let folder = guest_build::build_into(&target_dir()?.join("guests"), root(), &selection).map_err(Error::msg)?;
    for name in BUNDLED {
        let path = folder.join(format!("{name}.wasm"));
        let component = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
        let hash: String = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{}\n  {} KiB\n  sha256 {hash}", path.display(), component.len().div_ceil(1024));
    }
    Ok(())
}
