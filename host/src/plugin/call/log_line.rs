//! A line of a guest's log, put together within a bound before anything else is done with it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::egress::{Redactor, Secrets};

/// The most bytes that are looked at to make a line: more than are written, because what is taken
/// out of a line makes it shorter.
const LOOKED_AT_MAX: usize = 16 << 10;

/// A line with its fields, as far as it is looked at.
#[derive(Default)]
pub(super) struct LogLine {
    text: String,
    cut: bool,
}

impl LogLine {
    /// Begins a line with its message.
    pub(super) fn new(message: &str) -> Self {
        let (text, cut) = start_of(message, LOOKED_AT_MAX);
        Self { text: text.to_owned(), cut }
    }

    /// Adds a field. Returns false if the line has no room for more.
    pub(super) fn field(&mut self, name: &str, value: &str) -> bool {
        let room = LOOKED_AT_MAX.saturating_sub(self.text.len());
        if self.cut || room == 0 {
            self.cut = true;
            return false;
        }
        let (name, name_cut) = start_of(name, room);
        let (value, value_cut) = start_of(value, room - name.len());
        self.text.push(' ');
        self.text.push_str(name);
        self.cut = name_cut;
        if name_cut {
            return false;
        }
        // A string takes every character; writing to it doesn't fail.
        let _ = write!(self.text, "={value:?}");
        if value_cut {
            // What is cut ends the line, so that half a secret at its end is known as such.
            self.text.pop();
            self.cut = true;
        }
        !self.cut
    }

    /// Returns the line without secrets. Where it was cut, half a secret at its end is left out.
    pub(super) fn redacted(&self, secrets: &Arc<Secrets>) -> String {
        if !self.cut {
            return secrets.redact(&self.text).into_owned();
        }
        let mut clean = Vec::with_capacity(self.text.len());
        let mut redactor = Redactor::new(secrets.clone());
        redactor.feed(self.text.as_bytes(), |bytes| clean.extend_from_slice(bytes));
        String::from_utf8_lossy(&clean).into_owned()
    }
}

/// Returns the start of a text, of at most this many bytes, and whether anything is missing.
pub(super) fn start_of(text: &str, most: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(most);
    (text.get(..end).unwrap_or_default(), end < text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_bounded_however_large_its_parts_are() {
        let huge = "\u{1}".repeat(1 << 20);
        let mut line = LogLine::new("message");
        assert!(line.field("small", "one"));
        assert!(!line.field("huge", &huge));
        assert!(!line.field("more", "two"));
        let text = line.redacted(&Arc::default());
        assert!(
            text.starts_with("message small=\"one\" huge=\"\\u{1}"),
            "{}",
            start_of(&text, 80).0
        );
        assert!(text.len() < 16 * LOOKED_AT_MAX, "{}", text.len());
        assert!(!text.contains("more"));
        assert!(LogLine::new(&huge).text.len() <= LOOKED_AT_MAX);
    }
}
