//! Writes where the engine's WASI lies: its WIT says what a guest is offered beside the contract.

use std::path::Path;
use std::process::Command;
use std::{env, error, fs};

use serde_json::Value;

fn main() -> Result<(), Box<dyn error::Error>> {
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .find(|package| package["name"] == "wasmtime-wasi")
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or("the workspace depends on wasmtime-wasi")?;
    let folder = Path::new(manifest).parent().ok_or("a manifest is in a folder")?;
    let constant = format!(
        "/// The WIT of the engine's WASI.\nconst WASI: &str = {:?};\n",
        folder.join("src/p2/wit")
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("wasi.rs"), constant)?;
    println(&format!("cargo::rerun-if-changed={manifest}"));
    println("cargo::rerun-if-changed=build.rs");
    Ok(())
}

#[allow(clippy::print_stdout, reason = "build scripts speak to cargo on standard output")]
fn println(line: &str) {
    println!("{line}");
}
