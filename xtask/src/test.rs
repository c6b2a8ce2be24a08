//! All tests of both workspaces by one command, and how many there were.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::repository::{cargo, guests, shown};

/// Runs them all, even when some fail: one run shows every failure.
pub(crate) fn run() -> Result<()> {
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for command in [cargo().args(["test", "--workspace"]), &mut guests("test")?] {
        command.args(["--locked", "--no-fail-fast"]);
        if !counted(command, &mut counts)? {
            failed.push(shown(command));
        }
    }
    println!("\n{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    ensure!(counts.passed > 0, "no test ran");
    Ok(())
}

/// Runs a command, passing on what it prints; says whether it succeeded.
fn counted(command: &mut Command, counts: &mut Counts) -> Result<bool> {
    println!("$ {}", shown(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} can't be run", shown(command)))?;
    let output = child.stdout.take().context("its standard output is a pipe")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    Ok(child.wait()?.success())
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Adds what a line says such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured;
    /// …`.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(Ok(number)), Some(what)) =
                (words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        counts.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s");
        assert_eq!(counts, Counts { passed: 4, failed: 2, skipped: 1 });
    }
}
