//! The vendor's answers, and what goes wrong with them, as a test writes them down.

use std::time::Duration;

use serde_json::Value;

use crate::delivery::{Cuts, Framing, Incident};
use crate::gate::Gate;

/// One answer of the vendor. Made by [`json`](Self::json), [`sse`](Self::sse),
/// [`status`](Self::status), …; the other functions change how it is sent. Positions count bytes of
/// the body.
///
/// Data that was sent just before a reset may be lost on its way: that is what resets do. A test
/// that must see it puts a gate between, and opens it once the data has arrived.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    pub(crate) body: Vec<u8>,
    pub(crate) cuts: Cuts,
    /// The ends of the events; without any, the body is one piece.
    events: Vec<usize>,
    /// The incidents before the first byte, in order.
    pub(crate) before: Vec<Incident>,
    /// The incidents in the body, in order at each place.
    pub(crate) incidents: Vec<(usize, Incident)>,
    pub(crate) pace: Option<Duration>,
    /// Sent again and again after the body.
    pub(crate) endless: Option<Vec<u8>>,
    pub(crate) closes: bool,
    /// Given as soon as the request's head has come.
    pub(crate) early: bool,
}

/// A step of [`Reply::steps`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this part of the body, in a write and a chunk of its own.
    Send(Vec<u8>),
    /// Wait until the gate is open.
    Wait(Gate),
    /// Reset the connection (RST). The last step.
    Reset,
    /// Close the connection (FIN) without the body's end. The last step.
    Close,
    /// Send nothing more and keep the connection open. The last step.
    Stall,
}

impl Step {
    /// Sends this part of the body.
    pub fn send(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Send(bytes.into())
    }

    /// Waits until the gate is open.
    pub fn wait(gate: &Gate) -> Self {
        Self::Wait(gate.clone())
    }
}

