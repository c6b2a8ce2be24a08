//! The terminal: what commands print, and the status for input that is wrong.
//!
//! A reader that has left, such as `head`, wants no more, and that is no failure of the command.

use std::io::{self, ErrorKind, Write};

/// `EX_USAGE` of sysexits.h: the operator's input is wrong, so a restart won't help.
pub const EX_USAGE: u8 = 64;

/// Prints what a command was asked for.
pub(super) fn say(text: &str) {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            complain(&format!("The output can't be written: {error}."));
        }
        _ => {}
    }
}

/// Tells whoever is at the terminal. What can't be told there can't be told anywhere.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
