//! The answer to a forwarded call: its head at once, its body as it comes.

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::HeaderMap;

use super::super::outcome::CallStats;
use super::super::retry::Deadline;
use crate::egress::Reply;
use crate::meter::Meter;
use crate::plugin::{CallError, CallPlace};

/// The most bytes of an answer that are read at once.
pub(super) const CHUNK_BYTES_MAX: u32 = 64 << 10;

/// A vendor's answer, its body still arriving. Dropping it closes the connection to the vendor.
pub(crate) struct Forwarded {
    /// The status, one of success.
    pub(crate) status: u16,
    /// The headers that programs read; always with a content type.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: ForwardedBody,
}

/// A failure of a forwarded call, before any content.
#[derive(Debug)]
pub(crate) struct ForwardFailure {
    /// The last attempt's failure.
    pub(crate) error: CallError,
    /// The vendor's own words, if the failure is a refusal of the vendor's.
    pub(crate) refusal: Option<VendorRefusal>,
    /// Attempts and times that it took.
    pub(crate) stats: CallStats,
}

impl ForwardFailure {
    /// Returns the failure of a call that can't be attempted.
    pub(super) fn before_any_attempt(error: CallError) -> Self {
        Self { error, refusal: None, stats: CallStats::default() }
    }
}

/// A vendor's refusal, without the host's secrets.
#[derive(Debug)]
pub(crate) struct VendorRefusal {
    /// The status.
    pub(crate) status: u16,
    /// The headers that programs read; always with a content type.
    pub(crate) headers: HeaderMap,
    /// The body, or the first 64 KiB of it.
    pub(crate) body: Bytes,
    /// True if the body is whole.
    pub(crate) whole: bool,
}

/// The body of a vendor's answer, as it comes.
pub(crate) struct ForwardedBody {
    /// The bytes that came with the head. Nothing once they are passed on.
    first: Option<Bytes>,
    reply: Reply,
    /// Keeps the call's place until the body has been passed on.
    _place: CallPlace,
    deadline: Deadline,
    meter: Meter,
    attempts: u32,
    ended: bool,
}

impl ForwardedBody {
    pub(super) fn new(
        first: Bytes,
        reply: Reply,
        place: CallPlace,
        deadline: Deadline,
        meter: Meter,
        attempts: u32,
    ) -> Self {
        let ended = first.is_empty();
        let first = Some(first).filter(|first| !first.is_empty());
        Self { first, reply, _place: place, deadline, meter, attempts, ended }
    }

    /// Waits for more of the body; nothing at its end and after a failure.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        if self.ended {
            return None;
        }
        let more = self.deadline.hold(self.reply.read(CHUNK_BYTES_MAX)).await;
        let more = more.and_then(|more| more.map_err(CallError::from));
        self.ended = more.as_ref().is_ok_and(Vec::is_empty) || more.is_err();
        match more {
            Ok(more) if more.is_empty() => None,
            more => Some(more.map(Bytes::from)),
        }
    }

    /// Returns the body as a stream, which ends with the body or a failure.
    #[allow(dead_code, reason = "tests read a body so")]
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, CallError>> + Send {
        unfold(self, |mut body| async move { body.next().await.map(|more| (more, body)) })
    }

    /// Waits for all of the body. The provider's `response-bytes` bounds it.
    ///
    /// # Errors
    /// When it breaks off.
    pub(crate) async fn whole(&mut self) -> Result<Bytes, CallError> {
        let mut whole = BytesMut::new();
        while let Some(more) = self.next().await {
            whole.extend_from_slice(&more?);
        }
        Ok(whole.freeze())
    }

    /// Returns attempts and times so far.
    pub(crate) fn stats(&self) -> CallStats {
        let Self { attempts, meter, .. } = self;
        CallStats { attempts: *attempts, vendor: meter.vendor(), plugin: meter.plugin() }
    }
}
