//! The spellings of a secret. A vendor doesn't repeat what it was sent byte for byte: it puts it
//! into a URL, into JSON, into HTML, and any of the characters may be escaped or not. So a text is
//! read as a reader of those would, one [`Character`] after the other, and looked through in that
//! form too.
//!
//! | Spelling | `+/"&` in it |
//! |---|---|
//! | as it is | `+/"&` |
//! | in a URL or a form, hexadecimal digits in any case, any character escaped | `%2B%2f%22%26` |
//! | the same, escaped once more | `%252B` |
//! | in a form, a space | `+` |
//! | in JSON, also in JSON inside JSON | `+\/\"\u0026`, `\\\"` |
//! | in HTML and XML | `&#43;&#x2F;&quot;&amp;` |
//! | in base64, whatever stands around it | needles of their own |

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The most bytes that spell one character: `\\\u002b`, `&#x002b;`.
pub(super) const CHARACTER_MAX: usize = 8;
/// Backslashes before an escaped character: one for each level of JSON in JSON, and more in each.
/// More are backslashes.
const BACKSLASHES_MAX: usize = 3;
/// The longest reference of HTML by a character's number, and by its name.
const REFERENCE_MAX: usize = CHARACTER_MAX;
/// The most digits of an escape: `\u002b`.
const DIGITS_MAX: usize = 4;
/// The names that programs write; people know some two thousand more.
const NAMED: [(&[u8], char); 5] =
    [(b"amp", '&'), (b"lt", '<'), (b"gt", '>'), (b"quot", '"'), (b"apos", '\'')];

/// A text as it is meant, and where each of its bytes was spelled.
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    /// The offset in the text at which it begins.
    from: usize,
    /// The characters that take more bytes in the text than they have, in order.
    escapes: Vec<Escape>,
}

/// A character that was spelled out: its place in the plain text, and in the text.
struct Escape {
    plain: Range<usize>,
    spelled: Range<usize>,
}

impl Plain {
    /// Reads a text from an offset at which a character begins.
    pub(super) fn read(text: &[u8], from: usize) -> Self {
        let mut rest = text.get(from..).unwrap_or_default();
        let mut plain = Self { bytes: Vec::with_capacity(rest.len()), from, escapes: Vec::new() };
        loop {
            let unescaped = rest.iter().position(may_begin_escape).unwrap_or(rest.len());
            let (as_it_is, escaped) = rest.split_at(unescaped);
            plain.bytes.extend_from_slice(as_it_is);
            if escaped.is_empty() {
                return plain;
            }
            let character = Character::first(escaped);
            let bytes = character.bytes.get(..character.bytes_length).unwrap_or_default();
            if bytes.len() != character.length {
                let begin = text.len() - escaped.len();
                plain.escapes.push(Escape {
                    plain: plain.bytes.len()..plain.bytes.len() + bytes.len(),
                    spelled: begin..begin + character.length,
                });
            }
            plain.bytes.extend_from_slice(bytes);
            rest = escaped.get(character.length..).unwrap_or_default();
        }
    }

    /// Returns the place in the text of some of these bytes.
    pub(super) fn place(&self, bytes: &Range<usize>) -> Range<usize> {
        self.spelled(bytes.start).start..self.spelled(bytes.end.saturating_sub(1)).end
    }

    /// Returns the place in the text of the character that one of these bytes belongs to.
    fn spelled(&self, byte: usize) -> Range<usize> {
        let before = self.escapes.partition_point(|escape| escape.plain.start <= byte);
        let begin = match before.checked_sub(1).and_then(|last| self.escapes.get(last)) {
            Some(escape) if byte < escape.plain.end => return escape.spelled.clone(),
            Some(escape) => escape.spelled.end + (byte - escape.plain.end),
            None => self.from + byte,
        };
        begin..begin + 1
    }

    /// Returns the first offset from here on at which a character begins.
    pub(super) fn boundary(&self, from: usize) -> usize {
        let before = self.escapes.partition_point(|escape| escape.spelled.start < from);
        let last = before.checked_sub(1).and_then(|last| self.escapes.get(last));
        last.map_or(from, |escape| escape.spelled.end.max(from))
    }
}

/// Returns true if a text may mean something else than it is.
pub(super) fn may_be_spelled(text: &[u8]) -> bool {
    text.iter().any(may_begin_escape)
}

fn may_begin_escape(byte: &u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | b'+')
}

/// One character, or one byte of a character that is spelled as it is.
struct Character {
    bytes: [u8; 4],
    bytes_length: usize,
    /// The bytes that spell it.
    length: usize,
}

