//! A vendor's answer as the guest reads it: bounded in size, in time between pieces, and free of the host's secrets.

use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};

use super::super::Meter;
use super::super::bindings::arete::provider::http::{Header, HttpError, SseEvent};
use super::super::framing::{Framer, TooLarge};
use super::OutboundLimits;

/// Secrets shorter than this are looked for in headers alone: placeholders such as `none` or `ollama` are words that a
/// model may well say.
const SECRET_MIN: usize = 16;
/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

/// An answer, its body still arriving. Dropping it closes the connection if the body isn't at its end.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Reply {
    response: reqwest::Response,
    framer: Framer,
    limits: OutboundLimits,
    secrets: Vec<SecretString>,
    /// Bytes of the body that have come.
    received: usize,
    meter: Meter,
}

impl Reply {
    pub(super) fn new(
        response: reqwest::Response,
        limits: OutboundLimits,
        secrets: Vec<SecretString>,
        meter: Meter,
    ) -> Self {
        let framer = Framer::new(limits.event_bytes);
        Self { response, framer, limits, secrets, received: 0, meter }
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn headers(&self) -> Vec<Header> {
        let visible = self.response.headers().iter().filter(|(name, _)| **name != header::SET_COOKIE);
        visible.map(|(name, value)| Header { name: name.to_string(), value: self.redacted(value.as_bytes()) }).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers: &HeaderMap = self.response.headers();
        headers
            .get(name)
            .filter(|_| !name.eq_ignore_ascii_case("set-cookie"))
            .map(|value| self.redacted(value.as_bytes()))
    }

    /// The rest of the body, all at once.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, HttpError> {
        match String::from_utf8(self.raw_bytes().await?) {
            Ok(text) => Ok(self.without_secrets(text).into_bytes()),
            Err(error) => Ok(error.into_bytes()),
        }
    }

    /// The rest of the body, all at once, as text.
    pub(crate) async fn text(&mut self) -> Result<String, HttpError> {
        match String::from_utf8(self.raw_bytes().await?) {
            Ok(text) => Ok(self.without_secrets(text)),
            Err(error) => Err(HttpError::NotText(format!("the vendor's answer isn't UTF-8: {}", error.utf8_error()))),
        }
    }

    async fn raw_bytes(&mut self) -> Result<Vec<u8>, HttpError> {
        let mut bytes = self.framer.take_bytes(usize::MAX);
        while self.receive().await? {
            bytes.append(&mut self.framer.take_bytes(usize::MAX));
        }
        Ok(bytes)
    }

    /// At most `max` bytes; none at the end. The one way to read that may cut a secret in two, and so doesn't look for
    /// any.
    pub(crate) async fn read(&mut self, max: u32) -> Result<Vec<u8>, HttpError> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        loop {
            let bytes = self.framer.take_bytes(max);
            if !bytes.is_empty() || max == 0 || !self.receive().await? {
                return Ok(bytes);
            }
        }
    }

    pub(crate) async fn next_event(&mut self) -> Result<Option<SseEvent>, HttpError> {
        loop {
            if let Some(event) = self.framer.next_event().map_err(|TooLarge| self.frame_too_large("event"))? {
                let data = self.without_secrets(event.data);
                return Ok(Some(SseEvent { name: event.name, data, id: event.id }));
            }
            if !self.receive().await? {
                return Ok(None);
            }
        }
    }

    pub(crate) async fn next_line(&mut self) -> Result<Option<String>, HttpError> {
        loop {
            if let Some(line) = self.framer.next_line().map_err(|TooLarge| self.frame_too_large("line"))? {
                return Ok(Some(self.without_secrets(line)));
            }
            if self.framer.ended() {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Waits for the next piece of the body; false at its end.
    async fn receive(&mut self) -> Result<bool, HttpError> {
        if self.framer.ended() {
            return Ok(false);
        }
        let waiting = self.meter.waiting();
        let chunk = tokio::time::timeout(self.limits.idle, self.response.chunk()).await;
        drop(waiting);
        match chunk {
            Ok(Ok(Some(chunk))) => {
                self.received = self.received.saturating_add(chunk.len());
                if self.limits.response_bytes < self.received {
                    let limit = self.limits.response_bytes;
                    return Err(HttpError::TooLarge(format!("the vendor's answer is larger than {limit} bytes")));
                }
                self.framer.feed(&chunk);
                Ok(true)
            }
            Ok(Ok(None)) => {
                self.framer.end();
                Ok(false)
            }
            Ok(Err(error)) => {
                Err(HttpError::Interrupted(format!("the vendor's answer broke off: {}", super::causes(&error))))
            }
            Err(_) => Err(HttpError::Timeout(format!("the vendor was silent for {:?}", self.limits.idle))),
        }
    }

    fn frame_too_large(&self, what: &str) -> HttpError {
        HttpError::TooLarge(format!(
            "one {what} of the vendor's answer is larger than {} bytes",
            self.limits.event_bytes
        ))
    }

    /// A piece of the body without what a vendor may have repeated of what it was sent. Copied only if there is any.
    fn without_secrets(&self, text: String) -> String {
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        let secrets = secrets.filter(|secret| SECRET_MIN <= secret.len());
        secrets.fold(text, |text, secret| if text.contains(secret) { text.replace(secret, REDACTED) } else { text })
    }

    /// A vendor may send back what it was sent.
    fn redacted(&self, value: &[u8]) -> String {
        let value = String::from_utf8_lossy(value);
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
        secrets.fold(value.into_owned(), |value, secret| value.replace(secret, REDACTED))
    }
}
