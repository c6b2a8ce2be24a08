//! A count of the frames of HTTP/2 that bring nothing: interim answers (1xx), pings, settings,
//! frames without data. HTTP/2 passes over all of them, or answers them, and has a hook for none;
//! without a count a vendor could keep a processor busy with them for as long as an answer may
//! take. Only the frames' heads are read.

use std::time::Duration;

use tokio::time::Instant;

/// Frames that a vendor may send before anything else.
const AT_FIRST: u32 = 1_024;
/// Frames that each request lets it send: the head of the answer, the end, interim answers.
const FOR_A_REQUEST: u32 = 64;
/// Frames that each frame with data lets it send, either way: who receives data makes room for more.
const FOR_DATA: u32 = 4;
/// The time that lets it send one more: pings of a connection that is kept open.
const FOR_TIME: Duration = Duration::from_millis(100);
/// The most that may come together.
const MOST: u32 = 16 * AT_FIRST;

/// The bytes of a frame's head.
const HEAD: usize = 9;
/// The bytes that a client sends before its first frame.
const PREFACE: usize = 24;

/// Kinds of frames, and the flag of padding.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PADDED: u8 = 8;
/// The most that padding is, with its length.
const PADDING_MAX: usize = 256;

/// The vendor sent too many frames that bring nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "the vendor sent more than {AT_FIRST} frames of HTTP/2 that bring nothing, such as interim answers (1xx) and pings"
)]
pub(super) struct TooManyFrames;

/// The count on one connection.
pub(super) struct Frames {
    received: Heads,
    sent: Heads,
    left: u32,
    /// The time up to which `left` has grown.
    since: Instant,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            received: Heads::after(0),
            sent: Heads::after(PREFACE),
            left: AT_FIRST,
            since: Instant::now(),
        }
    }

    /// Follows what the host sends.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let left = &mut self.left;
        self.sent.each(bytes, |head| {
            let more = match head.kind {
                HEADERS => FOR_A_REQUEST,
                _ if head.has_data() => FOR_DATA,
                _ => 0,
            };
            *left = left.saturating_add(more).min(MOST);
        });
    }

    /// Counts what the vendor sends.
    ///
    /// # Errors
    /// When too many frames brought nothing.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), TooManyFrames> {
        let (left, since) = (&mut self.left, &mut self.since);
        let mut is_too_many = false;
        self.received.each(bytes, |head| {
            if head.has_data() {
                *left = left.saturating_add(FOR_DATA).min(MOST);
                return;
            }
            if *left == 0 {
                let passed = since.elapsed().as_millis() / FOR_TIME.as_millis();
                *left = u32::try_from(passed).unwrap_or(MOST).min(AT_FIRST);
                *since = Instant::now();
            }
            match left.checked_sub(1) {
                Some(rest) => *left = rest,
                None => is_too_many = true,
            }
        });
        if is_too_many { Err(TooManyFrames) } else { Ok(()) }
    }
}

/// The head of a frame, as far as it matters.
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
}

impl Head {
    fn has_data(&self) -> bool {
        let padding = if self.flags & PADDED == 0 { 0 } else { PADDING_MAX };
        self.kind == DATA && padding < self.length
    }
}

/// Finds the heads of frames in bytes that come in pieces.
struct Heads {
    head: [u8; HEAD],
    /// The bytes of the head that have come.
    have: usize,
    /// The bytes until the next head.
    skip: usize,
}

impl Heads {
    /// Of frames that begin after so many bytes.
    fn after(skip: usize) -> Self {
        Self { head: [0; HEAD], have: 0, skip }
    }

    fn each(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Head)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return;
            }
            let (own, rest) = bytes.split_at(bytes.len().min(HEAD - self.have));
            if let Some(place) = self.head.get_mut(self.have..self.have + own.len()) {
                place.copy_from_slice(own);
            }
            self.have += own.len();
            bytes = rest;
            if self.have < HEAD {
                return;
            }
            let [a, b, c, kind, flags, ..] = self.head;
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            (self.have, self.skip) = (0, length);
            seen(Head { length, kind, flags });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., a, b, c] = length.to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1], vec![b'x'; length].as_slice()].concat()
    }

    /// Returns how many of this frame a connection takes.
    fn taken(frames: &mut Frames, frame: &[u8]) -> u32 {
        let count = (0..).take(100_000).take_while(|_| frames.receive(frame).is_ok()).count();
        u32::try_from(count).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_bring_nothing_are_counted_whatever_they_are() {
        for (kind, flags, length) in [
            (PING, 0, 8),
            (HEADERS, 4, 30),
            (DATA, 0, 0),
            (DATA, PADDED, 256),
            (4, 0, 0),
            (200, 0, 9),
        ] {
            let mut frames = Frames::new();
            assert_eq!(taken(&mut frames, &frame(kind, flags, length)), AT_FIRST, "{kind}");
            // Time lets it send a few again, data and requests too.
            tokio::time::advance(FOR_TIME * 3).await;
            assert_eq!(taken(&mut frames, &frame(kind, flags, length)), 3, "{kind}");
            frames.receive(&frame(DATA, PADDED, 257)).unwrap();
            assert_eq!(taken(&mut frames, &frame(kind, flags, length)), FOR_DATA, "{kind}");
            frames.send(&[vec![b'P'; PREFACE], frame(HEADERS, 5, 100)].concat());
            assert_eq!(taken(&mut frames, &frame(kind, flags, length)), FOR_A_REQUEST, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_large_question_lets_the_vendor_make_room_for_it() {
        const WINDOW_UPDATE: u8 = 8;
        let mut frames = Frames::new();
        frames.send(&[b'P'; PREFACE]);
        for _ in 0..10_000 {
            frames.send(&frame(DATA, 0, 16 << 10));
            for _ in 0..FOR_DATA {
                frames.receive(&frame(WINDOW_UPDATE, 0, 4)).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn answers_without_end_are_no_matter_while_they_bring_data() {
        let mut frames = Frames::new();
        let answer = [frame(HEADERS, 4, 50), frame(DATA, 0, 1), frame(DATA, 1, 0)].concat();
        for _ in 0..100_000 {
            frames.receive(&answer).unwrap();
        }
        assert_eq!(taken(&mut frames, &frame(DATA, 0, 1)), 100_000);
    }

    proptest! {
        #[test]
        fn however_they_are_cut_the_same_frames_are_found(
            frames in prop::collection::vec((any::<u8>(), any::<u8>(), 0usize..40), 0..20),
            cuts in prop::collection::vec(1usize..30, 1..20),
            skip in 0usize..30,
        ) {
            let mut bytes = vec![0; skip];
            for (kind, flags, length) in &frames {
                bytes.extend(frame(*kind, *flags, *length));
            }
            let (mut heads, mut seen, mut rest) = (Heads::after(skip), vec![], bytes.as_slice());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                heads.each(piece, |Head { length, kind, flags }| seen.push((kind, flags, length)));
                rest = after;
            }
            prop_assert_eq!(seen, frames);
        }
    }
}
