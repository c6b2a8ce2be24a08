//! Server-sent events out of bytes that are cut anywhere, as the HTML standard has them: lines end
//! in CR, LF or CRLF, and the `data` lines of an event are joined.

use bytes::{Buf, BytesMut};

/// The largest event, as Arete has it.
const EVENT_LIMIT: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One event that has data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) data: String,
}

/// Bytes that have come and aren't framed yet.
#[derive(Default)]
pub(super) struct Frames {
    buffer: BytesMut,
    /// Up to here there is no line end.
    searched: usize,
    /// The last line ended in CR: an LF right behind it belongs to it.
    after_cr: bool,
    /// A line has been read.
    begun: bool,
    frame: Frame,
    /// The event has a `data` line, if only an empty one.
    has_data: bool,
}

impl Frames {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, once its blank line has come.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        while let Some(line) = self.line()? {
            if !line.is_empty() {
                self.field(&line);
                continue;
            }
            let frame = std::mem::take(&mut self.frame);
            if std::mem::take(&mut self.has_data) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> Result<Option<BytesMut>, &'static str> {
        if self.after_cr && !self.buffer.is_empty() {
            if self.buffer.first() == Some(&b'\n') {
                self.buffer.advance(1);
            }
            self.after_cr = false;
        }
        let unseen = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = unseen.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            self.searched = self.buffer.len();
            let large = EVENT_LIMIT < self.searched + self.frame.data.len();
            return if large { Err("an event of the vendor is too large") } else { Ok(None) };
        };
        let mut line = self.buffer.split_to(self.searched + end);
        self.searched = 0;
        self.after_cr = self.buffer.first() == Some(&b'\r');
        self.buffer.advance(1);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.advance(BYTE_ORDER_MARK.len());
        }
        Ok(Some(line))
    }

    fn field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match name {
            b"event" => self.frame.name = value.into_owned(),
            b"data" if std::mem::replace(&mut self.has_data, true) => {
                self.frame.data.push('\n');
                self.frame.data.push_str(&value);
            }
            b"data" => self.frame.data = value.into_owned(),
            // A comment, or what only those need who reconnect.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.feed(piece);
            while let Some(Frame { name, data }) = frames.next().unwrap() {
                found.push((name, data));
            }
        }
        found
    }

    #[test]
    fn events_are_the_same_wherever_they_are_cut_and_however_lines_end() {
        let expected = [("a".to_owned(), "grüße".to_owned()), (String::new(), "2\n\n3".to_owned())];
        for end in ["\n", "\r", "\r\n"] {
            let text = "\u{feff}: a comment\n\nevent: a\ndata: grüße\n\nevent\ndata: 2\ndata\ndata:3\nid: 1\n\ndata: cut off\n"
                .replace('\n', end);
            let bytes = text.as_bytes();
            assert_eq!(frames([bytes]), expected);
            assert_eq!(frames(bytes.chunks(1)), expected);
            for cut in 0..bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(frames([head, tail]), expected, "{end:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn an_event_that_never_ends_is_refused() {
        let mut frames = Frames::default();
        frames.feed(&vec![b'x'; EVENT_LIMIT + 1]);
        assert!(frames.next().is_err());
    }
}
