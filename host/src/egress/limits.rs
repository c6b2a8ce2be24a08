//! Bounds on one call's way out, and the sentence about one that was exceeded.

use std::fmt::Display;
use std::time::Duration;

use crate::config::{Limit, Limits};

/// Bounds on one call's exchanges with a vendor. An operator sets them under `[limits]` of a
/// provider's file, by the keys named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EgressLimits {
    /// `connect-timeout`: how long connecting may take, from the name's resolution to the end of
    /// the TLS handshake.
    pub connect: Duration,
    /// `first-byte-timeout`: how long the vendor may take until the head of its answer has come,
    /// connecting and sending included.
    pub first_byte: Duration,
    /// `idle-timeout`: how long the vendor may be silent between two pieces of its answer.
    pub idle: Duration,
    /// `request-bytes`: the largest body of a request.
    pub request_bytes: usize,
    /// `response-bytes`: the largest body of an answer.
    pub response_bytes: usize,
    /// `event-bytes`: the largest single line or event of an answer.
    pub event_bytes: usize,
    /// `headers`: how many headers a request or an answer may have.
    pub headers: usize,
    /// `header-bytes`: how many bytes the names and values of all headers may have together, in a
    /// request with its method and URL. Over HTTP/1 no answer's head may be larger than 400
    /// KiB, whatever is set here.
    pub header_bytes: usize,
    /// `requests`: how many requests one call may send.
    pub requests: u32,
}

impl From<&Limits> for EgressLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            connect: limits.connect_timeout(),
            first_byte: limits.first_byte_timeout(),
            idle: limits.idle_timeout(),
            request_bytes: limits.request_bytes(),
            response_bytes: limits.response_bytes(),
            event_bytes: limits.event_bytes(),
            headers: limits.headers(),
            header_bytes: limits.header_bytes(),
            requests: u32::try_from(limits.raw(Limit::Requests)).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
impl Default for EgressLimits {
    fn default() -> Self {
        (&Limits::default()).into()
    }
}

/// Returns a sentence about an exceeded limit that tells its reader how to raise it.
pub(super) fn exceeded(what: impl Display, limit: Limit) -> String {
    format!("{what} ({})", limit.how_to_raise())
}
