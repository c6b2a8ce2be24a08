//! The log of a guest: lines of its `log` import, and what it writes to standard output and error.
//! All of it goes to the operator's log with the provider's name, up to a bound per call. The end
//! of standard error and of the lines that tell of errors is kept, because there a panic leaves its
//! reason. The provider's credentials are taken out first: a guest may tell what a vendor repeated.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::{debug, enabled, error, info, trace, warn};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::bindings::arete::provider::log::Level;
use super::log_line::LogLine;
use crate::config::{Limit, Limits};
use crate::egress::{Redactor, Secrets};
use crate::plugin::bounds::STREAM_WRITE_MAX;
use crate::plugin::error::plain;

/// The longest line.
const LINE_MAX: usize = 4 << 10;
/// The bytes of the end of what tells of errors that are kept to explain a trap.
const TAIL_MAX: usize = 1 << 10;

/// The log of one call.
#[derive(Clone)]
pub(crate) struct GuestLog {
    provider: Arc<str>,
    secrets: Arc<Secrets>,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    lines_left: usize,
    bytes_left: usize,
    /// The end of standard error, and of the lines that tell of errors. Secrets are taken out of it
    /// when it is asked for: what it ends with is the reason of a trap, and isn't held back.
    tail: VecDeque<u8>,
    /// The number of the call of the instance.
    call: u64,
}

impl GuestLog {
    pub(crate) fn new(provider: Arc<str>, secrets: Arc<Secrets>, limits: &Limits) -> Self {
        let (lines_left, bytes_left) = (limits.log_lines(), limits.log_bytes());
        let shared = Shared { lines_left, bytes_left, tail: VecDeque::new(), call: 0 };
        Self { provider, secrets, shared: Arc::new(Mutex::new(shared)) }
    }

    /// Another call of the same instance begins.
    pub(crate) fn renew(&self, limits: &Limits) {
        let mut shared = self.shared();
        let (lines_left, bytes_left) = (limits.log_lines(), limits.log_bytes());
        *shared = Shared {
            lines_left,
            bytes_left,
            tail: VecDeque::new(),
            call: shared.call.wrapping_add(1),
        };
    }

    /// Short critical sections; nothing awaits in them.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if a line of this level would be written or kept. One that wouldn't costs
    /// nothing.
    pub(super) fn takes(&self, level: Level) -> bool {
        let written = match level {
            Level::Trace => enabled!(target: "plugin", tracing::Level::TRACE),
            Level::Debug => enabled!(target: "plugin", tracing::Level::DEBUG),
            Level::Info => enabled!(target: "plugin", tracing::Level::INFO),
            Level::Warn => enabled!(target: "plugin", tracing::Level::WARN),
            Level::Error => return true,
        };
        written && {
            let shared = self.shared();
            shared.lines_left != 0 && shared.bytes_left != 0
        }
    }

    /// Writes a line of the guest's `log` import.
    pub(super) fn write(&self, level: Level, line: &LogLine) {
        let line = line.redacted(&self.secrets);
        if level == Level::Error {
            // A guest without standard error leaves its reason here; that the call may log no more
            // is no reason to lose it.
            self.keep_tail(line.as_bytes());
            self.keep_tail(b"\n");
        }
        if let Some(line) = self.admit(&line) {
            let provider = &*self.provider;
            match level {
                Level::Trace => trace!(target: "plugin", provider, "{line}"),
                Level::Debug => debug!(target: "plugin", provider, "{line}"),
                Level::Info => info!(target: "plugin", provider, "{line}"),
                Level::Warn => warn!(target: "plugin", provider, "{line}"),
                Level::Error => error!(target: "plugin", provider, "{line}"),
            }
        }
    }

    /// A standard stream whose lines go to the log.
    pub(crate) fn stream(&self, name: &'static str) -> GuestStream {
        let redactor = Redactor::new(self.secrets.clone());
        GuestStream {
            redactor,
            lines: Lines { log: self.clone(), name, line: Vec::new(), call: 0 },
        }
    }