impl Character {
    /// Reads the first one of a text that isn't empty.
    fn first(text: &[u8]) -> Self {
        let byte = text.first().copied().unwrap_or_default();
        let spelled = match byte {
            b'%' => percent(text),
            b'\\' => backslash(text),
            b'&' => reference(text),
            // A space in a form. A plus sign is read as one wherever it comes from.
            b'+' => None,
            _ => return Self::of_byte(byte, 1),
        };
        spelled.unwrap_or(Self::of_byte(byte, 1))
    }

    fn of_byte(byte: u8, length: usize) -> Self {
        let byte = if byte == b'+' { b' ' } else { byte };
        Self { bytes: [byte, 0, 0, 0], bytes_length: 1, length }
    }

    fn of(character: char, length: usize) -> Self {
        if let Ok(byte) = u8::try_from(character)
            && byte.is_ascii()
        {
            return Self::of_byte(byte, length);
        }
        let mut bytes = [0; 4];
        let bytes_length = character.encode_utf8(&mut bytes).len();
        Self { bytes, bytes_length, length }
    }
}

/// Reads `%2B` and `%252B`.
fn percent(text: &[u8]) -> Option<Character> {
    let byte = |at: usize| u8::try_from(number(text.get(at..at + 2)?, 16)?).ok();
    match (byte(1)?, byte(3)) {
        (b'%', Some(byte)) => Some(Character::of_byte(byte, 5)),
        (byte, _) => Some(Character::of_byte(byte, 3)),
    }
}

/// Reads `\u002B`, and any other character that backslashes stand before.
fn backslash(text: &[u8]) -> Option<Character> {
    let run = text.iter().take_while(|byte| **byte == b'\\').take(BACKSLASHES_MAX + 1).count();
    let rest = text.get(run..).filter(|_| run <= BACKSLASHES_MAX)?;
    let unicode = || {
        let digits = rest.strip_prefix(b"u")?.get(..4)?;
        Some(Character::of(char::from_u32(number(digits, 16)?)?, run + 5))
    };
    unicode().or_else(|| {
        let plain = rest.first().filter(|byte| !matches!(byte, 0..=31 | b'%' | b'&' | 127))?;
        Some(Character::of_byte(*plain, run + 1))
    })
}

/// Reads `&amp;`, `&#38;` and `&#x26;`.
fn reference(text: &[u8]) -> Option<Character> {
    let end = text.iter().take(REFERENCE_MAX).position(|byte| *byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name {
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?),
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?),
        name => NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, meant)| meant),
    };
    Some(Character::of(character?, end + 1))
}

/// Reads a number without a sign.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = digits.iter().map(|digit| char::from(*digit).to_digit(radix));
    let mut digits = digits.peekable();
    digits.peek()?;
    digits.try_fold(0_u32, |number, digit| number.checked_mul(radix)?.checked_add(digit?))
}

/// Returns what is looked for to find a secret in all its spellings.
pub(super) fn needles(secret: &str) -> Vec<Vec<u8>> {
    let mut needles = vec![secret.as_bytes().to_vec()];
    let cores = (0..3)
        .flat_map(|before| [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|code| (before, code)))
        .map(|(before, code)| base64_core(secret, before, &code).into_bytes());
    needles.extend(cores);
    let plain: Vec<Vec<u8>> = needles.iter().map(|needle| Plain::read(needle, 0).bytes).collect();
    needles.extend(plain);
    // What looks like a spelling in the secret itself is read in another way once it is escaped.
    needles.extend(escaped(secret).map(|escaped| Plain::read(escaped.as_bytes(), 0).bytes));
    // The beginning of an escape at its end belongs to what comes next.
    needles.iter_mut().for_each(|needle| needle.truncate(end_of_whole(needle)));
    // An escape that begins before it may take its first digits along.
    let without_digits = needles.iter().flat_map(|needle| {
        let digits = needle.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        (1..=digits.min(DIGITS_MAX)).filter_map(|taken| needle.get(taken..).map(<[u8]>::to_vec))
    });
    let without_digits: Vec<Vec<u8>> = without_digits.collect();
    needles.extend(without_digits);
    needles
}

