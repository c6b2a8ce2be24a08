//! The rules that no compiler knows. Each says in its failure what to do.
//!
//! A test runs them too, so `cargo test` is enough to hear of them.

mod architecture;
mod excerpts;
mod files;
mod settings;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::repository::{program, root};

/// One file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// Checks every file that git knows or would take.
pub(crate) fn run() -> Result<()> {
    let files = load()?;
    let complaints = complaints(&files);
    if complaints.is_empty() {
        println!("{} files are tidy.", files.len());
        return Ok(());
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    bail!("{} places are untidy", complaints.len())
}

fn complaints(files: &[File]) -> Vec<String> {
    [
        files::check(files),
        architecture::check(files),
        settings::check(files),
        excerpts::check(files),
    ]
    .concat()
}

fn load() -> Result<Vec<File>> {
    // Git refuses repositories of other users, as a container's often is; only names are asked for.
    let args =
        ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = program("git")
        .args(args)
        .output()
        .context("git, which knows the project's files, can't be run")?;
    ensure!(
        listed.status.success(),
        "git can't list the files: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let mut files = Vec::new();
    for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        // Gone from the disk but not yet from the index; or no text.
        if let Ok(text) = fs::read_to_string(root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|own| own == extension)
    }

    /// Whether it is one of these files, or in one of these folders, or a part of one of these
    /// modules: `host/src/a` is `host/src/a.rs` and all of `host/src/a/`.
    fn within(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path
                .strip_prefix(place)
                .is_some_and(|rest| matches!(rest, "" | ".rs") || rest.starts_with('/'))
        })
    }

    /// The lines that fail, as `path:line: what to do`.
    fn complain(&self, what: &str, fails: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self.text.lines().enumerate().filter(|(_, line)| fails(line));
        lines.map(|(index, _)| format!("{}:{}: {what}", self.path, index + 1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let complaints = complaints(&load().unwrap());
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }

    #[test]
    fn each_rule_finds_its_fault() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let example = || file(".env.example", "PORT=3000\n");
        let config = || file("host/src/config.rs", "//! x\nvars.get(\"PORT\")\n");
        for (fault, complaint) in [
            (file("host/src/a.rs", "fn a() {}\n"), "host/src/a.rs:1: begin with `//!`"),
            (file("a.md", "a \n"), "a.md:1: trailing white space"),
            (file("a.md", "a"), "a.md: end the last line"),
            (file("a.md", "see [b](docs/b.md#c)\n"), "a.md: links to docs/b.md, which isn't there"),
            (
                file("host/src/llm.rs", "//! x\nuse wasmtime::Engine;\n"),
                "host/src/llm.rs:2: only host/src/plugin",
            ),
            (
                file("host/src/llm.rs", "//! x\nuse http::StatusCode;\n"),
                "host/src/llm.rs:2: statuses",
            ),
            (
                file("host/src/llm.rs", "//! x\nenv::var(\"A\")\n"),
                "host/src/llm.rs:2: the environment is read",
            ),
            (
                file("host/Cargo.toml", "claude = { path = \"../plugins/claude\" }\n"),
                "host/Cargo.toml:1: host and",
            ),
            (
                file("plugins/a/Cargo.toml", "arete = { path = \"../../host\" }\n"),
                "plugins/a/Cargo.toml:1: host and",
            ),
            (
                file("host/src/config.rs", "//! x\n\"PORT\" \"HOST\"\n"),
                ".env.example: says nothing of HOST",
            ),
            (
                file("a.md", "<!-- from b.rs -->\n\n```rust\nx\n```\n"),
                "a.md: excerpt 1 isn't in b.rs",
            ),
            (file(".env.example", "PORT=3000\n# NAME=x\n"), ".env.example: has NAME, which"),
        ] {
            let mut files = vec![example(), config()];
            files.retain(|file| file.path != fault.path);
            files.push(fault);
            let complaints = complaints(&files);
            assert!(
                complaints.iter().any(|found| found.starts_with(complaint)),
                "{complaint}: {complaints:?}"
            );
        }
    }
}
