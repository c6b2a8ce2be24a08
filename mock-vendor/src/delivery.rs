//! The ways in which a reply is sent: how its body is framed and cut, and what happens on the way.

use std::time::Duration;

use crate::gate::Gate;

/// The mark by which the client knows the body's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `content-length`, as it is.
    Length,
    /// `content-length`, as the test claims.
    Claimed(usize),
    /// `transfer-encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
    /// The test writes the whole answer itself, head included.
    Raw,
}

/// The places at which the body is cut into writes.
#[derive(Clone, Debug)]
pub(crate) enum Cuts {
    At(Vec<usize>),
    Every(usize),
}

/// An event at some place of a reply.
#[derive(Clone, Debug)]
pub(crate) enum Incident {
    Wait(Gate),
    Sleep(Duration),
    Stall,
    Reset,
    Close,
}