    /// The end of what the guest wrote to standard error, and of its lines that tell of errors.
    pub(crate) fn tail(&self) -> String {
        let mut shared = self.shared();
        let cut = shared.tail.len() == self.tail_kept();
        let tail = String::from_utf8_lossy(shared.tail.make_contiguous()).into_owned();
        drop(shared);
        let tail = self.secrets.redact(&tail);
        // Where it was cut, it may begin with half a secret.
        let unsafe_start = if cut { self.secrets.longest() } else { 0 };
        let start = unsafe_start.max(tail.len().saturating_sub(TAIL_MAX));
        tail.get(tail.ceil_char_boundary(start)..).unwrap_or_default().trim().to_owned()
    }

    /// Returns the number of bytes that are kept to make the tail of.
    fn tail_kept(&self) -> usize {
        TAIL_MAX.saturating_add(self.secrets.longest())
    }

    /// The line, made fit for a log, if this call may still write it.
    fn admit(&self, line: &str) -> Option<String> {
        let line: String = line.trim_end().chars().take(LINE_MAX).map(plain).collect();
        let mut shared = self.shared();
        if shared.lines_left == 0 || shared.bytes_left == 0 {
            return None;
        }
        shared.lines_left -= 1;
        shared.bytes_left = shared.bytes_left.saturating_sub(line.len().max(1));
        let met = match &*shared {
            Shared { lines_left: 0, .. } => Some(Limit::LogLines),
            Shared { bytes_left: 0, .. } => Some(Limit::LogBytes),
            _ => None,
        };
        if let Some(limit) = met {
            let (of, raise) = (limit.of(), limit.how_to_raise());
            warn!(
                target: "plugin",
                provider = &*self.provider,
                "The provider wrote more {of} than one call may, and the rest is dropped; {raise}"
            );
        }
        Some(line)
    }

    fn keep_tail(&self, bytes: &[u8]) {
        let most = self.tail_kept();
        let mut shared = self.shared();
        shared.tail.extend(bytes.iter().skip(bytes.len().saturating_sub(most)));
        let excess = shared.tail.len().saturating_sub(most);
        shared.tail.drain(..excess);
    }
}

/// One of a guest's standard streams.
pub(crate) struct GuestStream {
    redactor: Redactor,
    lines: Lines,
}

/// The text written so far, without secrets, and not yet a whole line.
struct Lines {
    log: GuestLog,
    name: &'static str,
    line: Vec<u8>,
    /// The call in which `line` was begun.
    call: u64,
}

impl GuestStream {
    fn take(&mut self, bytes: &[u8]) {
        let call = self.lines.log.shared().call;
        if self.lines.call != call {
            // The end of a line that another caller's call left without one has no place in this
            // one's.
            self.redactor = Redactor::new(self.lines.log.secrets.clone());
            self.lines.line.clear();
            self.lines.call = call;
        }
        if self.lines.name == "stderr" {
            self.lines.log.keep_tail(bytes);
        }
        self.redactor.feed(bytes, |bytes| self.lines.take(bytes));
    }
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' || LINE_MAX <= self.line.len() {
                self.flush_line();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    fn flush_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        if let Some(line) =
            self.log.admit(&String::from_utf8_lossy(&bytes)).filter(|line| !line.is_empty())
        {
            info!(target: "plugin", provider = &*self.log.provider, stream = self.name, "{line}");
        }
    }
}

impl Drop for GuestStream {
    fn drop(&mut self) {
        self.redactor.end(|bytes| self.lines.take(bytes));
        if !self.lines.line.is_empty() {
            self.lines.flush_line();
        }
    }
}

impl IsTerminal for GuestStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.lines.log.stream(self.lines.name))
    }

    /// Takes what the guest writes while the guest waits, so that it is charged for it: no task
    /// works on it elsewhere.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.lines.log.stream(self.lines.name))
    }
}

impl OutputStream for GuestStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if STREAM_WRITE_MAX < bytes.len() {
            return Err(StreamError::trap("more was written than the stream permits"));
        }
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(STREAM_WRITE_MAX)
    }
}

