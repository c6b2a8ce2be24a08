//! JSON may escape a character beyond U+FFFF as two halves, and vendors that cut their answers into pieces cut there too.
//! No string can hold a half: here they are joined, or replaced by U+FFFD.

/// JSON with the halves at the edges of its text taken out, and all other lone halves replaced.
pub struct Piece {
    pub json: String,
    /// The second half of a character that begins the text.
    first: Option<u16>,
    /// The first half of a character that ends it.
    last: Option<u16>,
}

impl Piece {
    pub fn new(json: &str) -> Self {
        let mut piece = Self { json: json.into(), first: None, last: None };
        // From the back, so that what is left of a place stays where it is.
        for (at, half) in lone_halves(json).into_iter().rev() {
            let (end, second) = (at + 6, half >= 0xDC00);
            let new = if second && json[..at].ends_with('"') {
                piece.first = Some(half);
                ""
            } else if !second && json[end..].starts_with('"') {
                piece.last = Some(half);
                ""
            } else {
                "\\ufffd"
            };
            piece.json.replace_range(at..end, new);
        }
        piece
    }

    /// The text of a delta that is read from this piece, behind what an earlier piece left in `half`.
    pub fn text(&self, text: &str, half: &mut Option<u16>) -> String {
        let before = match (half.take(), self.first) {
            (None, None) => String::new(),
            (high, low) => String::from_utf16_lossy(&[high, low].into_iter().flatten().collect::<Vec<_>>()),
        };
        *half = self.last;
        before + text
    }
}

/// JSON in which every lone half is replaced.
pub fn mended(json: &str) -> String {
    let mut mended = json.to_owned();
    lone_halves(json).into_iter().for_each(|(at, _)| mended.replace_range(at..at + 6, "\\ufffd"));
    mended
}

/// The escapes of halves that lack the other one: where each begins, and the half.
fn lone_halves(json: &str) -> Vec<(usize, u16)> {
    let (mut lone, mut at): (Vec<(usize, u16)>, usize) = (Vec::new(), 0);
    let mut pair = None;
    while let Some(found) = json[at..].find('\\') {
        at += found;
        let digits = json.get(at + 2..at + 6).filter(|_| json[at..].starts_with("\\u"));
        let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
            at += 2;
            continue;
        };
        match unit {
            0xDC00..=0xDFFF if pair == Some(at) => drop(lone.pop()),
            0xD800..=0xDFFF => lone.push((at, unit)),
            _ => {}
        }
        at += 6;
        pair = (0xD800..0xDC00).contains(&unit).then_some(at);
    }
    lone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_joined_or_replaced() {
        assert_eq!(mended(r#""\ud83d\ude00 \ud83d \ude00 \\ud83d""#), r#""\ud83d\ude00 \ufffd \ufffd \\ud83d""#);
        let mut half = None;
        let texts = [r#""hi \ud83d""#, r#""\ude00 there \ud83d""#, r#""x""#].map(|json| {
            let piece = Piece::new(json);
            piece.text(piece.json.trim_matches('"'), &mut half)
        });
        assert_eq!(texts, ["hi ", "😀 there ", "\u{fffd}x"]);
    }
}
