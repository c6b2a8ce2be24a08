//! Who may know what. A boundary that only a document holds is gone within a year.

use std::path::{Component, Path, PathBuf};

use super::File;

/// A word that only some places of the host may use.
struct Boundary {
    names: fn(&str) -> bool,
    allowed: &'static [&'static str],
    what_to_do: &'static str,
}

const BOUNDARIES: &[Boundary] = &[
    Boundary {
        names: |line| line.contains("wasmtime"),
        allowed: &["host/src/plugin"],
        what_to_do: "only host/src/plugin knows the engine; say what you need there, in the contract's types",
    },
    Boundary {
        names: |line| line.contains("StatusCode"),
        allowed: &["host/src/error", "host/src/routes", "host/src/request_log", "host/src/openapi"],
        what_to_do: "statuses are for error.rs, routes and their description; return a Problem, whose code has its status",
    },
    Boundary {
        names: |line| line.contains("env::var"),
        allowed: &["host/src/config"],
        what_to_do: "the environment is read once, by host/src/config; take what you need from Config",
    },
];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        if file.is("rs") && file.within(&["host/src"]) {
            for boundary in BOUNDARIES.iter().filter(|boundary| !file.within(boundary.allowed)) {
                complaints.extend(file.complain(boundary.what_to_do, boundary.names));
            }
        }
        if file.path.ends_with("Cargo.toml") {
            let here = is_guest(Path::new(&file.path));
            let what_to_do =
                "host and plugins share wit/ and no Rust: neither may depend on the other's crates";
            complaints.extend(file.complain(what_to_do, |line| {
                dependency(&file.path, line).is_some_and(|there| is_guest(&there) != here)
            }));
        }
    }
    complaints
}

/// The folder that a line such as `name = { path = "folder" }` of a manifest depends on.
fn dependency(manifest: &str, line: &str) -> Option<PathBuf> {
    let (_, rest) = line.split_once("path = \"")?;
    let (path, _) = rest.split_once('"')?;
    let mut folder = Path::new(manifest).parent()?.to_owned();
    for component in Path::new(path).components() {
        match component {
            Component::ParentDir => drop(folder.pop()),
            other => folder.push(other),
        }
    }
    Some(folder)
}

fn is_guest(path: &Path) -> bool {
    path.starts_with("plugins") || path.starts_with("tests/fixtures")
}
