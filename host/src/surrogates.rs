//! Halves of surrogate pairs in JSON that is passed on as text. JSON can escape a character beyond
//! U+FFFF as two halves, and models and vendors leave one of them alone. Few parsers take that: a
//! string of Rust, Go or C# can't hold it, and one of Python can't be written as UTF-8. So the
//! replacement character stands where a half lacks the other one, as in texts.

use std::borrow::Cow;
use std::ops::RangeInclusive;

const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;
const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;
/// The length of an escaped half, `\ud83d`.
const ESCAPE: usize = 6;
/// The replacement character, escaped as long as a half.
const REPLACEMENT: &str = r"\ufffd";

/// Returns JSON in which the replacement character stands for each half without the other one.
/// All else stays as it is written, and so does the length.
pub(crate) fn mended(json: &str) -> Cow<'_, str> {
    // Most JSON has no escapes.
    if !json.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(json);
    }
    let Halves { mut lone, open, .. } = Halves::find(json);
    lone.extend(open);
    if lone.is_empty() { Cow::Borrowed(json) } else { Cow::Owned(replaced(json.to_owned(), &lone)) }
}

/// The pieces of a growing JSON text, which may be cut anywhere, mended like the whole.
#[derive(Debug, Default)]
pub(crate) struct MendedPieces {
    /// The end of the last piece: a half, or the beginning of an escape, whose rest is to come.
    held: String,
}

impl MendedPieces {
    /// Returns the next piece. What the piece after it may still change is held back.
    pub(crate) fn add(&mut self, piece: String) -> String {
        if self.held.is_empty() && !piece.as_bytes().contains(&b'\\') {
            return piece;
        }
        let mut text = std::mem::take(&mut self.held);
        text.push_str(&piece);
        let Halves { lone, open, decided } = Halves::find(&text);
        self.held = text.split_off(open.unwrap_or(decided));
        replaced(text, &lone)
    }

    /// Returns true if something is held back.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Returns what is held back, if anything is: no more pieces come.
    pub(crate) fn end(self) -> Option<String> {
        self.is_holding().then(|| mended(&self.held).into_owned())
    }
}

/// The places of a text's halves that lack the other one.
#[derive(Debug, Default)]
struct Halves {
    /// The beginning of each.
    lone: Vec<usize>,
    /// The beginning of a first half that ends the text, or that only the beginning of an escape
    /// follows.
    open: Option<usize>,
    /// The length of the text without the beginning of an escape at its end.
    decided: usize,
}

impl Halves {
    fn find(json: &str) -> Self {
        let mut halves = Self::default();
        let mut at = 0;
        while let Some(offset) =
            json.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
        {
            at += offset;
            // A half is followed by the other one or by none.
            if halves.open.is_some_and(|open| open + ESCAPE != at) {
                halves.lone.extend(halves.open.take());
            }
            let escape = Escape::read(json.as_bytes().get(at..).unwrap_or_default());
            match escape {
                Escape::Begun => {
                    halves.decided = at;
                    return halves;
                }
                Escape::Unit(low) if LOW.contains(&low) => {
                    if halves.open.take().is_none() {
                        halves.lone.push(at);
                    }
                }
                Escape::Unit(high) if HIGH.contains(&high) => {
                    halves.lone.extend(halves.open.replace(at));
                }
                Escape::Unit(_) | Escape::Other => halves.lone.extend(halves.open.take()),
            }
            at += escape.length();
        }
        if halves.open.is_some_and(|open| open + ESCAPE != json.len()) {
            halves.lone.extend(halves.open.take());
        }
        halves.decided = json.len();
        halves
    }
}

/// The escape at the beginning of a text.
enum Escape {
    /// It isn't whole.
    Begun,
    /// A UTF-16 unit by its number.
    Unit(u16),
    /// Any other, of two characters.
    Other,
}

