//! A vendor's answer as the guest reads it: bounded in size, in time between pieces, and free of the host's secrets.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::super::Meter;
use super::super::bindings::arete::provider::http::{Header, HttpError, SseEvent};
use super::super::framing::{Framer, TooLarge};
use super::egress::Egress;
use super::limits::beyond;
use super::secrets::Redactor;

/// An answer, its body still arriving. Dropping it closes the connection if the body isn't at its end.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Reply {
    response: Response<Incoming>,
    /// Between the vendor's bytes and all that the guest reads.
    redactor: Redactor,
    framer: Framer,
    egress: Arc<Egress>,
    /// Bytes of the body that have come.
    received: usize,
    meter: Meter,
}

impl Reply {
    /// Of an answer whose head has come.
    pub(super) fn new(response: Response<Incoming>, egress: Arc<Egress>, meter: Meter) -> Result<Self, HttpError> {
        let limits = &egress.limits;
        let headers = response.headers();
        if limits.headers < headers.len() {
            let what = format!("the vendor's answer has {} headers, more than {}", headers.len(), limits.headers);
            return Err(HttpError::TooLarge(beyond(what, "headers")));
        }
        if limits.header_bytes < headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum() {
            let what = format!("the headers of the vendor's answer are larger than {} bytes", limits.header_bytes);
            return Err(HttpError::TooLarge(beyond(what, "header-bytes")));
        }
        let redactor = Redactor::new(egress.secrets.clone());
        let framer = Framer::new(limits.event_bytes);
        Ok(Self { response, redactor, framer, egress, received: 0, meter })
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn headers(&self) -> Vec<Header> {
        let visible = self.response.headers().iter().filter(|(name, _)| **name != header::SET_COOKIE);
        visible
            .map(|(name, value)| Header {
                name: name.to_string(),
                value: self.egress.secrets.redact_header(value.as_bytes()),
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers: &HeaderMap = self.response.headers();
        headers
            .get(name)
            .filter(|_| !name.eq_ignore_ascii_case("set-cookie"))
            .map(|value| self.egress.secrets.redact_header(value.as_bytes()))
    }

    /// The rest of the body, all at once.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut bytes = self.framer.take_bytes(usize::MAX);
        while !self.framer.ended() {
            self.receive().await?;
            bytes.append(&mut self.framer.take_bytes(usize::MAX));
        }
        Ok(bytes)
    }

    /// The rest of the body, all at once, as text.
    pub(crate) async fn text(&mut self) -> Result<String, HttpError> {
        String::from_utf8(self.bytes().await?)
            .map_err(|error| HttpError::NotText(format!("the vendor's answer isn't UTF-8: {}", error.utf8_error())))
    }

    /// At most `max` bytes; none at the end.
    pub(crate) async fn read(&mut self, max: u32) -> Result<Vec<u8>, HttpError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        loop {
            let bytes = self.framer.take_bytes(max);
            if !bytes.is_empty() || max == 0 || self.framer.ended() {
                return Ok(bytes);
            }
            self.receive().await?;
        }
    }

    pub(crate) async fn next_event(&mut self) -> Result<Option<SseEvent>, HttpError> {
        loop {
            if let Some(event) = self.framer.next_event().map_err(|TooLarge| self.frame_too_large("event"))? {
                return Ok(Some(SseEvent { name: event.name, data: event.data, id: event.id }));
            }
            if self.framer.ended() {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    pub(crate) async fn next_line(&mut self) -> Result<Option<String>, HttpError> {
        loop {
            if let Some(line) = self.framer.next_line().map_err(|TooLarge| self.frame_too_large("line"))? {
                return Ok(Some(line));
            }
            if self.framer.ended() {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Waits for the next piece of the body, or for its end.
    async fn receive(&mut self) -> Result<(), HttpError> {
        let limits = &self.egress.limits;
        let waiting = self.meter.waiting();
        let chunk = tokio::time::timeout(limits.idle, chunk(self.response.body_mut())).await;
        drop(waiting);
        match chunk {
            Ok(Ok(Some(chunk))) => {
                self.received = self.received.saturating_add(chunk.len());
                if limits.response_bytes < self.received {
                    let what = format!("the vendor's answer is larger than {} bytes", limits.response_bytes);
                    return Err(HttpError::TooLarge(beyond(what, "response-bytes")));
                }
                self.redactor.feed(&chunk, |bytes| self.framer.feed(bytes));
                Ok(())
            }
            Ok(Ok(None)) => {
                self.redactor.end(|bytes| self.framer.feed(bytes));
                self.framer.end();
                Ok(())
            }
            Ok(Err(error)) => {
                let causes = super::causes(&error);
                let causes = self.egress.secrets.redact(&causes);
                Err(HttpError::Interrupted(format!("the vendor's answer broke off: {causes}")))
            }
            Err(_) => {
                let what = format!("the vendor was silent for {:?}", limits.idle);
                Err(HttpError::Timeout(beyond(what, "idle-timeout")))
            }
        }
    }

    fn frame_too_large(&self, what: &str) -> HttpError {
        let limit = self.egress.limits.event_bytes;
        let what = format!("one {what} of the vendor's answer is larger than {limit} bytes");
        HttpError::TooLarge(beyond(what, "event-bytes"))
    }
}

/// The next bytes of a body; nothing at its end. Trailers are passed over.
async fn chunk(body: &mut Incoming) -> hyper::Result<Option<Bytes>> {
    loop {
        match body.frame().await.transpose()?.map(http_body::Frame::into_data) {
            Some(Ok(data)) => return Ok(Some(data)),
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}
