//! Bytes in pieces, as a network would deliver them: the same cuts for the same first byte, so that
//! a case that was found stays one.

/// Returns the bytes in pieces: all at once for 0, else pieces of 1 to `longest` bytes.
pub(super) fn pieces(bytes: &[u8], longest: u8) -> Vec<&[u8]> {
    if longest == 0 {
        return vec![bytes];
    }
    let mut random = fastrand::Rng::with_seed(longest.into());
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(random.usize(1..=longest.into()).min(rest.len()));
        pieces.push(piece);
        rest = more;
    }
    pieces
}
