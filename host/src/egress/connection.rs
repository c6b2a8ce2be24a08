//! A TCP connection that is read to its end even if it can't be written to any more. A vendor that
//! refuses a large request answers, and closes without reading the rest; what was then still to be
//! written fails, and hyper would give up before it has read the answer. So a failed write is taken
//! for done, and a reset before everything was written for the end: what counts is the answer, or
//! that there is none.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to a vendor.
pub(super) struct VendorConnection {
    tcp: TokioIo<TcpStream>,
    /// A write failed. Every later one would.
    deaf: bool,
    /// Something waits to be written.
    writing: bool,
}

impl VendorConnection {
    pub(super) fn new(tcp: TokioIo<TcpStream>) -> Self {
        Self { tcp, deaf: false, writing: false }
    }

    /// Returns the bytes that were written, or all of them if nobody takes any.
    fn written(&mut self, result: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        self.writing = result.is_pending();
        result.map(|result| {
            result.or_else(|_| {
                self.deaf = true;
                Ok(all)
            })
        })
    }
}

impl Read for VendorConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.tcp).poll_read(context, buffer));
        let refused = |error: &io::Error| {
            (self.deaf || self.writing) && error.kind() == io::ErrorKind::ConnectionReset
        };
        Poll::Ready(result.or_else(|error| if refused(&error) { Ok(()) } else { Err(error) }))
    }
}

impl Write for VendorConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.written(result, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(all));
        }
        let result = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        self.written(result, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl Connection for VendorConnection {
    fn connected(&self) -> Connected {
        self.tcp.connected()
    }
}
