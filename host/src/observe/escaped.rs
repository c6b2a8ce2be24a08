//! Text of others in lines of the log: it can't begin a line, move a terminal's cursor or turn the
//! order of letters around, and it has a bound.

use std::fmt::{self, Write};

/// The most bytes of one field in a line.
pub(super) const FIELD_MAX: usize = 64 << 10;

/// The most bytes of a text that isn't ours in a state, or in the line of a request.
const TEXT_MAX: usize = 2_000;

/// Returns a text, cut where it is too long for a state or the line of a request.
pub(crate) fn shortened(text: &str) -> String {
    let (shown, cut) = text.split_at(text.floor_char_boundary(TEXT_MAX));
    if cut.is_empty() { shown.to_owned() } else { format!("{shown}… ({} bytes more)", cut.len()) }
}

/// Returns true if a character is shown as an escape: controls (C0, DEL, C1), separators of lines,
/// and marks that change the direction of text or can't be seen.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns true if a text of UTF-8 may hold characters that are shown as escapes.
pub(super) fn is_suspect(text: &str) -> bool {
    text.bytes().any(|byte| !(0x20..0x7f).contains(&byte))
}

/// A writer that escapes what passes and stops at the bound.
pub(super) struct Escaping<W> {
    inner: W,
    left: usize,
    cut: usize,
}

impl<W: Write> Escaping<W> {
    /// Escapes what is written to `inner`.
    pub(super) fn new(inner: W) -> Self {
        Self { inner, left: FIELD_MAX, cut: 0 }
    }

    /// Says how much was left out, if anything was.
    pub(super) fn finish(mut self) -> fmt::Result {
        if self.cut == 0 { Ok(()) } else { write!(self.inner, "… ({} bytes more)", self.cut) }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut == 0 && text.len() <= self.left && !is_suspect(text) {
            self.left -= text.len();
            return self.inner.write_str(text);
        }
        for c in text.chars() {
            if 0 < self.cut || self.left < c.len_utf8() {
                self.cut += c.len_utf8();
                continue;
            }
            self.left -= c.len_utf8();
            match c {
                '\n' => self.inner.write_str("\\n")?,
                '\r' => self.inner.write_str("\\r")?,
                '\t' => self.inner.write_str("\\t")?,
                c if is_unsafe(c) => write!(self.inner, "\\u{{{:x}}}", u32::from(c))?,
                c => self.inner.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Writes a text within the quotes of JSON, with the same escapes in JSON's own form.
pub(super) fn json(out: &mut String, text: &str) {
    let end = text.floor_char_boundary(FIELD_MAX);
    let (shown, cut) = text.split_at(end);
    out.push('"');
    for c in shown.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            // All of them are in the basic plane: four digits do.
            c if is_unsafe(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    if !cut.is_empty() {
        let _ = write!(out, "… ({} bytes more)", cut.len());
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str = "a\nb\r\u{1b}[2J\u{85}\u{9b}\u{2028}\u{202e}\u{7f}\u{200b}ü";

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        let mut out = String::new();
        let mut escaping = Escaping::new(&mut out);
        escaping.write_str(FORGED).unwrap();
        escaping.finish().unwrap();
        assert_eq!(out, "a\\nb\\r\\u{1b}[2J\\u{85}\\u{9b}\\u{2028}\\u{202e}\\u{7f}\\u{200b}ü");
    }

    #[test]
    fn json_says_the_same_and_is_read_back() {
        let mut out = String::new();
        json(&mut out, FORGED);
        assert!(!out.chars().any(is_unsafe), "{out}");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), FORGED);
    }

    #[test]
    fn a_text_of_a_state_has_a_bound() {
        assert_eq!(shortened("short"), "short");
        let cut = shortened(&"x".repeat(9 << 20));
        assert!(cut.len() < TEXT_MAX + 40 && cut.ends_with("… (9435184 bytes more)"), "{cut}");
    }

    #[test]
    fn a_field_has_a_bound() {
        let long = "ü".repeat(FIELD_MAX);
        let mut out = String::new();
        let mut escaping = Escaping::new(&mut out);
        escaping.write_str(&long).unwrap();
        escaping.finish().unwrap();
        assert!(out.len() < FIELD_MAX + 40 && out.ends_with(" bytes more)"));
        out.clear();
        json(&mut out, &long);
        assert!(out.len() < FIELD_MAX + 40 && out.ends_with(" bytes more)\""));
    }
}
