//! Compiles the misbehaving guests and writes their paths as constants.

use std::path::Path;
use std::{env, error, fs};

/// The fixture that is there to be without WASI. The others import it, as plugins of others do.
const BARE: &str = "bare";

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .ok_or("this is tests/artifacts of the repository")?;
    let examples =
        guest_build::build(root, guest_build::TARGET, &["--package", "fixtures", "--examples"]);
    let bare = guest_build::build(
        root,
        guest_build::BARE_TARGET,
        &["--package", "fixtures", "--example", BARE],
    );
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join("tests/fixtures/examples"))? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort_unstable();
    let mut constants = String::new();
    for name in &names {
        let folder = if name == BARE { &bare } else { &examples };
        let path = folder.join(format!("examples/{name}.wasm"));
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
