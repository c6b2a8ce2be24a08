//! Halves of surrogate pairs. JSON may escape a character beyond U+FFFF as two halves, and vendors
//! that cut their answers into pieces cut there too; no string of Rust can hold a half.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::value::RawValue;

const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;
const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;
/// The length of an escaped half, `\ud83d`.
const ESCAPE: usize = 6;
/// The replacement character, escaped as long as a half.
const REPLACEMENT: &str = r"\ufffd";

/// A half without the other one: where its escape begins, and which half it is.
type LoneHalf = (usize, u16);

/// Returns JSON without lone halves: each becomes U+FFFD.
pub fn mended(json: &str) -> Cow<'_, str> {
    let lone = lone_halves(json);
    if lone.is_empty() { Cow::Borrowed(json) } else { Cow::Owned(replaced(json, &lone)) }
}

/// The pieces of a growing text, joined where a vendor has split a surrogate pair.
#[derive(Debug, Default)]
pub struct PairJoiner {
    /// The half that the last piece ended in.
    high: Option<u16>,
}

impl PairJoiner {
    /// Returns the text of the next piece, a JSON string; nothing if it is another value. A half at
    /// its end is held back for the next piece.
    pub fn add(&mut self, piece: &RawValue) -> Option<String> {
        let json = piece.get();
        let mut lone = lone_halves(json);
        // Nothing at all is no other piece.
        if lone.is_empty() && (self.high.is_none() || json == r#""""#) {
            return serde_json::from_str(json).ok();
        }
        // The opening quote stands before the first character of a string.
        let low = lone.first().filter(|(at, half)| *at == 1 && LOW.contains(half)).map(|it| it.1);
        let paired = self.high.zip(low);
        let held =
            lone.last().filter(|(at, half)| HIGH.contains(half) && at + ESCAPE + 1 == json.len());
        let held = held.map(|(_, half)| *half);

        let mut rest = json.to_owned();
        if held.is_some() {
            lone.pop();
            let end = rest.len().saturating_sub(ESCAPE + 1);
            rest.replace_range(end..end + ESCAPE, "");
        }
        let mut text: String = serde_json::from_str(&replaced(&rest, &lone)).ok()?;
        match (self.high, paired) {
            // The replacement of the low half gives way to the pair.
            (_, Some((high, low))) => {
                let pair = char::decode_utf16([high, low]).flatten();
                text.replace_range(
                    ..char::REPLACEMENT_CHARACTER.len_utf8(),
                    &String::from_iter(pair),
                );
            }
            (Some(_), None) => text.insert(0, char::REPLACEMENT_CHARACTER),
            (None, None) => {}
        }
        self.high = held;
        Some(text)
    }

    /// Returns what stands for a half that was held back, if there is one: no more pieces come.
    pub fn end(&mut self) -> Option<String> {
        self.high.take().map(|_| char::REPLACEMENT_CHARACTER.into())
    }

    /// Returns true if the last piece ended in a half.
    pub fn is_holding(&self) -> bool {
        self.high.is_some()
    }
}

fn lone_halves(json: &str) -> Vec<LoneHalf> {
    let mut lone = Vec::new();
    let mut open: Option<LoneHalf> = None;
    let mut at = 0;
    while let Some(offset) =
        json.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\'))
    {
        at += offset;
        let unit = unit(json, at);
        let before = open.take();
        match unit {
            Some(low) if LOW.contains(&low) => match before {
                Some((start, _)) if start + ESCAPE == at => {}
                _ => lone.extend(before.into_iter().chain([(at, low)])),
            },
            Some(high) if HIGH.contains(&high) => {
                lone.extend(before);
                open = Some((at, high));
            }
            _ => lone.extend(before),
        }
        // Other escapes have two characters.
        at += if unit.is_some() { ESCAPE } else { 2 };
    }
    lone.extend(open);
    lone
}

/// The number in an escape that begins here, if it is one by number.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

fn replaced(json: &str, lone: &[LoneHalf]) -> String {
    let mut json = json.to_owned();
    for (at, _) in lone {
        json.replace_range(*at..at + ESCAPE, REPLACEMENT);
    }
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn joined(pieces: &[&str]) -> Vec<String> {
        let mut joiner = PairJoiner::default();
        let mut texts: Vec<String> = pieces
            .iter()
            .map(|piece| joiner.add(serde_json::from_str(piece).unwrap()).unwrap())
            .collect();
        texts.extend(joiner.end());
        texts
    }

    #[test]
    fn a_lone_half_becomes_one_replacement_character_and_a_pair_stays() {
        for (json, text) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ude00a""#, "\u{fffd}a"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\n\ude00""#, "\u{fffd}\n\u{fffd}"),
            (r#""\ud83d \ude00""#, "\u{fffd} \u{fffd}"),
            (r#""\uD83D\uDE00""#, "😀"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\u00e4ü""#, "äü"),
        ] {
            assert_eq!(serde_json::from_str::<String>(&mended(json)).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn the_halves_of_neighbouring_pieces_are_joined() {
        assert_eq!(joined(&[r#""hi \ud83d""#, r#""\ude00 there""#]), ["hi ", "😀 there"]);
        assert_eq!(joined(&[r#""\ud83d""#, r#""\ude00""#]), ["", "😀"]);
        assert_eq!(
            joined(&[r#""a\ud83d""#, r#""\ude00\ud83d""#, r#""\ude01b""#]),
            ["a", "😀", "😁b"]
        );
    }

    #[test]
    fn a_half_that_finds_no_other_is_replaced() {
        assert_eq!(joined(&[r#""a\ud83d""#, r#""b""#]), ["a", "\u{fffd}b"]);
        assert_eq!(joined(&[r#""a\ud83d""#]), ["a", "\u{fffd}"]);
        assert_eq!(joined(&[r#""\ude00""#, r#""b""#]), ["\u{fffd}", "b"]);
        assert_eq!(joined(&[r#""\ud83d""#, r#""\ud83d""#, r#""\ude00""#]), ["", "\u{fffd}", "😀"]);
        assert_eq!(joined(&[r#""\ud83dx\ude00""#]), ["\u{fffd}x\u{fffd}"]);
        assert_eq!(joined(&[r#""a\ud83d""#, r#""""#]), ["a", "", "\u{fffd}"]);
        let mut joiner = PairJoiner::default();
        assert_eq!(joiner.add(serde_json::from_str("1").unwrap()), None);
        assert_eq!(joiner.add(serde_json::from_str("null").unwrap()), None);
    }

    proptest! {
        #[test]
        fn cut_anywhere_a_text_is_the_same(text in "[a-z😀𝄞\\\\\"\n]{0,12}", cuts in prop::collection::vec(0_usize..40, 0..4)) {
            // As a vendor writes it that escapes all it can, and cuts between any two halves.
            let units: Vec<u16> = text.encode_utf16().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(units.len())).collect();
            cuts.extend([0, units.len()]);
            cuts.sort_unstable();
            let pieces: Vec<String> = cuts
                .windows(2)
                .map(|cut| {
                    let escaped = units[cut[0]..cut[1]].iter().map(|unit| format!("\\u{unit:04x}"));
                    format!("\"{}\"", escaped.collect::<String>())
                })
                .collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(joined(&pieces).concat(), text);
        }

        #[test]
        fn any_string_can_be_read_once_it_is_mended(units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd700_u16..0xe100], 0..12)) {
            let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let text: String = serde_json::from_str(&mended(&format!("\"{json}\""))).unwrap();
            prop_assert_eq!(text, String::from_utf16_lossy(&units));
        }
    }
}