/// Returns the end of a text without backslashes at its end, and without the beginning of an escape
/// that what follows may complete, such as `%f` or `&am`.
fn end_of_whole(text: &[u8]) -> usize {
    let open = |begin: u8, length: usize, part: fn(&u8) -> bool| {
        let begins = text.iter().rposition(|byte| *byte == begin)?;
        let rest = text.get(begins + 1..).unwrap_or_default();
        (rest.len() < length && rest.iter().all(part)).then_some(begins)
    };
    let percent = open(b'%', 4, u8::is_ascii_alphanumeric);
    let reference = open(b'&', REFERENCE_MAX, |byte| byte.is_ascii_alphanumeric() || *byte == b'#');
    let end = percent.or(reference).unwrap_or(text.len());
    let whole = text.get(..end).unwrap_or_default();
    whole.iter().rposition(|byte| *byte != b'\\').map_or(0, |last| last + 1)
}

/// Returns a secret as it stands in a URL, in JSON and in HTML.
fn escaped(secret: &str) -> [String; 3] {
    let in_html = |character| NAMED.into_iter().find(|(_, meant)| *meant == character);
    [
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        secret.replace('\\', r"\\").replace('"', r#"\""#),
        secret.chars().fold(String::new(), |html, character| match in_html(character) {
            Some((name, _)) => format!("{html}&{};", String::from_utf8_lossy(name)),
            None => format!("{html}{character}"),
        }),
    ]
}

/// The characters that base64 has for a secret whatever stands around it, if `before` bytes,
/// counted in threes, stand before it.
fn base64_core(secret: &str, before: usize, code: &impl Engine) -> String {
    let bytes = [vec![0; before].as_slice(), secret.as_bytes()].concat();
    let mut text = code.encode(&bytes);
    // The last character holds bits of what follows, unless a group ends here.
    if !bytes.len().is_multiple_of(3) {
        text.pop();
    }
    // So do the first ones hold bits of what stands before.
    text.split_off(if before == 0 { 0 } else { before + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        String::from_utf8(Plain::read(text.as_bytes(), 0).bytes).unwrap()
    }

    #[test]
    fn each_spelling_is_read() {
        for (spelled, meant) in [
            ("a%2Fb%2fc", "a/b/c"),
            ("%61%62c", "abc"),
            ("a%252Fb", "a/b"),
            (r"a\/b", "a/b"),
            (r#"a\"b\\\"c"#, r#"a"b"c"#),
            (r"a\u002Fb\u002fc\\u002fd", "a/b/c/d"),
            (r"caf\u00e9", "caf\u{e9}"),
            ("caf%C3%A9", "caf\u{e9}"),
            ("a&amp;b&#38;c&#x26;d&#X0026;e&#038;f", "a&b&c&d&e&f"),
            ("&lt;&gt;&quot;&apos;", "<>\"'"),
            ("a+b%20c%2Bd", "a b c d"),
        ] {
            assert_eq!(plain(spelled), meant, "{spelled}");
        }
    }

    #[test]
    fn each_byte_is_found_where_it_was_spelled() {
        let plain = Plain::read("..a%2Fb+\\u00e9&amp;c".as_bytes(), 2);
        assert_eq!(plain.bytes, "a/b \u{e9}&c".as_bytes());
        let places = [2..3, 3..6, 6..7, 7..8, 8..14, 8..14, 14..19, 19..20];
        for (byte, place) in places.into_iter().enumerate() {
            assert_eq!(plain.place(&(byte..byte + 1)), place, "{byte}");
        }
        assert_eq!(plain.place(&(0..8)), 2..20);
        let boundaries = [(2, 2), (3, 3), (4, 6), (5, 6), (6, 6), (9, 14), (20, 20), (25, 25)];
        for (from, boundary) in boundaries {
            assert_eq!(plain.boundary(from), boundary, "{from}");
        }
    }

    #[test]
    fn what_is_no_spelling_stays() {
        for text in [
            "100%",
            "%2",
            "%zz",
            "a&b;",
            "&#;",
            "&#x;",
            "&nbsp;",
            "&#x110000;",
            "\\",
            "\\\n",
            "\\\\\\\\n",
        ] {
            let meant = plain(text);
            assert!(meant.len() == text.len() || meant.starts_with("\\"), "{text}: {meant}");
        }
        assert_eq!(plain("a\nb\u{e9}"), "a\nb\u{e9}");
        assert_eq!(plain(r"\ud83d"), "ud83d", "half a character is none");
    }

    #[test]
    fn no_spelling_is_longer_than_said() {
        for text in [r"\\\u002bx", "&#x002b;x", "&#00043;x", "%252bx", r"\\\/x"] {
            assert!(Character::first(text.as_bytes()).length <= CHARACTER_MAX);
            assert_eq!(Character::first(text.as_bytes()).length, text.len() - 1, "{text}");
        }
        assert_eq!(Character::first(b"&#x0002b;").length, 1);
        assert_eq!(Character::first(br"\\\\u002b").length, 1);
    }
}
