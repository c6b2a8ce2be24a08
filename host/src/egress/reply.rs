//! A vendor's answer as the guest reads it: decoded, bounded in size, in time between pieces, and
//! free of the host's secrets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::response::Parts;
use http::{HeaderName, HeaderValue, Response, header};
use hyper::body::{Body as _, Incoming};

use super::body::Body;
use super::coding::{Coding, Decoder, UnknownCoding};
use super::error::{SendError, causes};
use super::framing::{Event, Framer, TooLarge};
use super::limits::exceeded;
use super::message::{Message, MessageError};
use super::provider_egress::Egress;
use super::request::Header;
use super::secrets::Redactor;
use crate::config::Limit;
use crate::meter::Meter;

/// The most events that are handed over at once.
const EVENTS_MAX: usize = 256;
/// Steps of decoding, of 16 KiB each, after which others get their turn: some hundred microseconds.
const STEPS_AT_ONCE: usize = 16;

/// An answer, its body still arriving. Dropping it closes the connection if the body isn't at its
/// end.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Reply {
    head: Parts,
    body: Body,
    /// Undoes the body's encoding, if it has one.
    decoder: Option<Decoder>,
    /// Pieces of the body that are yet to be decoded.
    encoded: VecDeque<Bytes>,
    /// Steps of decoding since others had their turn.
    steps: usize,
    /// Between the vendor's bytes and all that the guest reads.
    redactor: Redactor,
    framer: Framer,
    /// The way in which the body is read, once some of it has been.
    reading: Option<Reading>,
    egress: Arc<Egress>,
    /// The reason why there are no more events, returned when the next is asked for.
    failed: Option<SendError>,
    /// Bytes of the body that have come, and those that they were decoded to.
    received: usize,
    decoded: usize,
    meter: Meter,
}