impl Escape {
    fn read(text: &[u8]) -> Self {
        let Some([_, b'u']) = text.get(..2) else {
            return if text.len() < 2 { Self::Begun } else { Self::Other };
        };
        let digits = text.get(2..text.len().min(ESCAPE)).unwrap_or_default();
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Self::Other;
        }
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == ESCAPE - 2);
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => Self::Unit(unit),
            None => Self::Begun,
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Begun | Self::Unit(_) => ESCAPE,
            Self::Other => 2,
        }
    }
}

fn replaced(mut json: String, lone: &[usize]) -> String {
    for at in lone {
        json.replace_range(*at..at + ESCAPE, REPLACEMENT);
    }
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_lone_half_becomes_the_replacement_character_and_a_pair_stays() {
        for (json, expected) in [
            (r#"{"a":"a\ud83d"}"#, r#"{"a":"a\ufffd"}"#),
            (r#"{"\ude00a":1}"#, r#"{"\ufffda":1}"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\ude00\ud83d"]"#, r#"["\ufffd\ufffd"]"#),
            (r#"["\ud83d","\ude00"]"#, r#"["\ufffd","\ufffd"]"#),
            (r#"["\ud83d\n\ude00"]"#, r#"["\ufffd\n\ufffd"]"#),
            (r#"["\uD83D\uDE00", 1.10]"#, r#"["\uD83D\uDE00", 1.10]"#),
            (r#"["\\ud83d", "\\\ud83d"]"#, r#"["\\ud83d", "\\\ufffd"]"#),
            (r#"["\u00e4ü\"\/"]"#, r#"["\u00e4ü\"\/"]"#),
        ] {
            assert_eq!(mended(json), expected);
        }
    }

    fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
        let mut mended = MendedPieces::default();
        let mut text: String =
            pieces.into_iter().map(|piece| mended.add(piece.to_owned())).collect();
        text.extend(mended.end());
        text
    }

    #[test]
    fn what_the_next_piece_can_change_is_held_back_and_nothing_more() {
        let mut pieces = MendedPieces::default();
        for (piece, expected) in [
            (r#"{"a":"b"#, r#"{"a":"b"#),
            (r"\ud83d", ""),
            (r"\ude0", ""),
            (r"0c\", r"\ud83d\ude00c"),
            ("n", r"\n"),
            (r"\ud83d", ""),
            (r#"""#, r#"\ufffd""#),
            ("}", "}"),
        ] {
            assert_eq!(pieces.add(piece.to_owned()), expected, "{piece}");
        }
        assert_eq!(pieces.end(), None);
    }

    #[test]
    fn arguments_that_break_off_keep_what_came() {
        for (text, expected) in [
            (r#"{"a":"b\"#, r#"{"a":"b\"#),
            (r#"{"a":"b\ud8"#, r#"{"a":"b\ud8"#),
            (r#"{"a":"b\ud83d"#, r#"{"a":"b\ufffd"#),
            (r#"{"a":"b\ud83d\ude"#, r#"{"a":"b\ufffd\ude"#),
            (r#"{"a":"b\ux"#, r#"{"a":"b\ux"#),
        ] {
            assert_eq!(in_pieces([text]), expected);
            assert_eq!(mended(text), expected);
        }
    }

    proptest! {
        #[test]
        fn cut_anywhere_the_whole_is_the_same(
            parts in prop::collection::vec(
                prop::sample::select(vec![r"\ud83d", r"\ude00", r"\u00e4", r"\n", r"\\", r#"\""#, "u", "d", "ü", "\\"]),
                0..12,
            ),
            cuts in prop::collection::vec(0_usize..80, 0..6),
        ) {
            let json = parts.concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| json.floor_char_boundary(cut)).collect();
            cuts.extend([0, json.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &json[cut[0]..cut[1]]);
            prop_assert_eq!(in_pieces(pieces), mended(&json));
        }

        #[test]
        fn every_string_can_be_read_once_it_is_mended(
            units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd700_u16..0xe100], 0..12),
        ) {
            let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text: String = serde_json::from_str(&mended(&format!("\"{json}\""))).unwrap();
            prop_assert_eq!(text, String::from_utf16_lossy(&units));
        }
    }
}
