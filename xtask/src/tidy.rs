//! The rules that no compiler knows. Each says in its failure what to do.
//!
//! A test runs them too, so `cargo test` is enough to hear of them.

mod architecture;
mod doc_grammar;
mod excerpts;
mod file;
mod files;
mod floors;
mod modules;
mod named_tests;
mod settings;

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use self::file::File;
use crate::repository::{program, root};

/// Checks every file that git knows or would take.
pub(crate) fn run() -> Result<()> {
    let files = load()?;
    let complaints = complaints(&files);
    println!("{}", doc_grammar::report(&files));
    if complaints.is_empty() {
        println!("{} files are tidy.", files.len());
        return Ok(());
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    bail!("{} places are untidy", complaints.len())
}

/// Prints the floors of the host as a table; with `--docs` writes it into the document.
pub(crate) fn floors(args: &[String]) -> Result<()> {
    let table = floors::table(&load()?)?;
    println!("{table}");
    if args.iter().any(|arg| arg == "--docs") {
        let path = root().join(floors::DOCS);
        let docs = fs::read_to_string(&path)?;
        let docs = floors::with_table(&docs, &table)
            .with_context(|| format!("{} has no markers for the table", floors::DOCS))?;
        fs::write(&path, docs)?;
    }
    Ok(())
}

fn complaints(files: &[File]) -> Vec<String> {
    [
        files::check(files),
        architecture::check(files),
        settings::check(files),
        excerpts::check(files),
        modules::check(files),
        floors::check(files),
        doc_grammar::check(files),
        named_tests::check(files),
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
            (
                file("SECURITY.md", "[`a_test`](host/src/config.rs)\n"),
                "SECURITY.md: names the test a_test, which isn't in host/src/config.rs",
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
