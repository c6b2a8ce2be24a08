//! Running other programs. What they say goes through as it is, to standard error: standard output
//! belongs to whoever called.

use std::io::{self, ErrorKind};
use std::process::{Command, Output, Stdio};

use crate::Problem;

/// Runs a program to its end. `missing` and `failed` are the sentences for when it isn't there and
/// when it fails.
pub(super) fn run(
    command: &mut Command,
    quiet: bool,
    missing: &str,
    failed: &str,
) -> Result<(), Problem> {
    command.stdin(Stdio::null());
    if quiet {
        let output = start(command, missing, Command::output)?;
        return if output.status.success() {
            Ok(())
        } else {
            Err(Problem::new(format!("{}{failed}", said(&output))))
        };
    }
    let status =
        start(command.stdout(io::stderr()).stderr(Stdio::inherit()), missing, Command::status)?;
    if status.success() { Ok(()) } else { Err(Problem::new(failed)) }
}

/// Returns the standard output of a program, trimmed.
pub(super) fn ask(command: &mut Command, missing: &str) -> Result<String, Problem> {
    let output = start(command.stdin(Stdio::null()), missing, Command::output)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Problem::new(format!("{}{} failed. {missing}", said(&output), name(command))))
}

/// Refuses a program that is older than this release, by what it prints when it is asked for its
/// version.
pub(super) fn need(command: &mut Command, least: [u32; 2], missing: &str) -> Result<(), Problem> {
    let printed = ask(command.arg("--version"), missing)?;
    let least_text = least.map(|number| number.to_string()).join(".");
    match release(&printed) {
        Some(found) if least <= found => Ok(()),
        _ => Err(Problem::new(format!(
            "{} is too old: it says `{printed}`, and {least_text} is the least. {missing}",
            name(command)
        ))),
    }
}

/// The first two numbers of the first word that begins with a number, or with `v` and a number.
fn release(printed: &str) -> Option<[u32; 2]> {
    printed.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.').map(|number| number.parse().ok());
        Some([numbers.next()??, numbers.next()??])
    })
}

fn start<T>(
    command: &mut Command,
    missing: &str,
    how: impl FnOnce(&mut Command) -> io::Result<T>,
) -> Result<T, Problem> {
    how(command).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Problem::new(format!("{} isn't there. {missing}", name(command))),
        _ => Problem::new(format!("{} can't be run: {error}. {missing}", name(command))),
    })
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_tools_print_them() {
        for (printed, found) in [
            ("v20.20.2", Some([20, 20])),
            ("11.19.1", Some([11, 19])),
            ("Python 3.12.1", Some([3, 12])),
            ("cargo 1.95.0 (abc 2026-01-01)", Some([1, 95])),
            ("none", None),
        ] {
            assert_eq!(release(printed), found, "{printed}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_what_to_do() {
        let says = run(&mut Command::new("no-such-program"), false, "Install it.", "")
            .unwrap_err()
            .to_string();
        assert_eq!(says, "no-such-program isn't there. Install it.");
    }

    #[cfg(unix)]
    #[test]
    fn what_fails_quietly_tells_why_in_the_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 1"]);
        let says = run(&mut command, true, "", "It failed.").unwrap_err().to_string();
        assert_eq!(says, "out\nerr\nIt failed.");
        assert_eq!(
            run(&mut command, false, "", "It failed.").unwrap_err().to_string(),
            "It failed."
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_is_too_old_is_refused() {
        let mut old = Command::new("sh");
        old.args(["-c", "echo v18.19.1"]);
        let says = need(&mut old, [20, 19], "Install Node.js.").unwrap_err().to_string();
        assert_eq!(
            says,
            "sh is too old: it says `v18.19.1`, and 20.19 is the least. Install Node.js."
        );
        let mut new = Command::new("sh");
        new.args(["-c", "echo v22.1.0"]);
        assert!(need(&mut new, [20, 19], "").is_ok());
    }
}
