//! Tasks that people would otherwise keep in their heads. `cargo xtask` lists it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

mod bench;
mod ci;
mod conformance;
mod deny;
mod docs;
mod fuzz;
mod plugins;
mod repository;
mod step;
mod test;
mod tidy;
mod tools;
mod unused;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

  ci [--keep-going] [--skip STEP]... [STEP]...
                  everything that has to hold before a change goes in, or these steps of it
  test            all tests, the plugins' included
  tidy            the rules that no compiler knows
  floors [--docs] the rooms of the host by floor, each above those that it depends on; --docs writes the table into
                  ARCHITECTURE.md
  docs            writes the printed outputs and the settings in README.md and docs/ anew
  conformance [--docs] [--release] [NAME]...
                  the conformance suite on all plugins or those named; --docs writes what they cost into docs/plugins.md,
                  --release runs them on the server as it is shipped
  fuzz [--seconds N] [--fixed] [TARGET]...
                  libFuzzer on all targets of fuzz/ or those named, each for a minute or N seconds; --fixed runs the same
                  cases each time, as ci does
  plugins [NAME...|--all]
                  compiles the bundled plugins, or those of plugins/ that are named, or all of them; prints path, size
                  and SHA-256
  bench [--quick] [--only CASE]... [--soak [LENGTH]] [--readme] [--help]
                  speed, beside the same mapping compiled natively, with what the targets say; --only measures some cases,
                  --soak a million requests and what memory does meanwhile, --readme writes the table of
                  docs/performance.md
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let done = match (command.as_str(), args.as_slice()) {
        ("ci", _) => ci::run(&args),
        ("test", []) => test::run(),
        ("tidy", []) => tidy::run(),
        ("floors", _) => tidy::floors(&args),
        ("docs", []) => docs::run(),
        ("conformance", _) => conformance::run(&args),
        ("fuzz", _) => fuzz::run(&args),
        ("plugins", _) => plugins::run(&args),
        ("bench", _) => bench::run(&args),
        ("" | "help" | "-h" | "--help", _) => {
            print!("{HELP}\nSteps of ci: {}\n", ci::names().join(", "));
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("xtask can't do `{command} {}`.\n\n{HELP}", args.join(" "));
            return ExitCode::from(64);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
