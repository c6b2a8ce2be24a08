//! Compiles the bundled providers into the binary.

use std::path::Path;
use std::{env, error};

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the host is a folder of the repository")?;
    let folder = guest_build::build(root, &["--package", "claude", "--package", "echo"]);
    let mut bundled = String::new();
    for name in ["claude", "echo"] {
        let path = folder.join(format!("{name}.wasm"));
        let constant = name.to_uppercase();
        bundled += &format!("pub(super) const {constant}: &[u8] = include_bytes!({path:?});\n");
    }
    let out_dir = env::var("OUT_DIR")?;
    guest_build::write_if_changed(&Path::new(&out_dir).join("bundled.rs"), &bundled)?;
    Ok(())
}
