//! The provider for the Anthropic Messages API.
//!
//! This file only asks and listens. What is sent is made in `request`; what comes is read in `answer`, `stream` and
//! `errors`, all without I/O, so that tests can feed them the vendor's words.

// Native linkers can't take the names that components export, so a native build, which only tests need, exports nothing.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only the exports use the whole of it"))]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps what isn't there fails, as it should"))]
#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

mod answer;
mod blocks;
mod body;
mod errors;
#[cfg(test)]
mod golden;
mod growing;
mod json;
mod request;
mod settings;
mod stream;
mod usage;

use std::cell::RefCell;
use std::time::SystemTime;

use arete_plugin::http::{self, Body, Header, HttpRequest, Reply};
use arete_plugin::llm::{Completion, Delta, Feature, Info, ProviderError, Request};
use arete_plugin::{Deltas, Guest, GuestDeltas, config};

use settings::Settings;
use stream::Stream;

/// What the contract calls this vendor's API.
const DIALECT: &str = "anthropic-messages";

/// Models for people to choose from; any other name is passed on as well.
const MODELS: [&str; 12] = [
    "claude-fable-5-1",
    "claude-fable-5",
    "claude-opus-5-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-5-5",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-5-5",
    "claude-haiku-4-5",
];

struct Claude;

impl Guest for Claude {
    type Deltas = Answer;

    fn describe() -> Result<Info, ProviderError> {
        let settings = Settings::read(config::get)?;
        Ok(Info {
            vendor: "anthropic".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            default_model: Some(settings.model),
            models: MODELS.map(String::from).into(),
            features: vec![Feature::Streaming, Feature::Images, Feature::Tools, Feature::Thinking],
            extra: None,
        })
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        let reply = send(&request, false)?;
        let id = request_id(&reply);
        let body = reply.read_text().map_err(|error| with_request_id(error.into(), &id))?;
        answer::read(&body, request::native(&request).is_some()).map_err(|error| with_request_id(error, &id))
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        let reply = send(&request, true)?;
        let request_id = request_id(&reply);
        // Absent is tolerated: then the events tell whether it is a stream.
        if let Some(content_type) = reply.find_header("content-type").filter(|it| !is_event_stream(it)) {
            let error = errors::not_a_stream(&content_type, &reply.read_text().unwrap_or_default());
            return Err(with_request_id(error, &request_id));
        }
        let stream = Stream::new(request::native(&request).is_some());
        Ok(Deltas::new(Answer { reply, request_id, stream: RefCell::new(stream) }))
    }
}

/// A streamed answer on its way.
struct Answer {
    reply: Reply,
    request_id: Option<String>,
    stream: RefCell<Stream>,
}

impl GuestDeltas for Answer {
    fn next(&self) -> Result<Vec<Delta>, ProviderError> {
        self.listen().map_err(|error| with_request_id(error, &self.request_id))
    }
}

impl Answer {
    /// Reads events until one of them tells something.
    fn listen(&self) -> Result<Vec<Delta>, ProviderError> {
        let mut stream = self.stream.borrow_mut();
        while !stream.is_finished() {
            let Some(event) = self.reply.next_event()? else { return Err(stream.end()) };
            let deltas = stream.take(&event.name, &event.data)?;
            if !deltas.is_empty() {
                return Ok(deltas);
            }
        }
        Ok(Vec::new())
    }
}

/// Asks the vendor. What comes back has been accepted; a refusal is an error.
fn send(request: &Request, stream: bool) -> Result<Reply, ProviderError> {
    let settings = Settings::read(config::get)?;
    let body = request::body(request, stream)?;
    let reply = http::send(&HttpRequest {
        method: "POST".into(),
        url: settings.url.clone(),
        headers: headers(settings, stream),
        body: Some(Body::Text(body)),
    })?;
    let status = reply.status();
    if (200..300).contains(&status) {
        return Ok(reply);
    }
    // A refusal whose words can't be read is still that refusal.
    let words = reply.read_text().unwrap_or_default();
    Err(errors::refusal(status, &reply.headers(), &words, SystemTime::now()))
}

fn headers(settings: Settings, stream: bool) -> Vec<Header> {
    let header = |name: &str, value: String| Header { name: name.into(), value };
    let accept = if stream { "text/event-stream" } else { "application/json" };
    let mut headers = vec![
        header("content-type", "application/json".into()),
        header("accept", accept.into()),
        header("anthropic-version", settings.version),
    ];
    headers.extend(settings.beta.map(|beta| header("anthropic-beta", beta)));
    headers
}

fn is_event_stream(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/event-stream")
}

fn request_id(reply: &Reply) -> Option<String> {
    reply.find_header("request-id")
}

/// Every failure after the vendor's first word can be looked up by its support.
fn with_request_id(error: ProviderError, request_id: &Option<String>) -> ProviderError {
    ProviderError { request_id: error.request_id.clone().or_else(|| request_id.clone()), ..error }
}

arete_plugin::export!(Claude);