#[async_trait]
impl Pollable for GuestStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Grant;

    #[test]
    fn the_end_of_standard_error_is_kept_and_bounded() {
        let log = GuestLog::new("test".into(), Arc::default(), &Limits::default());
        let mut stream = log.stream("stderr");
        stream.take(&vec![b'x'; 10 * TAIL_MAX]);
        stream.take(b"\nthe reason\n");
        let tail = log.tail();
        assert!(tail.ends_with("the reason") && tail.len() <= TAIL_MAX, "{tail}");
    }

    #[test]
    fn the_end_of_lines_that_tell_of_errors_is_kept_even_if_they_are_not_logged() {
        let mut limits = Limits::default();
        limits.set(Limit::LogLines, 1);
        let log = GuestLog::new("test".into(), Arc::default(), &limits);
        log.write(Level::Info, &LogLine::new("all is well"));
        log.write(Level::Error, &LogLine::new(&"x".repeat(10 * TAIL_MAX)));
        log.write(Level::Error, &LogLine::new("the reason"));
        let tail = log.tail();
        assert!(tail.ends_with("\nthe reason") && !tail.contains("all is well"), "{tail}");
        assert!(tail.len() <= TAIL_MAX, "{tail}");
    }

    #[test]
    fn a_call_cannot_log_for_ever() {
        let log = GuestLog::new("test".into(), Arc::default(), &Limits::default());
        let admitted =
            (0..1_000_000).take_while(|_| log.admit(&"x".repeat(1_000)).is_some()).count();
        assert!(admitted <= (64 << 10) / 1_000 + 1, "{admitted}");
        assert_eq!(log.admit("more"), None);
    }

    #[test]
    fn lines_are_counted_too() {
        let mut limits = Limits::default();
        limits.set(Limit::LogLines, 3);
        let log = GuestLog::new("test".into(), Arc::default(), &limits);
        assert_eq!((0..10).filter(|_| log.admit("x").is_some()).count(), 3);
    }

    #[test]
    fn another_call_has_its_own_lines_and_finds_none_of_the_one_before() {
        let mut limits = Limits::default();
        limits.set(Limit::LogLines, 1);
        let log = GuestLog::new("test".into(), Arc::default(), &limits);
        let mut stream = log.stream("stderr");
        stream.take(b"a whole line\nhalf of");
        assert_eq!(log.admit("more"), None);

        log.renew(&limits);
        assert_eq!(log.tail(), "");
        stream.take(b"whole");
        assert_eq!(String::from_utf8_lossy(&stream.lines.line), "whole");
        assert_eq!(log.admit("more").as_deref(), Some("more"));
    }

    #[test]
    fn a_line_cannot_forge_another() {
        let log = GuestLog::new("test".into(), Arc::default(), &Limits::default());
        assert_eq!(log.admit("a\nb\u{1b}[31m").as_deref(), Some("a b [31m"));
    }

    #[test]
    fn a_key_that_a_vendor_repeated_is_not_logged() {
        const KEY: &str = "sk-ant-0123456789-of-the-vendor";
        let headers = vec![(http::HeaderName::from_static("x-api-key"), KEY.into())];
        let origin = url::Url::parse("https://api.example.com").unwrap().origin();
        let secrets = Arc::new(Secrets::new(&[Grant { headers, ..Grant::of(origin) }]));
        let log = GuestLog::new("test".into(), secrets, &Limits::default());
        let mut stream = log.stream("stderr");
        for piece in format!("vendor said: {KEY}\nsk-ant").as_bytes().chunks(5) {
            stream.take(piece);
        }
        // The end of the line may become one, and is the reason of a trap all the same.
        assert_eq!(String::from_utf8_lossy(&stream.lines.line), "");
        assert_eq!(log.tail(), "vendor said: [redacted]\nsk-ant");
        stream.take(&vec![b'x'; TAIL_MAX + 3 * KEY.len()]);
        stream.take(KEY.as_bytes());
        stream.take(&vec![b'x'; TAIL_MAX + log.secrets.longest() - KEY.len() / 2]);
        let tail = log.tail();
        assert!(tail.len() <= TAIL_MAX && tail.chars().all(|letter| letter == 'x'), "{tail}");

        log.renew(&Limits::default());
        stream.take(b"anew\n");
        drop(stream);
        assert_eq!(log.tail(), "anew");
        let line = LogLine::new(&format!("its key is {KEY}"));
        assert_eq!(line.redacted(&log.secrets), "its key is [redacted]");
    }
}