impl Reply {
    /// A status without a body. Add one with [`body`](Self::body).
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            framing: Framing::Length,
            body: Vec::new(),
            cuts: Cuts::At(Vec::new()),
            events: Vec::new(),
            before: Vec::new(),
            incidents: Vec::new(),
            pace: None,
            endless: None,
            closes: false,
            early: false,
        }
    }

    /// A JSON body.
    pub fn json(status: u16, body: Value) -> Self {
        Self::status(status).header("content-type", "application/json").body(body.to_string())
    }

    /// A `text/event-stream`. Each of these is a whole event (as
    /// [`claude::events`](crate::claude::events) makes them) and gets a write and a chunk of
    /// its own.
    pub fn sse(events: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let mut reply = Self::status(200)
            .header("content-type", "text/event-stream; charset=utf-8")
            .header("cache-control", "no-cache")
            .chunked();
        for event in events {
            reply.body.extend_from_slice(event.as_ref());
            reply.events.push(reply.body.len());
        }
        reply.cuts = Cuts::At(reply.events.clone());
        reply
    }

    /// A `text/event-stream`, given as text and sent event by event. What isn't well-formed stays
    /// so.
    pub fn sse_text(text: impl AsRef<str>) -> Self {
        Self::sse(text.as_ref().split_inclusive("\n\n"))
    }

    /// A `text/event-stream` told step by step: what is sent, where it waits, how it ends. Change
    /// the status and the headers as with other replies.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut reply = Self::sse([""; 0]);
        for step in steps {
            let incident = match step {
                Step::Send(bytes) => {
                    reply.body.extend(bytes);
                    reply.events.push(reply.body.len());
                    continue;
                }
                Step::Wait(gate) => Incident::Wait(gate),
                Step::Reset => Incident::Reset,
                Step::Close => Incident::Close,
                Step::Stall => Incident::Stall,
            };
            reply.incidents.push((reply.body.len(), incident));
        }
        reply.cuts = Cuts::At(reply.events.clone());
        reply
    }

    /// These bytes on the wire instead of an HTTP answer, then the end of the connection: for
    /// broken status lines, heads cut in pieces and whatever else no HTTP library would write.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { framing: Framing::Raw, ..Self::status(0) }.body(bytes).connection_close()
    }

    /// No answer at all, on a connection that stays open.
    pub fn stall() -> Self {
        Self { before: vec![Incident::Stall], ..Self::status(200) }
    }

    /// Answers as soon as the request's head has come, and closes the connection without reading the
    /// body, as proxies do that refuse a large request. If the client still sends, that is a reset.
    pub fn before_request_body(mut self) -> Self {
        self.early = true;
        self
    }

    /// Adds a header, or replaces the one of that name that was there by default.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(given, _)| {
            !(given.eq_ignore_ascii_case(name) && name.eq_ignore_ascii_case("content-type"))
        });
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.events.clear();
        self
    }

    /// Sends the body in writes of this many bytes, each a chunk and a TCP segment of its own.
    pub fn cut_every(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "cut_every(0) would cut the body into nothing");
        self.cuts = Cuts::Every(bytes);
        self.cut()
    }

    /// Cuts the body at these places and nowhere else, each part a write and a chunk of its own.
    pub fn cut_at(mut self, positions: &[usize]) -> Self {
        self.cuts = Cuts::At(positions.to_vec());
        self.cut()
    }

    fn cut(self) -> Self {
        if self.framing == Framing::Length { self.chunked() } else { self }
    }

    /// Frames the body by `transfer-encoding: chunked`. Streams and cut bodies are anyway.
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Claims this `content-length`, whatever the body's is. If it is wrong, the connection is
    /// closed after the body.
    pub fn content_length(mut self, length: usize) -> Self {
        self.framing = Framing::Claimed(length);
        self
    }

    /// Gives no length and ends the body by closing the connection, as HTTP/1.0 did.
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self.connection_close()
    }

    /// Closes the connection after the reply, and says so in a header.
    pub fn connection_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Goes on with this after the body, again and again, for as long as the client reads.
    pub fn endless(mut self, again: impl Into<Vec<u8>>) -> Self {
        let again = again.into();
        assert!(!again.is_empty(), "nothing, repeated, is not an endless body");
        self.endless = Some(again);
        self.cut()
    }

    /// Waits this long before the answer.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.before.push(Incident::Sleep(delay));
        self
    }

    /// Waits this long between the head and the body.
    pub fn delay_body(self, delay: Duration) -> Self {
        self.at(0, Incident::Sleep(delay))
    }

    /// Waits this long between writes: a slow drip, or the pace of a model.
    pub fn pace(mut self, pause: Duration) -> Self {
        self.pace = Some(pause);
        self
    }

    /// Waits at the gate before the answer.
    pub fn wait_before_headers(mut self, gate: &Gate) -> Self {
        self.before.push(Incident::Wait(gate.clone()));
        self
    }

    /// Waits at the gate between the head and the body.
    pub fn wait_before_body(self, gate: &Gate) -> Self {
        self.wait_at(0, gate)
    }

    /// Waits at the gate after so many events.
    pub fn wait_after(self, events: usize, gate: &Gate) -> Self {
        let position = match events {
            0 => 0,
            _ => *self.events.get(events - 1).unwrap_or_else(|| {
                panic!(
                    "wait_after({events}) on a reply of {} events: it would never wait",
                    self.events.len()
                )
            }),
        };
        self.wait_at(position, gate)
    }

    /// Waits at the gate after so many bytes of the body.
    pub fn wait_at(self, position: usize, gate: &Gate) -> Self {
        self.at(position, Incident::Wait(gate.clone()))
    }

    /// Sends nothing more after so many bytes of the body, on a connection that stays open.
    pub fn stall_mid_body(self, position: usize) -> Self {
        self.at(position, Incident::Stall)
    }

    /// Resets the connection (RST) instead of answering.
    pub fn reset_before_headers(mut self) -> Self {
        self.before.push(Incident::Reset);
        self
    }

    /// Closes the connection (FIN) instead of answering.
    pub fn close_before_headers(mut self) -> Self {
        self.before.push(Incident::Close);
        self
    }

    /// Resets the connection (RST) between the head and the body.
    pub fn reset_after_headers(self) -> Self {
        self.at(0, Incident::Reset)
    }

    /// Resets the connection (RST) after so many bytes of the body. A chunk that this cuts stays
    /// incomplete.
    pub fn reset_mid_body(self, position: usize) -> Self {
        self.at(position, Incident::Reset)
    }

    /// Closes the connection (FIN) after so many bytes of the body. A chunk that this cuts stays
    /// incomplete, and between chunks the last one is missing.
    pub fn close_mid_body(self, position: usize) -> Self {
        self.at(position, Incident::Close)
    }

    fn at(mut self, position: usize, incident: Incident) -> Self {
        self.incidents.push((position, incident));
        self
    }
}
