//! A vendor's answer as the guest reads it: bounded in size, in time between pieces, and free of
//! the host's secrets.

use std::sync::Arc;

use http::response::Parts;
use http::{Response, header};
use hyper::body::Incoming;

use super::body::Body;
use super::error::{SendError, causes};
use super::framing::{Event, Framer, TooLarge};
use super::limits::exceeded;
use super::provider_egress::Egress;
use super::request::Header;
use super::secrets::Redactor;
use crate::config::Limit;
use crate::meter::Meter;

/// The most events that are handed over at once.
const EVENTS_MAX: usize = 256;

/// An answer, its body still arriving. Dropping it closes the connection if the body isn't at its
/// end.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Reply {
    head: Parts,
    body: Body,
    /// Between the vendor's bytes and all that the guest reads.
    redactor: Redactor,
    framer: Framer,
    egress: Arc<Egress>,
    /// The reason why there are no more events, returned when the next is asked for.
    failed: Option<SendError>,
    /// Bytes of the body that have come.
    received: usize,
    meter: Meter,
}

impl Reply {
    /// Of an answer whose head has come.
    pub(super) fn new(
        response: Response<Incoming>,
        egress: Arc<Egress>,
        meter: Meter,
    ) -> Result<Self, SendError> {
        let limits = &egress.limits;
        let headers = response.headers();
        if limits.headers < headers.len() {
            let what = format!(
                "the vendor's answer has {} headers, more than {}",
                headers.len(),
                limits.headers
            );
            return Err(SendError::TooLarge(exceeded(what, Limit::Headers)));
        }
        if limits.header_bytes
            < headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
        {
            let what = format!(
                "the headers of the vendor's answer are larger than {} bytes",
                limits.header_bytes
            );
            return Err(SendError::TooLarge(exceeded(what, Limit::HeaderBytes)));
        }
        let redactor = Redactor::new(egress.secrets.clone());
        let framer = Framer::new(limits.event_bytes);
        let (head, body) = response.into_parts();
        Ok(Self {
            head,
            body: Body::new(body),
            redactor,
            framer,
            egress,
            failed: None,
            received: 0,
            meter,
        })
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(crate) fn headers(&self) -> Vec<Header> {
        let visible = self.head.headers.iter().filter(|(name, _)| **name != header::SET_COOKIE);
        visible
            .map(|(name, value)| Header {
                name: name.to_string(),
                value: self.egress.secrets.redact_header(value.as_bytes()),
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = &self.head.headers;
        headers
            .get(name)
            .filter(|_| !name.eq_ignore_ascii_case("set-cookie"))
            .map(|value| self.egress.secrets.redact_header(value.as_bytes()))
    }

    /// The rest of the body, all at once.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, SendError> {
        let mut bytes = self.framer.take_bytes(usize::MAX);
        while !self.framer.ended() {
            self.receive().await?;
            bytes.append(&mut self.framer.take_bytes(usize::MAX));
        }
        Ok(bytes)
    }

    /// The rest of the body, all at once, as text.
    pub(crate) async fn text(&mut self) -> Result<String, SendError> {
        String::from_utf8(self.bytes().await?).map_err(|error| {
            SendError::NotText(format!("the vendor's answer isn't UTF-8: {}", error.utf8_error()))
        })
    }

    /// At most `max` bytes; none at the end.
    pub(crate) async fn read(&mut self, max: u32) -> Result<Vec<u8>, SendError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        loop {
            let bytes = self.framer.take_bytes(max);
            if !bytes.is_empty() || max == 0 || self.framer.ended() {
                return Ok(bytes);
            }
            self.receive().await?;
        }
    }

    pub(crate) async fn next_event(&mut self) -> Result<Option<Event>, SendError> {
        self.body.stream();
        loop {
            if let Some(event) = self.framed_event()? {
                return Ok(Some(event));
            }
            if self.framer.ended() {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    pub(crate) async fn next_events(&mut self) -> Result<Vec<Event>, SendError> {
        let mut events: Vec<Event> = self.next_event().await?.into_iter().collect();
        while !events.is_empty() && events.len() < EVENTS_MAX {
            match self.framed_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => {
                    // First what came before it.
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(events)
    }

    /// An event that has come already.
    fn framed_event(&mut self) -> Result<Option<Event>, SendError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let event = self.framer.next_event().map_err(|TooLarge| self.frame_too_large("event"))?;
        Ok(event)
    }

    pub(crate) async fn next_line(&mut self) -> Result<Option<String>, SendError> {
        self.body.stream();
        loop {
            if let Some(line) =
                self.framer.next_line().map_err(|TooLarge| self.frame_too_large("line"))?
            {
                return Ok(Some(line));
            }
            if self.framer.ended() {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Waits for the next piece of the body, or for its end.
    async fn receive(&mut self) -> Result<(), SendError> {
        let limits = &self.egress.limits;
        let waiting = self.meter.waiting();
        let more = tokio::time::timeout(limits.idle, self.body.more()).await;
        drop(waiting);
        match more {
            Ok(Ok(pieces)) => {
                if pieces.is_empty() {
                    self.redactor.end(|bytes| self.framer.feed(bytes));
                    self.framer.end();
                }
                for piece in pieces {
                    self.received = self.received.saturating_add(piece.len());
                    if limits.response_bytes < self.received {
                        let what = format!(
                            "the vendor's answer is larger than {} bytes",
                            limits.response_bytes
                        );
                        return Err(SendError::TooLarge(exceeded(what, Limit::ResponseBytes)));
                    }
                    self.redactor.feed(&piece, |bytes| self.framer.feed(bytes));
                }
                Ok(())
            }
            Ok(Err(error)) => {
                let causes = causes(&error);
                let causes = self.egress.secrets.redact(&causes);
                Err(SendError::Interrupted(format!("the vendor's answer broke off: {causes}")))
            }
            Err(_) => {
                let what = format!("the vendor was silent for {:?}", limits.idle);
                Err(SendError::Timeout(exceeded(what, Limit::IdleTimeout)))
            }
        }
    }

    fn frame_too_large(&self, what: &str) -> SendError {
        let limit = self.egress.limits.event_bytes;
        let what = format!("one {what} of the vendor's answer is larger than {limit} bytes");
        SendError::TooLarge(exceeded(what, Limit::EventBytes))
    }
}
