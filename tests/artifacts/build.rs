//! Compiles the misbehaving guests and writes their paths as constants.

use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("this is tests/artifacts of the repository")?;
    let folder = guest_build::build(root, &["--package", "fixtures", "--examples"]).join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("tests/fixtures/examples"))? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort_unstable();
    let mut constants = String::new();
    for name in &names {
        let path = folder.join(format!("{name}.wasm"));
        let constant = name.to_uppercase();
        constants += &format!(
            "/// The component of `tests/fixtures/examples/{name}.rs`.\npub const {constant}: &str = {path:?};\n"
        );
    }
    constants += &format!("/// The names of all of them.\npub const ALL: &[&str] = &{names:?};\n");
    let out_dir = env::var("OUT_DIR")?;
    guest_build::write_if_changed(&Path::new(&out_dir).join("artifacts.rs"), &constants)?;
    Ok(())
}
