//! Finding secrets in bytes, in a way that tells nothing of the secrets where there are none.
//!
//! A guest whose vendor echoes what the guest sends could else find a key letter by letter: by what is held
//! back after a right beginning and isn't after a wrong one, or by what takes longer. So the end of
//! what is decided depends on how many bytes there are and where lines end; a right beginning is
//! treated like any other text; and each byte is one step in a table, whichever it is.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use subtle::ConstantTimeEq;

use super::spelling::{CHARACTER_MAX, Plain, may_be_spelled, needles};

/// The text that stands for a secret.
pub(super) const REDACTED: &str = "[redacted]";

/// The most bytes of a needle that are in the table; the rest is compared once these were found.
/// Nobody finds so many by trying, and the table stays small: some 256 bytes for each of them.
const IN_TABLE_MAX: usize = 64;
/// The most bytes that are looked through at once, beside those that were held back.
pub(super) const BLOCK: usize = 16 << 10;

/// The finder of a provider's secrets.
pub(super) struct Search {
    /// The beginnings of the needles.
    table: AhoCorasick,
    needles: Vec<Vec<u8>>,
    /// The bytes at the end of a text that are undecided until more have come: what begins before
    /// them is there wholly, in any spelling.
    pub(super) undecided: usize,
}

/// The state between two parts of a text, relative to the first byte that is undecided.
#[derive(Default)]
pub(super) struct Position {
    /// The bytes that were replaced already.
    replaced: usize,
    /// The bytes that belong to a character that began before.
    spelled: usize,
}

impl Search {
    /// Returns nothing if there is nothing to look for.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let needles: BTreeSet<Vec<u8>> = secrets.into_iter().flat_map(needles).collect();
        let needles: Vec<_> = needles.into_iter().filter(|needle| !needle.is_empty()).collect();
        let longest = needles.iter().map(Vec::len).max()?;
        // Fails only for more states than 2³¹, which headers can't hold.
        let table = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            // It would be faster, and slower at each byte that a secret begins with.
            .prefilter(false)
            .build(needles.iter().map(|needle| beginning(needle)))
            .ok()?;
        Some(Self { table, needles, undecided: longest.saturating_mul(CHARACTER_MAX) })
    }

    /// Passes on all of a text that is decided, redacted, and returns how many bytes of it that
    /// were. The rest has to come again, with more behind it.
    pub(super) fn pass(
        &self,
        position: &mut Position,
        text: &[u8],
        ended: bool,
        mut out: impl FnMut(&[u8]),
    ) -> usize {
        let decided = if ended { text.len() } else { self.decided(text) };
        let (found, next) = self.find(text, position.spelled, decided);
        let mut passed = position.replaced;
        for place in found {
            // All of what overlaps is one.
            if passed <= place.start {
                out(text.get(passed..place.start).unwrap_or_default());
                out(REDACTED.as_bytes());
            }
            passed = passed.max(place.end);
        }
        if passed < decided {
            out(text.get(passed..decided).unwrap_or_default());
        }
        *position = Position {
            replaced: passed.saturating_sub(decided),
            spelled: next.saturating_sub(decided),
        };
        decided
    }

    /// Returns the end of what is decided. No secret and no spelling of one holds a control
    /// character, so lines are never kept waiting.
    fn decided(&self, text: &[u8]) -> usize {
        let control = text.iter().rposition(u8::is_ascii_control).map_or(0, |last| last + 1);
        control.max(text.len().saturating_sub(self.undecided))
    }

    /// Returns the places of all secrets that begin before this offset, in order, and the first
    /// offset from there on at which a character begins.
    fn find(
        &self,
        text: &[u8],
        first_character: usize,
        before: usize,
    ) -> (Vec<Range<usize>>, usize) {
        let mut found = Vec::new();
        self.find_needles(text, |place| found.push(place));
        let mut next = first_character.max(before);
        if text.get(first_character..).is_some_and(may_be_spelled) {
            let plain = Plain::read(text, first_character);
            self.find_needles(&plain.bytes, |place| found.extend(plain.place(&place)));
            next = plain.boundary(next);
        }
        found.retain(|place| place.start < before);
        found.sort_unstable_by_key(|place| place.start);
        (found, next)
    }

    fn find_needles(&self, bytes: &[u8], mut found: impl FnMut(Range<usize>)) {
        for place in self.table.find_overlapping_iter(bytes) {
            let Some(needle) = self.needles.get(place.pattern().as_usize()) else { continue };
            let end = place.start() + needle.len();
            if bytes.get(place.start()..end).is_some_and(|whole| bool::from(whole.ct_eq(needle))) {
                found(place.start()..end);
            }
        }
    }
}

fn beginning(needle: &[u8]) -> &[u8] {
    needle.get(..IN_TABLE_MAX).unwrap_or(needle)
}
