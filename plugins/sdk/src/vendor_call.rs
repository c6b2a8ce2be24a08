//! One question to the vendor and its answer: the part of a provider that waits. What is said and
//! what it means is the provider's own.

use std::cell::RefCell;

use crate::http::{self, Body, Header, HttpRequest, Reply, SseEvent};
use crate::llm::{Delta, Event, NativeBody, ProviderError};
use crate::{Deltas, GuestDeltas};

/// An answer that the vendor has accepted to give.
pub struct VendorCall {
    reply: Reply,
    /// The header with the vendor's id of the request.
    request_id: &'static str,
}

/// A streamed answer as its events tell it. It does no I/O, so that tests can feed it the vendor's
/// words.
pub trait EventStream {
    /// Takes one event. It may tell nothing, one thing or several.
    ///
    /// # Errors
    /// What the event says of a failure, or in what it contradicts the vendor's API.
    fn take(&mut self, event: &SseEvent) -> Result<Vec<Delta>, ProviderError>;

    /// Returns true if the vendor's own mark of the end has come.
    fn is_finished(&self) -> bool;

    /// The error when the body ends without that mark.
    fn end(&self) -> ProviderError;
}

impl VendorCall {
    /// Posts a JSON body. `refusal` makes the error of an answer whose status isn't a success, from
    /// its status, headers and body; `request_id` is the header with the vendor's id of the
    /// request.
    ///
    /// # Errors
    /// When the vendor can't be reached, or refuses.
    pub fn post(
        url: String,
        headers: Vec<Header>,
        body: String,
        request_id: &'static str,
        refusal: impl FnOnce(u16, &[Header], &str) -> ProviderError,
    ) -> Result<Self, ProviderError> {
        let request =
            HttpRequest { method: "POST".into(), url, headers, body: Some(Body::Text(body)) };
        let reply = http::send(&request)?;
        let status = reply.status();
        if (200..300).contains(&status) {
            return Ok(Self { reply, request_id });
        }
        // A refusal whose words can't be read is still that refusal.
        let words = reply.read_text().unwrap_or_default();
        Err(refusal(status, &reply.headers(), &words))
    }

    /// The whole answer, as `read` understands its body.
    ///
    /// # Errors
    /// Those of the connection and of `read`.
    pub fn whole<T>(
        self,
        read: impl FnOnce(&str) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let body = self.reply.read_text().map_err(ProviderError::from);
        body.and_then(|body| read(&body))
            .map_err(|error| with_request_id(error, &self.reply, self.request_id))
    }

    /// The answer bit by bit, as `stream` understands its events. An answer that isn't a stream is
    /// an error; `not_a_stream` makes it of the content type and the body.
    ///
    /// # Errors
    /// When the answer isn't a stream.
    pub fn stream(
        self,
        stream: impl EventStream + 'static,
        not_a_stream: impl FnOnce(&str, &str) -> ProviderError,
    ) -> Result<Deltas, ProviderError> {
        let Self { reply, request_id } = self;
        // Absent is tolerated: then the events tell whether it is a stream.
        if let Some(content_type) =
            reply.find_header("content-type").filter(|it| !is_event_stream(it))
        {
            let error = not_a_stream(&content_type, &reply.read_text().unwrap_or_default());
            return Err(with_request_id(error, &reply, request_id));
        }
        let progress = RefCell::new(Progress { stream: Box::new(stream), failed: None });
        Ok(Deltas::new(Listening { reply, request_id, progress }))
    }
}

/// A streamed answer on its way.
pub struct Listening {
    reply: Reply,
    request_id: &'static str,
    progress: RefCell<Progress>,
}

/// The progress of a stream.
struct Progress {
    stream: Box<dyn EventStream>,
    /// The reason why nothing comes any more, to be told when what came before it has been.
    failed: Option<ProviderError>,
}

impl GuestDeltas for Listening {
    fn next(&self) -> Result<Vec<Delta>, ProviderError> {
        self.listen().map_err(|error| with_request_id(error, &self.reply, self.request_id))
    }
}

impl Listening {
    /// Reads events until some of them tell something.
    fn listen(&self) -> Result<Vec<Delta>, ProviderError> {
        let Progress { stream, failed } = &mut *self.progress.borrow_mut();
        if let Some(error) = failed.take() {
            return Err(error);
        }
        let mut told = Vec::new();
        while told.is_empty() && !stream.is_finished() {
            let events = self.reply.next_events()?;
            if events.is_empty() {
                return Err(stream.end());
            }
            for event in &events {
                match stream.take(event) {
                    Ok(deltas) => told.extend(deltas),
                    Err(error) if told.is_empty() => return Err(error),
                    // First what was told before it.
                    Err(error) => {
                        *failed = Some(error);
                        return Ok(told);
                    }
                }
                if stream.is_finished() {
                    break;
                }
            }
        }
        Ok(told)
    }
}

/// What one event of the vendor's tells, for a caller who speaks its dialect or not. The first
/// delta carries the vendor's own words, so that they are passed on once.
pub fn deltas(events: Vec<Event>, mut native: Option<NativeBody>) -> Vec<Delta> {
    events.into_iter().map(|event| Delta { event, native: native.take() }).collect()
}

/// The headers of a question in JSON.
pub fn headers(stream: bool) -> Vec<Header> {
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let accept = if stream { "text/event-stream" } else { "application/json" };
    vec![header("content-type", "application/json"), header("accept", accept)]
}

fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

/// Every failure after the vendor's first word can be looked up by its support. The header is asked
/// for only then: most answers don't fail, and each question to the host costs.
fn with_request_id(mut error: ProviderError, reply: &Reply, request_id: &str) -> ProviderError {
    error.request_id = error.request_id.or_else(|| reply.find_header(request_id));
    error
}
