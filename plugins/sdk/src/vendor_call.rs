//! One question to the vendor and its answer: the part of a provider that waits. What is said and
//! what it means is the provider's own.

use std::cell::RefCell;

use crate::event_stream::{self, DeltaReader};
use crate::http::{self, Body, Header, HttpRequest, Reply};
use crate::llm::{Completion, Delta, ProviderError};
use crate::opening::{Known, Opening};
use crate::vendor_error::{self, Broken};
use crate::{Deltas, GuestDeltas};

/// An answer that the vendor has accepted to give.
pub struct VendorCall {
    reply: Reply,
    /// The header with the vendor's id of the request.
    request_id: &'static str,
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

    /// The answer bit by bit, as `reader` understands its events. Its content tells whether it is a
    /// stream, and not its content type, which what stands between may have changed. `unframed`
    /// reads the body of an answer that isn't one: the vendor's error, or a whole answer, or
    /// nothing that it knows.
    ///
    /// # Errors
    /// When the answer can't be read, or isn't one.
    pub fn stream(
        self,
        reader: DeltaReader,
        unframed: impl FnOnce(&str) -> Option<Result<Completion, ProviderError>>,
    ) -> Result<Deltas, ProviderError> {
        let Self { reply, request_id } = self;
        let progress = begin(&reply, reader, unframed)
            .map_err(|error| with_request_id(error, &reply, request_id))?;
        Ok(Deltas::new(Listening { reply, request_id, progress: RefCell::new(progress) }))
    }
}

/// Asks for a whole answer. `body` makes it a `POST`, as which it is JSON. `refusal` as in
/// [`VendorCall::post`].
///
/// # Errors
/// When the vendor can't be reached, or refuses.
pub fn fetch(
    url: String,
    headers: Vec<Header>,
    body: Option<String>,
    refusal: impl FnOnce(u16, &[Header], &str) -> ProviderError,
) -> Result<String, ProviderError> {
    let method = if body.is_some() { "POST" } else { "GET" }.into();
    let request = HttpRequest { method, url, headers, body: body.map(Body::Text) };
    let reply = http::fetch(&request)?;
    if (200..300).contains(&reply.status) {
        return Ok(reply.text);
    }
    Err(refusal(reply.status, &reply.headers, &reply.text))
}

/// Reads until it is known what kind of answer comes.
fn begin(
    reply: &Reply,
    mut reader: DeltaReader,
    unframed: impl FnOnce(&str) -> Option<Result<Completion, ProviderError>>,
) -> Result<Progress, ProviderError> {
    let content_type = reply.find_header("content-type");
    let mut opening = Opening::new(content_type.as_deref());
    let known = loop {
        let Some(line) = reply.next_line()? else { break opening.end() };
        match opening.add(&line) {
            Known::Nothing => {}
            known => break known,
        }
    };
    match known {
        Known::Nothing => Ok(Progress { reader: Some(reader), ..Progress::default() }),
        Known::Events(events) => {
            let (told, failed) = reader.take_all(&events);
            Ok(Progress { reader: Some(reader), told, failed })
        }
        Known::Endless => {
            Err(Broken("the first event of the stream doesn't end".to_owned()).into())
        }
        Known::Unframed(mut body) => {
            // What can't be read any more can't be told either.
            body += &reply.read_text().unwrap_or_default();
            let Some(answer) = unframed(&body) else {
                let content_type = content_type.as_deref().unwrap_or("no content type");
                return Err(vendor_error::not_a_stream(content_type));
            };
            Ok(Progress { told: event_stream::replay(answer?), ..Progress::default() })
        }
    }
}

/// A streamed answer on its way.
pub struct Listening {
    reply: Reply,
    request_id: &'static str,
    progress: RefCell<Progress>,
}

/// The progress of a stream.
#[derive(Default)]
struct Progress {
    /// Nothing if all that comes is in `told`.
    reader: Option<DeltaReader>,
    /// The rest that is known and not told yet.
    told: Vec<Delta>,
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
        let Progress { reader, told, failed } = &mut *self.progress.borrow_mut();
        let mut told = std::mem::take(told);
        let Some(reader) = reader else { return Ok(told) };
        while told.is_empty() && !reader.is_finished() {
            if let Some(error) = failed.take() {
                return Err(error);
            }
            let events = self.reply.next_events()?;
            if events.is_empty() {
                return reader.end();
            }
            (told, *failed) = reader.take_all(&events);
        }
        Ok(told)
    }
}

/// The headers of a question in JSON.
pub fn headers(stream: bool) -> Vec<Header> {
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let accept = if stream { "text/event-stream" } else { "application/json" };
    vec![header("content-type", "application/json"), header("accept", accept)]
}

/// Every failure after the vendor's first word can be looked up by its support. The header is asked
/// for only then: most answers don't fail, and each question to the host costs.
fn with_request_id(mut error: ProviderError, reply: &Reply, request_id: &str) -> ProviderError {
    error.request_id = error.request_id.or_else(|| reply.find_header(request_id));
    error
}
