//! Cuts a vendor's byte stream into lines and server-sent events, once and for every provider.
//!
//! Framing inside plugins is where other gateways lose data: a chunk ends anywhere, also inside a
//! line end or a UTF-8 character. Here bytes are only ever split at line ends, and turned into text
//! as whole lines. Pure: bytes go in with [`Framer::feed`], frames come out, so that tests can cut
//! the input everywhere.

use bytes::{Buf, BytesMut};

/// A stream may begin with one; it isn't part of the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line or an event grew larger than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// One event of a `text/event-stream`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The value of its last `event` field, or nothing.
    pub(crate) name: String,
    /// Its `data` lines, joined by line feeds.
    pub(crate) data: String,
    /// The value of its last `id` field.
    pub(crate) id: Option<String>,
}

/// Bytes that have come and aren't framed yet.
#[derive(Debug)]
pub(crate) struct Framer {
    buffer: BytesMut,
    /// Up to here `buffer` is known to hold no line end.
    searched: usize,
    /// The last line ended in CR: an LF right behind it belongs to it.
    after_cr: bool,
    /// No more bytes will come.
    ended: bool,
    /// No line has been read yet.
    at_start: bool,
    /// The event whose lines are being read; none before its first field.
    event: Option<Event>,
    limit: usize,
}

impl Framer {
    /// Frames of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            after_cr: false,
            ended: false,
            at_start: true,
            event: None,
            limit,
        }
    }

    /// Takes bytes as they came.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Returns true once [`Self::end`] was called.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns what isn't framed yet, for a reader of frames of its own.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.searched = 0;
        &mut self.buffer
    }

    /// At most `max` bytes of what isn't framed yet.
    pub(crate) fn take_bytes(&mut self, max: usize) -> Vec<u8> {
        self.drop_line_feed();
        let bytes = self.buffer.split_to(max.min(self.buffer.len()));
        self.searched = 0;
        bytes.into()
    }

    /// The next line, or nothing until more bytes come. LF and CRLF end a line; a lone CR doesn't.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, TooLarge> {
        let Some(end) = self.find(|byte| byte == b'\n')? else { return Ok(self.last_line()) };
        let mut line = self.buffer.split_to(end);
        self.skip(1);
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Ok(Some(text(&line)))
    }

    /// The next event, or nothing until more bytes come. Events without data are passed over. At the
    /// end the last one needs no blank line: servers leave it out, and the HTML standard, which
    /// would drop the event, is about streams that are opened again.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event>, TooLarge> {
        loop {
            self.drop_line_feed();
            let Some(end) = self.find(|byte| byte == b'\n' || byte == b'\r')? else {
                return self.last_event();
            };
            let mut line = self.buffer.split_to(end);
            self.after_cr = self.buffer.first() == Some(&b'\r');
            self.skip(1);
            if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
                line.advance(BYTE_ORDER_MARK.len());
            }

            if !line.is_empty() {
                self.field(&line)?;
            } else if let Some(mut event) = self.event.take()
                && event.data.pop().is_some()
            {
                return Ok(Some(event));
            }
        }
    }

    /// Returns the end of the next line, if it has come; also watches over the size of a line that
    /// doesn't end.
    fn find(&mut self, is_end: impl Fn(u8) -> bool) -> Result<Option<usize>, TooLarge> {
        let unseen = self.buffer.get(self.searched..).unwrap_or_default();
        let end = unseen.iter().position(|byte| is_end(*byte)).map(|offset| self.searched + offset);
        self.searched = end.unwrap_or(self.buffer.len());
        if self.searched > self.limit { Err(TooLarge) } else { Ok(end) }
    }

    fn skip(&mut self, count: usize) {
        self.buffer.advance(count.min(self.buffer.len()));
        self.searched = 0;
    }

    /// The LF of a CRLF may come in a later chunk than its CR.
    fn drop_line_feed(&mut self) {
        if self.after_cr && !self.buffer.is_empty() {
            if self.buffer.first() == Some(&b'\n') {
                self.skip(1);
            }
            self.after_cr = false;
        }
    }

    fn last_line(&mut self) -> Option<String> {
        if !self.ended || self.buffer.is_empty() {
            return None;
        }
        let line = self.buffer.split();
        self.searched = 0;
        Some(text(&line))
    }

    /// Returns the event that the end of the body leaves, unless it cuts its JSON off.
    fn last_event(&mut self) -> Result<Option<Event>, TooLarge> {
        if !self.ended {
            return Ok(None);
        }
        let mut line = self.buffer.split();
        self.searched = 0;
        if std::mem::take(&mut self.at_start) && line.starts_with(BYTE_ORDER_MARK) {
            line.advance(BYTE_ORDER_MARK.len());
        }
        if !line.is_empty() {
            self.field(&line)?;
        }
        let event = self.event.take().and_then(|mut event| event.data.pop().map(|_| event));
        Ok(event.filter(|event| !is_cut_off(&event.data)))
    }

    /// Adds one `name: value` line to the event.
    fn field(&mut self, line: &[u8]) -> Result<(), TooLarge> {
        let line = text(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let event = self.event.get_or_insert_default();
        match name {
            "event" => event.name = value.into(),
            "data" => {
                event.data.push_str(value);
                event.data.push('\n');
            }
            "id" if !value.contains('\0') => event.id = Some(value.into()),
            // A comment, a reconnection time (we never reconnect), or a field of the future.
            _ => {}
        }
        if event.data.len() > self.limit { Err(TooLarge) } else { Ok(()) }
    }
}

/// The standard decodes with replacement: a vendor's broken character costs that character, not the
/// answer.
fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// Returns true if a text begins as JSON does and isn't whole.
fn is_cut_off(data: &str) -> bool {
    data.trim_start().starts_with(['{', '['])
        && serde_json::from_str::<serde::de::IgnoredAny>(data).is_err()
}

#[cfg(test)]
mod tests;
