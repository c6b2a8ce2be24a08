//! The server's executable and the tools for authors find each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn beside_the_tools() -> PathBuf {
    let name = format!("arete{}", std::env::consts::EXE_SUFFIX);
    Path::new(env!("CARGO_BIN_EXE_arete-plugin")).with_file_name(name)
}

/// Runs a command that finds nothing on the PATH.
fn run(program: &Path, args: &[&str]) -> Output {
    Command::new(program).args(args).env_clear().env("PATH", "").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn all_commands_are_listed_and_each_tells_its_own_options() {
    let help = run(&beside_the_tools(), &["plugin", "--help"]);
    let help = text(&help.stdout);
    for command in ["check", "list", "test", "new", "build", "dev"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{help}");
    }
    let help = run(&beside_the_tools(), &["plugin", "test", "--help"]);
    let help = text(&help.stdout);
    assert!(help.contains("Usage: arete plugin test") && help.contains("--record"), "{help}");
}

#[test]
fn without_the_tools_it_is_told_what_to_install() {
    let alone = TempDir::new().unwrap();
    let arete = alone.path().join("arete");
    if fs::hard_link(beside_the_tools(), &arete).is_err() {
        fs::copy(beside_the_tools(), &arete).unwrap();
    }
    let ended = run(&arete, &["plugin", "test", "x.wasm"]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(127), "{said}");
    assert!(said.contains("needs the executable arete-plugin"), "{said}");
    assert!(said.contains("cargo build --package arete-plugin-kit"), "{said}");
}
