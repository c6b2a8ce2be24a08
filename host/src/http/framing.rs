//! The faults of heads that HTTP's parser hides: it takes a line that ends in LF alone for one that
//! ends in CR LF, and of two lengths of a body it keeps one.
//!
//! A proxy in front may read such a head differently, so what is one request to the one is two to
//! the other. The parser can't be told to refuse; so what it reads is followed here too: only where
//! heads begin and end, and how the bodies between them are framed. Other heads that could be framed
//! in two ways are refused in `head.rs` or by the parser, and end their connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line that is looked at for a length or a coding. Those lines are short.
const LINE_MAX: usize = 256;

/// A fault of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fault {
    /// A line ends in LF alone.
    LineEnd = 1,
    /// The length of the body is told twice.
    TwoLengths = 2,
}

/// The faults of the heads of a connection. Clones are those of the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<AtomicU8>);

impl Faults {
    /// Returns a fault, if a head had one.
    pub(super) fn any(&self) -> Option<Fault> {
        let seen = self.0.load(Ordering::Relaxed);
        [Fault::LineEnd, Fault::TwoLengths].into_iter().find(|fault| seen & *fault as u8 != 0)
    }

    fn add(&self, fault: Fault) {
        self.0.fetch_or(fault as u8, Ordering::Relaxed);
    }
}

/// A connection whose heads are followed.
pub(super) struct Followed<S> {
    stream: S,
    requests: Requests,
}

impl<S> Followed<S> {
    /// Follows what is read of a stream.
    pub(super) fn new(stream: S, faults: Faults) -> Self {
        Self { stream, requests: Requests { faults, ..Requests::default() } }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Followed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.requests.follow(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Followed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The requests of a connection, as far as their framing goes.
#[derive(Debug, Default)]
struct Requests {
    part: Part,
    /// The beginning of the line that is being read, without its end.
    line: Vec<u8>,
    /// True if the last byte of the line was CR.
    returned: bool,
    /// The body that the head announces.
    body: Body,
    faults: Faults,
}

/// The part of a request that comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// A line of the head.
    #[default]
    Head,
    /// So many bytes of a body, or of a chunk with the end of its line.
    Bytes { left: u64, in_chunk: bool },
    /// The line with the size of a chunk.
    Size,
    /// A line after the last chunk.
    Trailer,
    /// Nothing that can be followed: the parser refuses it.
    Lost,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Body {
    #[default]
    None,
    Length(u64),
    Chunked,
}

impl Requests {
    /// Follows these bytes.
    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.part {
                Part::Lost => return,
                Part::Bytes { left, in_chunk } => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(taken..).unwrap_or_default();
                    let left = left - taken as u64;
                    self.part = match (left, in_chunk) {
                        (0, true) => Part::Size,
                        (0, false) => Part::Head,
                        _ => Part::Bytes { left, in_chunk },
                    };
                }
                Part::Head | Part::Size | Part::Trailer => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    let room = LINE_MAX.saturating_sub(self.line.len());
                    self.line.extend_from_slice(line.get(..room).unwrap_or(line));
                    if let Some(last) = line.last() {
                        self.returned = *last == b'\r';
                    }
                    if end.is_some() {
                        if !self.returned {
                            self.faults.add(Fault::LineEnd);
                        }
                        self.end_line();
                    }
                    bytes = rest.get(1..).unwrap_or_default();
                }
            }
        }
    }

    /// A line is whole.
    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        self.returned = false;
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        self.part = match self.part {
            Part::Head if text.is_empty() => match std::mem::take(&mut self.body) {
                Body::None | Body::Length(0) => Part::Head,
                Body::Length(left) => Part::Bytes { left, in_chunk: false },
                Body::Chunked => Part::Size,
            },
            Part::Head => {
                self.announce(text);
                Part::Head
            }
            Part::Size => match size(text) {
                Some(0) => Part::Trailer,
                // The end of the chunk's line is a part of it.
                Some(size) => Part::Bytes { left: size.saturating_add(2), in_chunk: true },
                None => Part::Lost,
            },
            Part::Trailer if text.is_empty() => Part::Head,
            part => part,
        };
        line.clear();
        self.line = line;
    }

    /// A line of a head: it may say how the body is framed.
    fn announce(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let body = if name.eq_ignore_ascii_case(b"transfer-encoding") {
            Body::Chunked
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // The parser refuses what is no number.
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            Body::Length(length.unwrap_or(0))
        } else {
            return;
        };
        if self.body == Body::None {
            self.body = body;
        } else {
            self.faults.add(Fault::TwoLengths);
        }
    }
}

/// The size of a chunk, of its line.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const LENGTH: &str = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n\na\nb\n";
    const CHUNKED: &str =
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\n\n\n\r\n0\r\nx: y\r\n\r\n";

    fn fault(text: &str, cut: usize) -> Option<Fault> {
        let mut requests = Requests::default();
        text.as_bytes().chunks(cut).for_each(|bytes| requests.follow(bytes));
        requests.faults.any()
    }

    #[test]
    fn line_feeds_in_bodies_are_the_callers_own() {
        for text in [GET, LENGTH, CHUNKED] {
            assert_eq!(fault(&[text, GET].concat(), usize::MAX), None, "{text:?}");
        }
    }

    #[test]
    fn faults_of_heads_and_of_lines_around_chunks_are_seen() {
        for (text, expected) in [
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n", Fault::LineEnd),
            ("\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", Fault::LineEnd),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
                Fault::LineEnd,
            ),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\n", Fault::LineEnd),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
                Fault::TwoLengths,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                Fault::TwoLengths,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
                Fault::TwoLengths,
            ),
        ] {
            for before in ["", GET, LENGTH, CHUNKED] {
                let found = fault(&[before, text].concat(), usize::MAX);
                assert_eq!(found, Some(expected), "{before:?} {text:?}");
            }
        }
    }

    #[test]
    fn a_long_line_keeps_nothing_beyond_its_beginning() {
        let mut requests = Requests::default();
        for _ in 0..1_000 {
            requests.follow(&[b'x'; 1_000]);
        }
        assert!(requests.line.len() <= LINE_MAX);
        requests.follow(b"\r");
        requests.follow(b"\n");
        assert_eq!(requests.faults.any(), None);
    }

    proptest! {
        #[test]
        fn where_reads_are_cut_changes_nothing(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![GET, LENGTH, CHUNKED, "GET / HTTP/1.1\nhost: a\n\n"]),
                1..6,
            ),
            cut in 1_usize..40,
        ) {
            let text = parts.concat();
            let whole = fault(&text, usize::MAX);
            prop_assert_eq!(fault(&text, cut), whole);
            prop_assert_eq!(whole.is_some(), text.contains("HTTP/1.1\n"));
        }
    }
}
