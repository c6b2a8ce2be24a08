//! JSON to be written: a tree that borrows what is large (texts, pictures, whole blocks of the
//! caller), so that a request of many megabytes is copied once, when it becomes the body.

use std::borrow::Cow;

use crate::json::{self, Mismatch, Object, Raw};

/// A JSON value to be written.
pub enum JsonOut<'a> {
    /// A string.
    Text(&'a str),
    /// A string in pieces, which are joined only when they are written.
    Joined(Vec<&'a str>),
    /// A whole number.
    Count(u32),
    /// A number. It has to be finite: JSON has no word for what isn't.
    Number(f64),
    /// A boolean.
    Flag(bool),
    /// A value that is JSON text already.
    Raw(Raw<'a>),
    /// An array.
    List(Vec<JsonOut<'a>>),
    /// An object.
    Object(ObjectWriter<'a>),
}

/// A JSON object to be written.
#[derive(Default)]
pub struct ObjectWriter<'a>(Vec<(Cow<'a, str>, JsonOut<'a>)>);

impl<'a> ObjectWriter<'a> {
    /// An object of the vendor's that says its type, as blocks and choices do.
    pub fn of_type(kind: &'a str) -> Self {
        Self::default().with("type", JsonOut::Text(kind))
    }

    /// Adds a field.
    pub fn with(mut self, key: impl Into<Cow<'a, str>>, value: JsonOut<'a>) -> Self {
        self.0.push((key.into(), value));
        self
    }

    /// Adds a field if there is a value for it.
    pub fn with_opt(self, key: &'a str, value: Option<JsonOut<'a>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Adds the fields of the contract's `extra`. One that is there already is refused rather than
    /// overruled: either value could be the one that was meant.
    ///
    /// # Errors
    /// When `extra` isn't an object, or sets a field that is there.
    pub fn with_extra(self, extra: Option<&'a str>) -> Result<JsonOut<'a>, Mismatch> {
        let Some(extra) = extra else { return Ok(JsonOut::Object(self)) };
        let extra = Object::parse(extra).map_err(|mismatch| mismatch.within("extra"))?;
        self.merge(extra).map(JsonOut::Object).map_err(|mismatch| mismatch.within("extra"))
    }

    /// Adds the fields of an object.
    ///
    /// # Errors
    /// When one of them is there already.
    pub fn merge(mut self, object: Object<'a>) -> Result<Self, Mismatch> {
        if let Some(key) = object.keys().find(|key| self.has(key)) {
            return Err(Mismatch::new(key, "is set by a field of its own already"));
        }
        for (key, value) in object {
            self = self.with(key, JsonOut::Raw(value));
        }
        Ok(self)
    }

    /// Returns true if a field of this name is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| name == key)
    }
}

impl JsonOut<'_> {
    /// Its JSON text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.room());
        self.write(&mut text);
        text
    }

    /// About how long its text is. Room that isn't used costs nothing; to move a text of megabytes
    /// because it became a little longer does.
    fn room(&self) -> usize {
        match self {
            Self::Text(text) => room(text),
            Self::Joined(pieces) => pieces.iter().map(|piece| room(piece)).sum(),
            Self::Count(_) | Self::Number(_) | Self::Flag(_) => AROUND,
            Self::Raw(raw) => raw.get().len(),
            Self::List(list) => {
                AROUND + list.iter().map(|value| value.room() + AROUND).sum::<usize>()
            }
            Self::Object(fields) => fields.room(),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => write_string(out, [*text]),
            Self::Joined(pieces) => write_string(out, pieces.iter().copied()),
            Self::Count(count) => out.push_str(&json::text(count)),
            Self::Number(number) => out.push_str(&json::text(number)),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Raw(raw) => out.push_str(raw.get()),
            Self::List(list) => {
                out.push('[');
                for (index, value) in list.iter().enumerate() {
                    if index != 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => fields.write(out),
        }
    }
}

impl ObjectWriter<'_> {
    /// Its JSON text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.room());
        self.write(&mut text);
        text
    }

    fn room(&self) -> usize {
        AROUND + self.0.iter().map(|(key, value)| room(key) + value.room()).sum::<usize>()
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (index, (key, value)) in self.0.iter().enumerate() {
            if index != 0 {
                out.push(',');
            }
            write_string(out, [&**key]);
            out.push(':');
            value.write(out);
        }
        out.push('}');
    }
}

/// Room for a short value, or for what stands around a longer one.
const AROUND: usize = 16;

/// Room for a string. Prose needs an escape for some two letters of a hundred, programs for six.
fn room(text: &str) -> usize {
    text.len() + text.len() / 8 + AROUND
}

fn write_string<'a>(out: &mut String, pieces: impl IntoIterator<Item = &'a str>) {
    out.push('"');
    for piece in pieces {
        write_escaped(out, piece);
    }
    out.push('"');
}

fn write_escaped(out: &mut String, mut text: &str) {
    loop {
        let (plain, rest) = text.split_at(plain(text.as_bytes()));
        out.push_str(plain);
        let Some(&letter) = rest.as_bytes().first() else { return };
        match letter {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                let digit = |four: u8| char::from(b"0123456789abcdef"[usize::from(four & 15)]);
                out.push_str("\\u00");
                out.extend([digit(letter >> 4), digit(letter)]);
            }
        }
        text = &rest[1..];
    }
}

/// Returns the number of bytes at the beginning of a string that stand in JSON as they are. Looks
/// at eight at once, because a question may be long: letter by letter took most of the time that a
/// provider spent on one.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    const TOPS: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte that is smaller than what is taken from it borrows, which sets its top bit; those
        // that had theirs set are no ASCII. What is borrowed may touch bytes behind the
        // first that is found, and only those.
        let control = word.wrapping_sub(ONES * 0x20);
        let quote = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let found = (control | quote | backslash) & !word & TOPS;
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    bytes.len() - rest.len() + rest.iter().position(escaped).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_letter_is_written_as_json_has_it_wherever_it_stands() {
        for letter in (0..=0x7f).map(char::from).chain(['\u{80}', 'ü', '\u{2028}', '€', '𝄞'])
        {
            for before in 0..=17 {
                let text = format!("{}{letter}{letter}and so on", "a".repeat(before));
                assert_eq!(JsonOut::Text(&text).text(), json::text(&text));
            }
        }
    }

    #[test]
    fn a_tree_is_written_in_order() {
        let raw = json::raw(&"r");
        let fields = ObjectWriter::of_type("t")
            .with("a\"b", JsonOut::List(vec![]))
            .with(
                "list",
                JsonOut::List(vec![
                    JsonOut::Count(4_294_967_295),
                    JsonOut::Number(0.5),
                    JsonOut::Number(-2.0),
                ]),
            )
            .with("joined", JsonOut::Joined(vec!["a\n", "", "b"]))
            .with_opt("none", None)
            .with("empty", JsonOut::Object(ObjectWriter::default()))
            .with("raw", JsonOut::Raw(raw))
            .with("flags", JsonOut::List(vec![JsonOut::Flag(true), JsonOut::Flag(false)]));
        assert_eq!(
            fields.text(),
            r#"{"type":"t","a\"b":[],"list":[4294967295,0.5,-2.0],"joined":"a\nb","empty":{},"raw":"r","flags":[true,false]}"#
        );
    }

    proptest! {
        #[test]
        fn strings_are_written_as_json_has_them(text in any::<String>(), ascii in "[ -~\n]{0,80}") {
            for text in [text, ascii] {
                prop_assert_eq!(JsonOut::Text(&text).text(), json::text(&text));
            }
        }
    }
}
