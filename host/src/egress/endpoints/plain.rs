//! Paths that every server reads alike.
//!
//! Servers differ: some decode a path before they route it, some decode it twice, take a backslash
//! for a slash, merge slashes, cut a segment at `;`, or end a path at a zero byte. A path that comes
//! to the same under all of these is plain.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Times that a path is decoded. A path for which that isn't enough is none that anybody needs.
const DECODINGS_MAX: usize = 4;

/// Returns true if a path begins with a slash and has one reading: no empty segment but the last,
/// and no segment that is, or can be decoded to, several segments, a dot or two, or a control
/// character.
pub(super) fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    rest.is_empty() || rest.strip_suffix('/').unwrap_or(rest).split('/').all(is_plain_segment)
}

fn is_plain_segment(segment: &str) -> bool {
    let mut text = Cow::Borrowed(segment.as_bytes());
    for _ in 0..DECODINGS_MAX {
        if !has_one_reading(&text) {
            return false;
        }
        let decoded: Vec<u8> = percent_decode(&text).collect();
        if *decoded == *text {
            return true;
        }
        text = Cow::Owned(decoded);
    }
    false
}

/// Returns true if a segment, as it is, is one segment, and names neither its own folder nor the one
/// above.
fn has_one_reading(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    // Whole letters only: half of one, or a slash written in two bytes, is read in many ways.
    std::str::from_utf8(segment).is_ok()
        && !matches!(name, b"" | b"." | b"..")
        && !segment.iter().any(|byte| matches!(byte, b'/' | b'\\') || byte.is_ascii_control())
}