/// A way of reading a body. Secrets are taken out of text before it is framed, and out of messages
/// once they are framed and verified; so the two don't mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Text,
    Messages,
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
        let decoder = match Coding::of(headers) {
            _ if response.body().is_end_stream() => None,
            Ok(coding) => coding.map(Decoder::new),
            Err(UnknownCoding(name)) => {
                let name = egress.secrets.redact(&name);
                return Err(SendError::Encoded(format!(
                    "the vendor's answer is encoded as {name:?} although it was asked not to be, and only gzip, deflate, \
                     br and zstd can be decoded"
                )));
            }
        };
        let redactor = Redactor::new(egress.secrets.clone());
        let framer = Framer::new(limits.event_bytes);
        let (mut head, body) = response.into_parts();
        // RFC 9110, 6.6.1: who takes an answer without a date says when it came. A guest may have
        // no clock to hold other dates of the answer against.
        head.headers.entry(header::DATE).or_insert_with(now);
        Ok(Self {
            head,
            body: Body::new(body),
            decoder,
            encoded: VecDeque::new(),
            steps: 0,
            redactor,
            framer,
            reading: None,
            egress,
            failed: None,
            received: 0,
            decoded: 0,
            meter,
        })
    }

    /// Counts the time of waiting for the body by another meter.
    pub(super) fn measure_by(&mut self, meter: Meter) {
        self.meter = meter;
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(crate) fn headers(&self) -> Vec<Header> {
        let visible = self.head.headers.iter().filter(|(name, _)| self.shows(name));
        visible
            .map(|(name, value)| Header {
                name: name.to_string(),
                value: self.egress.secrets.redact_header(value.as_bytes()),
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| self.shows(name))?;
        let value = self.head.headers.get(name)?;
        Some(self.egress.secrets.redact_header(value.as_bytes()))
    }

    /// Returns true if the guest sees this header. Of a body that was decoded it sees neither the
    /// encoding nor the length before.
    fn shows(&self, name: &HeaderName) -> bool {
        let decoded = self.decoder.is_some()
            && matches!(*name, header::CONTENT_ENCODING | header::CONTENT_LENGTH);
        *name != header::SET_COOKIE && !decoded
    }

    /// Holds the body to one way of reading.
    fn read_as(&mut self, reading: Reading) -> Result<(), SendError> {
        if *self.reading.get_or_insert(reading) == reading {
            return Ok(());
        }
        let what = "an answer whose body is read by `next-message` can't be read otherwise";
        Err(SendError::Invalid(what.into()))
    }

    /// The rest of the body, all at once.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, SendError> {
        self.read_as(Reading::Text)?;
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
        self.read_as(Reading::Text)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        loop {
            let bytes = self.framer.take_bytes(max);
            if !bytes.is_empty() || max == 0 || self.framer.ended() {
                return Ok(bytes);
            }
            self.receive().await?;
        }
    }

    /// This many bytes; fewer at the end.
    pub(crate) async fn read_exact(&mut self, count: u32) -> Result<Vec<u8>, SendError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let missing = u32::try_from(count - bytes.len()).unwrap_or(u32::MAX);
            let mut more = self.read(missing).await?;
            if more.is_empty() {
                break;
            }
            bytes.append(&mut more);
        }
        Ok(bytes)
    }

    /// The next message of a binary event stream; nothing at the end.
    pub(crate) async fn next_message(&mut self) -> Result<Option<Message>, SendError> {
        self.read_as(Reading::Messages)?;
        self.body.stream();
        loop {
            let limit = self.egress.limits.event_bytes;
            match Message::take(self.framer.buffer(), limit) {
                Ok(Some(message)) => return Ok(Some(message.without(&self.egress.secrets))),
                Ok(None) if !self.framer.ended() => self.receive().await?,
                Ok(None) if self.framer.buffer().is_empty() => return Ok(None),
                Ok(None) => {
                    let what = "the vendor's answer broke off in the middle of a message";
                    return Err(SendError::Interrupted(what.into()));
                }
                Err(MessageError::TooLarge) => return Err(self.frame_too_large("message")),
                Err(MessageError::Damaged(problem)) => {
                    let what = format!("a message of the vendor's answer is damaged: {problem}");
                    return Err(SendError::Interrupted(what));
                }
            }
        }
    }

    pub(crate) async fn next_event(&mut self) -> Result<Option<Event>, SendError> {
        self.read_as(Reading::Text)?;
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
        self.read_as(Reading::Text)?;
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
        if !self.encoded.is_empty() || self.decoder.as_ref().is_some_and(Decoder::has_more) {
            return self.decode().await;
        }
        let limits = &self.egress.limits;
        let waiting = self.meter.waiting();
        let more = tokio::time::timeout(limits.idle, self.body.more()).await;
        drop(waiting);
        match more {
            Ok(Ok(pieces)) => {
                if pieces.is_empty() {
                    return self.end();
                }
                for piece in pieces {
                    self.received = self.received.saturating_add(piece.len());
                    self.check_size(self.received)?;
                    if self.decoder.is_some() {
                        self.encoded.push_back(piece);
                    } else {
                        self.frame(&piece);
                    }
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

    /// Decodes a step further. What comes of it is read before the next step, so a small piece that
    /// decodes to much takes no memory for it.
    async fn decode(&mut self) -> Result<(), SendError> {
        if self.steps == STEPS_AT_ONCE {
            tokio::task::yield_now().await;
            self.steps = 0;
        }
        self.steps += 1;
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let input = self.encoded.front().map_or(&[][..], |piece| piece);
        let mut decoded = 0;
        let as_messages = self.reading == Some(Reading::Messages);
        let taken = decoder.step(input, |bytes| {
            decoded = bytes.len();
            match as_messages {
                true => self.framer.feed(bytes),
                false => self.redactor.feed(bytes, |bytes| self.framer.feed(bytes)),
            }
        });
        let taken = taken.map_err(|error| {
            let name = decoder.coding.name();
            SendError::Encoded(format!(
                "the vendor's answer says that it is {name}, and isn't: {error}"
            ))
        })?;
        if let Some(piece) = self.encoded.front_mut() {
            piece.advance(taken);
            if piece.is_empty() {
                self.encoded.pop_front();
            }
        }
        self.decoded = self.decoded.saturating_add(decoded);
        self.check_size(self.decoded)
    }

    /// Takes bytes of the body, without secrets as far as they are decided here.
    fn frame(&mut self, bytes: &[u8]) {
        match self.reading {
            Some(Reading::Messages) => self.framer.feed(bytes),
            Some(Reading::Text) | None => {
                self.redactor.feed(bytes, |bytes| self.framer.feed(bytes))
            }
        }
    }

    /// No more of the body will come.
    fn end(&mut self) -> Result<(), SendError> {
        if let Some(decoder) = &mut self.decoder
            && !decoder.finish()
        {
            let name = decoder.coding.name();
            return Err(SendError::Interrupted(format!(
                "the vendor's answer broke off: it is {name}, and its end is missing"
            )));
        }
        self.redactor.end(|bytes| self.framer.feed(bytes));
        self.framer.end();
        Ok(())
    }

    fn check_size(&self, bytes: usize) -> Result<(), SendError> {
        let limit = self.egress.limits.response_bytes;
        if bytes <= limit {
            return Ok(());
        }
        let what = format!("the vendor's answer is larger than {limit} bytes");
        Err(SendError::TooLarge(exceeded(what, Limit::ResponseBytes)))
    }

    fn frame_too_large(&self, what: &str) -> SendError {
        let limit = self.egress.limits.event_bytes;
        let what = format!("one {what} of the vendor's answer is larger than {limit} bytes");
        SendError::TooLarge(exceeded(what, Limit::EventBytes))
    }
}

/// Returns the time, as HTTP writes it.
fn now() -> HeaderValue {
    let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    // Letters, digits, commas, colons and spaces, all of which a header may hold.
    HeaderValue::try_from(now).unwrap_or(HeaderValue::from_static(""))
}
