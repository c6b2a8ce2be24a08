//! A connection to a vendor as HTTP uses it, TLS undone: it holds the descriptor, and counts the
//! frames of HTTP/2 that bring nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

use super::descriptors::Descriptor;
use super::frames::Frames;

/// The bytes that are read at once where frames are counted.
const READ_AT_ONCE: usize = 16 << 10;

/// A connection to a vendor.
pub(super) struct VendorStream<S> {
    inner: S,
    /// Nothing for HTTP/1.1, in which each byte belongs to an answer.
    counted: Option<Counted>,
    _descriptor: Descriptor,
}

/// The count of a connection's frames.
struct Counted {
    frames: Frames,
    /// Holds what is read until it is looked at.
    buffer: Box<[u8]>,
}

impl<S: Connection> VendorStream<S> {
    pub(super) fn new(inner: S, descriptor: Descriptor) -> Self {
        let counted =
            || Counted { frames: Frames::new(), buffer: vec![0; READ_AT_ONCE].into_boxed_slice() };
        let counted = inner.connected().is_negotiated_h2().then(counted);
        Self { inner, counted, _descriptor: descriptor }
    }
}

impl<S> VendorStream<S> {
    fn sent(&mut self, bytes: &[u8]) {
        if let Some(counted) = &mut self.counted {
            counted.frames.send(bytes);
        }
    }
}

impl<S: Read + Unpin> Read for VendorStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { inner, counted, .. } = &mut *self;
        let inner = Pin::new(inner);
        let Some(Counted { frames, buffer: own }) = counted else {
            return inner.poll_read(context, buffer);
        };
        let most = own.len().min(buffer.remaining());
        let mut read = ReadBuf::new(own.get_mut(..most).unwrap_or_default());
        ready!(inner.poll_read(context, read.unfilled()))?;
        frames.receive(read.filled()).map_err(io::Error::other)?;
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for VendorStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.sent(bytes.get(..written).unwrap_or(bytes));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let bytes = slice.get(..left).unwrap_or(slice);
            self.sent(bytes);
            left -= bytes.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: Connection> Connection for VendorStream<S> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}
