//! Everything that has to hold before a change goes in, step by step. What CI runs is what a person
//! runs.
//!
//! Warnings are errors here and only here: clippy and rustdoc get `-D warnings` for themselves, so
//! that flags and profile stay those of every other build and nothing is compiled twice.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use guest_build::TARGET;

use crate::repository::{GUESTS, cargo, guests, program, root, run as run_command, target_dir};
use crate::step::Outcome;
use crate::{conformance, deny, fuzz, test, tidy, unused};

type Step = (&'static str, fn() -> Result<Outcome>);

/// Quick ones first.
const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("tidy", || tidy::run().map(passed)),
    ("clippy", clippy),
    ("doc", doc),
    ("deny", deny::offline),
    ("advisories", deny::advisories),
    ("unused", unused::dependencies),
    ("openapi", openapi),
    ("clients", clients),
    ("conformance", || conformance::run(&[]).map(passed)),
    ("fuzz", fuzz::fixed),
    // Last, so that what one sees in the end is how many tests there were.
    ("test", || test::run().map(passed)),
];

/// The steps' names.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// Runs the steps asked for, or all; stops at the first that fails unless told to go on.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let plan = Plan::parse(args)?;
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in &plan.steps {
        println!("\n== {name} ==");
        let start = Instant::now();
        let outcome = step();
        let time = start.elapsed();
        lines.push(match &outcome {
            Ok(Outcome::Passed) => line(name, "passed", time, ""),
            Ok(Outcome::NotRun(reason)) => line(name, "NOT RUN", time, reason),
            Err(error) => line(name, "FAILED", time, &format!("{error:#}")),
        });
        println!("{}", lines.last().map_or("", String::as_str));
        if outcome.is_err() {
            failed.push(*name);
            if !plan.keep_going {
                break;
            }
        }
    }
    let left = plan.steps.len() - lines.len();
    println!("\n== summary ==\n{}", lines.join("\n"));
    append_times(&lines).context("the file of times can't be written")?;
    if left != 0 {
        println!("{left} more not reached; --keep-going runs them all the same");
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

/// Adds the lines to the file that `STEP_TIMES` names, if it is set: `.ci/run` shows one table of
/// all its steps at the end.
fn append_times(lines: &[String]) -> Result<()> {
    let Some(path) = std::env::var_os("STEP_TIMES") else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    lines.iter().try_for_each(|line| writeln!(file, "{line}")).map_err(Into::into)
}

fn line(name: &str, outcome: &str, time: Duration, more: &str) -> String {
    let line = format!("{name:<12}{outcome:<9}{:>5} s  {more}", time.as_secs());
    line.trim_end().to_owned()
}

struct Plan {
    steps: Vec<Step>,
    keep_going: bool,
}

impl Plan {
    fn parse(args: &[String]) -> Result<Self> {
        let mut keep_going = false;
        let (mut asked, mut skipped) = (Vec::new(), Vec::new());
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg {
                "--keep-going" => keep_going = true,
                "--skip" => skipped.push(args.next().unwrap_or_default()),
                name => asked.push(name),
            }
        }
        if let Some(unknown) = asked.iter().chain(&skipped).find(|name| !names().contains(name)) {
            bail!("there is no step {unknown:?}; there are: {}", names().join(", "));
        }
        let wanted =
            |name: &str| (asked.is_empty() || asked.contains(&name)) && !skipped.contains(&name);
        Ok(Self {
            steps: STEPS.iter().copied().filter(|(name, _)| wanted(name)).collect(),
            keep_going,
        })
    }
}

fn passed((): ()) -> Outcome {
    Outcome::Passed
}

fn fmt() -> Result<Outcome> {
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    run_command(cargo().args(["fmt", "--manifest-path", GUESTS, "--all", "--check"])).map(passed)
}

fn clippy() -> Result<Outcome> {
    let deny = ["--", "-D", "warnings"];
    run_command(cargo().args(["clippy", "--locked", "--workspace", "--all-targets"]).args(deny))?;
    // Guests twice: their tests are native, and what is written for components alone is seen only
    // there.
    run_command(guests("clippy")?.args(["--locked", "--all-targets"]).args(deny))?;
    run_command(
        guests("clippy")?
            .args(["--locked", "--lib", "--examples", "--release", "--target", TARGET])
            .args(deny),
    )
    .map(passed)
}

fn doc() -> Result<Outcome> {
    let what = ["--locked", "--no-deps", "--document-private-items"];
    for command in [cargo().args(["doc", "--workspace"]), &mut guests("doc")?] {
        run_command(command.args(what).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(Outcome::Passed)
}

/// The doors asked by the official libraries of OpenAI and Anthropic.
fn clients() -> Result<Outcome> {
    run_command(cargo().args(["test", "--quiet", "--locked", "--workspace", "--no-run"]))?;
    let script = root().join("tests/clients/run.py");
    run_command(program("python3").arg(script).arg(target_dir()?.join("debug/arete")))
        .context("needs python3 with venv; --skip clients leaves it out")
        .map(passed)
}

/// The API's description held against its answers, by clients that others wrote.
fn openapi() -> Result<Outcome> {
    // The binary that the tests have made, not one with other features.
    run_command(cargo().args(["test", "--quiet", "--locked", "--workspace", "--no-run"]))?;
    let script = root().join("tests/openapi/run.py");
    run_command(program("python3").arg(script).arg(target_dir()?.join("debug/arete")))
        .context("needs python3 with venv; --skip openapi leaves it out")
        .map(passed)
}
