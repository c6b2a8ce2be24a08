//! Compiles guests from a build script, so that `cargo run` and `cargo test` work on a fresh clone
//! and never use a stale component.
//!
//! Cargo in cargo needs three things: a target directory of its own (the outer cargo holds the lock
//! of the other one), the outer cargo's flags taken out of the environment, and the guests' sources
//! watched for changes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs, io};

/// The target of guests that want something of WASI: clocks, random numbers, standard error.
pub const TARGET: &str = "wasm32-wasip2";

/// The target of guests to whom the contract's own imports are enough: what isn't imported isn't
/// linked at each call.
pub const BARE_TARGET: &str = "wasm32-unknown-unknown";

/// A stack of 1 MiB, the data, and some 200 KiB, so that most calls never ask for more, which costs
/// two system calls.
const BARE_FLAGS: &str = "-Clink-arg=--initial-memory=1310720";

/// The components that are compiled into the binary, for [`BARE_TARGET`]: packages of the `plugins`
/// workspace.
pub const BUNDLED: [&str; 3] = ["claude", "echo", "openai"];

/// Compiles guests of the `plugins` workspace with `cargo build --target <target> <selection>`;
/// gives the folder their `.wasm` files are in.
///
/// `root` is the repository's folder. All callers share one target directory, so the guests'
/// dependencies are compiled once.
///
/// # Panics
/// When the guests don't compile, with what to do about it. A build script has no better way to say
/// so.
#[allow(clippy::panic, reason = "a build script speaks by failing")]
pub fn build(root: &Path, target: &str, selection: &[&str]) -> PathBuf {
    for folder in ["plugins", "wit", "tests/fixtures"] {
        watch(&root.join(folder));
    }
    build_into(&target_dir(), root, target, selection).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The same for callers that aren't build scripts, into this target directory.
///
/// # Errors
/// The reason why the guests don't compile, with what to do about it.
pub fn build_into(
    target_dir: &Path,
    root: &Path,
    target: &str,
    selection: &[&str],
) -> Result<PathBuf, BuildError> {
    let build = || {
        let mut cargo = cargo();
        cargo.arg("build").args(["--release", "--target", target, "--locked"]).args(selection);
        // Comes with Rust. For the other target it is the linker anyway; here it makes components
        // of core modules too.
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld");
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", BARE_FLAGS);
        cargo
            .arg("--manifest-path")
            .arg(root.join("plugins/Cargo.toml"))
            .arg("--target-dir")
            .arg(target_dir);
        cargo.output()
    };
    let mut output = build();
    if output
        .as_ref()
        .is_ok_and(|output| !output.status.success() && mentions_missing_target(&output.stderr))
    {
        let added = Command::new("rustup").args(["target", "add", target]).status();
        if added.is_ok_and(|status| status.success()) {
            output = build();
        }
    }
    match output {
        Ok(output) if output.status.success() => Ok(target_dir.join(target).join("release")),
        Ok(output) if mentions_missing_target(&output.stderr) => {
            Err(BuildError::NoTarget(target.to_owned()))
        }
        Ok(output) => {
            Err(BuildError::Compiler(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
        Err(error) => Err(BuildError::NoCargo(error)),
    }
}

/// The reason why the guests don't compile.
#[derive(Debug)]
pub enum BuildError {
    /// This target is missing and could not be added.
    NoTarget(String),
    /// The compiler refused them, with these words.
    Compiler(String),
    /// Cargo could not be run.
    NoCargo(io::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTarget(target) => write!(
                f,
                "The target {target} is missing and could not be added. Run:\n\n    rustup target add {target}\n"
            ),
            Self::Compiler(words) => write!(f, "The guests don't compile:\n{words}"),
            Self::NoCargo(error) => write!(f, "cargo could not be run: {error}"),
        }
    }
}

impl Error for BuildError {}

/// Writes a file only if that changes it, so that nothing is compiled again for nothing.
///
/// # Errors
/// When the file can't be written.
pub fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(path, text)
}

/// The cargo that runs this program, or the one on the path, without what an outer cargo sets for
/// its own target.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What the outer cargo sets for its own target doesn't fit the guests'.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_outer = text.starts_with("CARGO_")
            && !matches!(&*text, "CARGO_HOME" | "CARGO_NET_OFFLINE" | "CARGO_TERM_COLOR");
        if of_outer
            || matches!(
                &*text,
                "RUSTFLAGS" | "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTC" | "RUSTDOC"
            )
        {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// `target/guests`, beside the outer cargo's `target/debug` and `target/release`.
#[allow(
    clippy::expect_used,
    reason = "cargo sets OUT_DIR for every build script, four folders below its target"
)]
fn target_dir() -> PathBuf {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("build scripts have OUT_DIR"));
    out_dir
        .ancestors()
        .nth(4)
        .expect("OUT_DIR is <target>/<profile>/build/<package>/out")
        .join("guests")
}

fn mentions_missing_target(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.contains("can't find crate for `core`")
        || text.contains("can't find crate for `std`")
        || text.contains("E0463")
}

/// Folders of generated files that may lie among the sources: of an editor's own cargo, of npm, of
/// builds of other languages.
const MADE: [&str; 3] = ["target", "node_modules", "build"];

/// Watches sources, and nothing that is made from them.
fn watch(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if MADE.iter().all(|made| entry.file_name() != *made) {
                watch(&path);
            }
        } else {
            println(&path);
        }
    }
}

#[allow(clippy::print_stdout, reason = "build scripts speak to cargo on standard output")]
fn println(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}
