//! The terminal: what commands print, and the status for input that is wrong.

/// `EX_USAGE` of sysexits.h: the operator's input is wrong, so a restart won't help.
pub const EX_USAGE: u8 = 64;

/// Prints what a command was asked for.
#[allow(clippy::print_stdout, reason = "what a command is asked for goes to standard output")]
pub(super) fn say(text: &str) {
    println!("{text}");
}
