//! Finding secrets in bytes, in a way that tells nothing of the secrets where there are none.
//!
//! A guest whose vendor echoes what the guest sends could else find a key letter by letter: by what is held
//! back after a right beginning and isn't after a wrong one, or by what takes longer. So the end of
//! what is decided depends on how many bytes there are and where lines end; a right beginning is
//! treated like any other text; and every byte costs the same comparisons, whichever it is.

use std::collections::BTreeSet;
use std::ops::Range;

use subtle::ConstantTimeEq;

use super::plain::UNLIKE_WORDS_MIN;
use super::spelling::{CHARACTER_MAX, Plain, may_be_spelled, needles};

/// The text in a secret's place.
pub(super) const REDACTED: &str = "[redacted]";
/// The most bytes that are looked through at once, beside those that were held back.
pub(super) const BLOCK: usize = 16 << 10;

/// The finder of a provider's secrets.
pub(super) struct Search {
    needles: Vec<Vec<u8>>,
    endings: Vec<Ending>,
    /// The bytes at the end of a text that are undecided until more have come: what begins before
    /// them is there wholly, in any spelling.
    pub(super) undecided: usize,
}

/// The last 16 bytes of a needle, or all of a shorter one. At each place they are compared in one
/// step, with those of all needles; only where they are there is the rest compared. So many bytes of
/// a key nobody finds by trying, and they aren't public as the first ones often are. For the eight
/// needles of a key this takes about as long as a table of states would, which is 70 KiB large
/// and slower the more of a key it has seen.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Ending {
    bytes: u128,
    /// The bits of it that count.
    mask: u128,
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
        // One that is shorter is of a secret whose characters are nearly all escapes, and is no
        // more than any word.
        let needles = needles.into_iter().filter(|needle| UNLIKE_WORDS_MIN <= needle.len());
        let needles: Vec<_> = needles.collect();
        let longest = needles.iter().map(Vec::len).max()?;
        let endings: BTreeSet<Ending> = needles.iter().map(|needle| Ending::of(needle)).collect();
        Some(Self {
            needles,
            endings: endings.into_iter().collect(),
            undecided: longest.saturating_mul(CHARACTER_MAX),
        })
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
            self.find_needles(&plain.bytes, |place| found.push(plain.place(&place)));
            next = plain.boundary(next);
        }
        found.retain(|place| place.start < before);
        found.sort_unstable_by_key(|place| place.start);
        (found, next)
    }

    fn find_needles(&self, bytes: &[u8], mut found: impl FnMut(Range<usize>)) {
        let mut window = 0;
        for (last, byte) in bytes.iter().enumerate() {
            window = window << u8::BITS | u128::from(*byte);
            // All of them, without an early end.
            let ends = self.endings.iter().fold(false, |ends, ending| ends | ending.is_in(window));
            if ends {
                self.needles_until(bytes, last + 1).for_each(&mut found);
            }
        }
    }

    /// Returns the places of the needles that end at this one.
    fn needles_until(&self, bytes: &[u8], end: usize) -> impl Iterator<Item = Range<usize>> {
        self.needles.iter().filter_map(move |needle| {
            let place = end.checked_sub(needle.len())?..end;
            let whole = bytes.get(place.clone())?.ct_eq(needle);
            bool::from(whole).then_some(place)
        })
    }
}

impl Ending {
    fn of(needle: &[u8]) -> Self {
        let last = needle.iter().rev().take(size_of::<u128>()).rev();
        last.fold(Self { bytes: 0, mask: 0 }, |ending, byte| Self {
            bytes: ending.bytes << u8::BITS | u128::from(*byte),
            mask: ending.mask << u8::BITS | u128::from(u8::MAX),
        })
    }

    fn is_in(&self, window: u128) -> bool {
        window & self.mask == self.bytes
    }
}
