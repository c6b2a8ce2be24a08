//! A reply turned into the operations of a connection: what to write, in which pieces, and where to
//! wait or break.
//!
//! Done once when the reply is queued, so that a vendor that gives the same reply a million times
//! is fast.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Cuts, Framing, Incident};
use crate::gate::Gate;
use crate::reply::Reply;

/// The operations of a connection for one reply. When it ends without closing, the connection takes
/// the next request.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    ops: Arc<[Op]>,
    early: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// One write of the socket.
    Write(Vec<u8>),
    /// The same, for as long as the client reads.
    WriteForever(Vec<u8>),
    Wait(Gate),
    Sleep(Duration),
    Stall,
    Reset,
    Close,
}

impl Script {
    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Returns true if it is played before the request's body has come, and ends the connection.
    pub(crate) fn is_early(&self) -> bool {
        self.early
    }
}

impl From<Incident> for Op {
    fn from(incident: Incident) -> Self {
        match incident {
            Incident::Wait(gate) => Self::Wait(gate),
            Incident::Sleep(duration) => Self::Sleep(duration),
            Incident::Stall => Self::Stall,
            Incident::Reset => Self::Reset,
            Incident::Close => Self::Close,
        }
    }
}

impl Reply {
    pub(crate) fn into_script(mut self) -> Script {
        let mut ops: Vec<Op> = std::mem::take(&mut self.before).into_iter().map(Op::from).collect();
        if !ops.iter().any(Op::is_end) {
            let mut incidents = std::mem::take(&mut self.incidents);
            // Stable: what happens at one place keeps the order in which the test told it.
            incidents.sort_by_key(|(position, _)| *position);
            if let Some((last, incident)) = incidents.last() {
                assert!(
                    *last <= self.body.len(),
                    "{incident:?} at byte {last} of a body of {}",
                    self.body.len()
                );
            }
            self.write_body(&mut ops, incidents);
        }
        Script { ops: ops.into(), early: self.early }
    }

    /// The head, then the body piece by piece, up to the end or to the incident that ends it.
    fn write_body(&self, ops: &mut Vec<Op>, incidents: Vec<(usize, Incident)>) {
        // The head goes into one write with a body that nothing interrupts, as servers do.
        let mut head = self.head();
        let mut pieces = self.pieces(&incidents);
        if let ([(0, end)], true) =
            (pieces.as_slice(), incidents.is_empty() && self.endless.is_none())
        {
            head.extend(self.frame(&self.body[..*end]));
            pieces.clear();
        }
        ops.extend((!head.is_empty()).then_some(Op::Write(head)));

        let mut incidents = incidents.into_iter().peekable();
        for (start, end) in pieces {
            while let Some((position, incident)) =
                incidents.next_if(|(position, _)| *position < end)
            {
                let op = Op::from(incident);
                // An ending inside a piece leaves a chunk that announced more than it brought.
                if position > start {
                    let whole = self.frame(&self.body[start..end]);
                    let missing = end - position + self.frame_tail();
                    ops.push(Op::Write(whole[..whole.len() - missing].to_vec()));
                }
                let ends = op.is_end();
                ops.push(op);
                if ends {
                    return;
                }
            }
            // Between writes, not after the last: nobody should wait for the end of an answer that
            // is already there.
            ops.extend(self.pace.filter(|_| start > 0).map(Op::Sleep));
            ops.push(Op::Write(self.frame(&self.body[start..end])));
        }
        for (_, incident) in incidents {
            let op = Op::from(incident);
            let ends = op.is_end();
            ops.push(op);
            if ends {
                return;
            }
        }
        if let Some(again) = &self.endless {
            ops.push(Op::WriteForever(self.frame(again)));
            return;
        }
        if self.framing == Framing::Chunked {
            // The last chunk goes with the body if nothing came between.
            match ops.last_mut() {
                Some(Op::Write(bytes)) if !self.is_cut() => bytes.extend(b"0\r\n\r\n"),
                _ => ops.push(Op::Write(b"0\r\n\r\n".to_vec())),
            }
        }
        let lied = matches!(self.framing, Framing::Claimed(length) if length != self.body.len());
        if self.closes || lied {
            ops.push(Op::Close);
        }
    }

    fn head(&self) -> Vec<u8> {
        if self.framing == Framing::Raw {
            return Vec::new();
        }
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let framing = match self.framing {
            Framing::Length => Some(("content-length", self.body.len().to_string())),
            Framing::Claimed(length) => Some(("content-length", length.to_string())),
            Framing::Chunked => Some(("transfer-encoding", "chunked".to_owned())),
            Framing::Close | Framing::Raw => None,
        };
        let closes = self.closes.then(|| ("connection", "close".to_owned()));
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in given.chain(framing).chain(closes) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn is_cut(&self) -> bool {
        match &self.cuts {
            Cuts::Every(_) => true,
            Cuts::At(positions) => !positions.is_empty(),
        }
    }

    /// Returns the beginning and the end of each write. A pause ends a write too; an ending doesn't,
    /// it breaks one.
    fn pieces(&self, incidents: &[(usize, Incident)]) -> Vec<(usize, usize)> {
        let length = self.body.len();
        let mut ends: Vec<usize> = match &self.cuts {
            Cuts::Every(bytes) => (0..length).step_by(*bytes).skip(1).collect(),
            Cuts::At(positions) => positions.clone(),
        };
        ends.extend(incidents.iter().filter_map(|(position, incident)| {
            matches!(incident, Incident::Wait(_) | Incident::Sleep(_)).then_some(*position)
        }));
        ends.push(length);
        ends.retain(|end| (1..=length).contains(end));
        ends.sort_unstable();
        ends.dedup();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends.iter().copied()).collect()
    }

    fn frame(&self, piece: &[u8]) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return piece.to_vec();
        }
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        chunk
    }

    /// The number of bytes `frame` writes after a piece.
    fn frame_tail(&self) -> usize {
        if self.framing == Framing::Chunked { b"\r\n".len() } else { 0 }
    }
}

impl Op {
    fn is_end(&self) -> bool {
        matches!(self, Self::Stall | Self::Reset | Self::Close)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        // HTTP allows an empty reason, and vendors' own codes such as 529 have none.
        _ => "",
    }
}
