//! A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
//!
//! `wit/provider.wit` explains every type and function that is used here. Keys, retries, limits and caching are the host's
//! work, and each call runs in an instance of its own, so there is nothing to remember and nothing to lock.

#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

mod halves;

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use crate::arete::provider::http::{Body, Header, HttpError, HttpRequest, Reply};
use crate::arete::provider::llm::{
    Completion, Delta, ErrorKind, Event, Feature, Finish, FinishReason, Info, Message, Part, ProviderError, Request,
    Role, Start, Text, TextDelta, Usage,
};
use crate::arete::provider::{config, http};
use crate::exports::arete::provider::chat::{Deltas, Guest, GuestDeltas};

wit_bindgen::generate!({ path: "wit", world: "provider" });

struct Provider;
export!(Provider);

impl Guest for Provider {
    type Deltas = Answer;

    /// Asked once, when the plugin is loaded. Settings that are wrong are best told here.
    fn describe() -> Result<Info, ProviderError> {
        let model = setting("model")?;
        setting("base-url")?;
        Ok(Info {
            vendor: "plugin-name".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            default_model: Some(model.clone()),
            models: vec![model],
            features: vec![Feature::Streaming],
            extra: None,
        })
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        let answer = parse(&send(&request, false)?.read_text()?)?;
        let text = answer["text"].as_str().ok_or_else(|| bad("there is no text in it"))?;
        Ok(Completion {
            id: string(&answer["id"]),
            model: string(&answer["model"]),
            parts: vec![Part::Text(Text { text: text.into(), extra: None })],
            finish_reason: finish_reason(&answer),
            usage: usage(&answer),
            native: None,
            extra: None,
        })
    }

    /// Returns when the vendor has accepted the question; the answer then comes by `next`.
    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        let reply = send(&request, true)?;
        let first = first_event(&reply)?;
        let (state, first, half) = (Cell::new(State::Fresh), RefCell::new(first), Cell::new(None));
        Ok(Deltas::new(Answer { reply, model: request.model, state, first, half }))
    }
}

/// A streamed answer on its way.
struct Answer {
    reply: Reply,
    model: String,
    state: Cell<State>,
    /// The data of the first event, until it is told.
    first: RefCell<Option<String>>,
    /// Half a character, of which the other half comes with the next text.
    half: Cell<Option<u16>>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Fresh,
    Begun,
    Done,
}

impl GuestDeltas for Answer {
    /// What is new. Nothing means the end, and is said only after the vendor has said so.
    fn next(&self) -> Result<Vec<Delta>, ProviderError> {
        let mut events = Vec::new();
        while events.is_empty() && self.state.get() != State::Done {
            let first = self.first.take();
            let data = match first {
                Some(data) => Some(data),
                None => self.reply.next_event()?.map(|event| event.data),
            };
            let Some(data) = data else {
                return Err(error(ErrorKind::Interrupted, "The vendor's answer broke off."));
            };
            let piece = halves::Piece::new(&data);
            let said = parse(&piece.json)?;
            if let Some(message) = said["error"].as_str() {
                return Err(error(ErrorKind::VendorFailed, message));
            }
            if self.state.replace(State::Begun) == State::Fresh {
                events.push(Event::Start(Start { id: String::new(), model: self.model.clone(), extra: None }));
            }
            let mut half = self.half.take();
            if let Some(text) = said["text"].as_str() {
                events.push(Event::Text(TextDelta { index: 0, text: piece.text(text, &mut half) }));
            }
            if said["done"] == true {
                let lost = half.take().map(|_| char::REPLACEMENT_CHARACTER.into());
                events.extend(lost.map(|text| Event::Text(TextDelta { index: 0, text })));
                events.push(Event::Usage(usage(&said)));
                events.push(Event::Finish(Finish { reason: finish_reason(&said), extra: None }));
                self.state.set(State::Done);
            }
            self.half.set(half);
        }
        Ok(events.into_iter().map(|event| Delta { event, native: None }).collect())
    }
}

/// The data of a stream's first event. A vendor that fails may answer with status 200 and one JSON text in place of a
/// stream, whatever the content type says; no event would be in it, and its words would be lost.
fn first_event(reply: &Reply) -> Result<Option<String>, ProviderError> {
    let mut data: Option<String> = None;
    while let Some(line) = reply.next_line()? {
        if data.is_none() && line.trim_start().starts_with(['{', '[', '<', '"']) {
            let said = parse(&(line + "\n" + &reply.read_text().unwrap_or_default())).unwrap_or_default();
            // Of a kind that isn't tried again: the vendor names none.
            let message = said["error"].as_str().map(|message| error(ErrorKind::BadResponse, message));
            return Err(message.unwrap_or_else(|| bad("a stream was asked for, and something else came")));
        }
        match line.strip_prefix("data:") {
            Some(more) => {
                let data = data.get_or_insert_default();
                data.push_str(more.strip_prefix(' ').unwrap_or(more));
            }
            None if line.is_empty() && data.is_some() => break,
            None => {}
        }
    }
    Ok(data)
}

/// Asks the vendor. What comes back has been accepted; a refusal is an error.
fn send(request: &Request, stream: bool) -> Result<Reply, ProviderError> {
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    let accept = if stream { "text/event-stream" } else { "application/json" };
    let reply = http::send(&HttpRequest {
        method: "POST".into(),
        url: format!("{}/v1/chat", setting("base-url")?.trim_end_matches('/')),
        headers: vec![header("content-type", "application/json"), header("accept", accept)],
        body: Some(Body::Text(body(request, stream)?)),
    })?;
    if (200..300).contains(&reply.status()) { Ok(reply) } else { Err(refusal(&reply)) }
}

/// The question in the vendor's words. What the vendor has no words for is refused: an answer that passed over half of the
/// question would be worse than none.
fn body(request: &Request, stream: bool) -> Result<String, ProviderError> {
    let unsupported = [
        ("temperature", request.temperature.is_some()),
        ("topP", request.top_p.is_some()),
        ("topK", request.top_k.is_some()),
        ("stopSequences", !request.stop_sequences.is_empty()),
        ("tools", !request.tools.is_empty()),
    ];
    if let Some((field, _)) = unsupported.into_iter().find(|(_, given)| *given) {
        return Err(at_fault(ErrorKind::Unsupported, field, "isn't something that this vendor can do"));
    }
    let messages: Result<Vec<Value>, ProviderError> = request.messages.iter().enumerate().map(message).collect();
    let mut body = json!({ "model": request.model, "messages": messages?, "stream": stream });
    if let Some(max_tokens) = request.max_tokens {
        body["max_tokens"] = max_tokens.into();
    }
    // Fields that only the vendor knows: callers give them under `extra`.
    if let Some(Value::Object(extra)) = request.extra.as_deref().map(parse).transpose()? {
        for (key, value) in extra {
            if matches!(&*key, "model" | "messages" | "stream" | "max_tokens") {
                return Err(at_fault(ErrorKind::InvalidRequest, &format!("extra.{key}"), "has a field of its own"));
            }
            body[key] = value;
        }
    }
    Ok(body.to_string())
}

fn message((index, message): (usize, &Message)) -> Result<Value, ProviderError> {
    let refuse = |field: &str| {
        let field = format!("messages[{index}].{field}");
        at_fault(ErrorKind::Unsupported, &field, "isn't something that this vendor can do")
    };
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Other(_) => return Err(refuse("role")),
    };
    let mut content = String::new();
    for part in &message.content {
        let Part::Text(text) = part else { return Err(refuse("content")) };
        content += &text.text;
    }
    Ok(json!({ "role": role, "content": content }))
}

fn finish_reason(answer: &Value) -> FinishReason {
    match answer["finish"].as_str() {
        Some("stop") => FinishReason::EndTurn,
        Some("length") => FinishReason::MaxTokens,
        other => FinishReason::Other(other.unwrap_or("unknown").into()),
    }
}

/// A count with a fraction is rounded, and one that makes no sense is left out: the answer is worth more than its bill.
fn usage(answer: &Value) -> Usage {
    let is_count = |count: &f64| (0.0..f64::from(u32::MAX)).contains(count);
    let count = |key: &str| answer["usage"][key].as_f64().filter(is_count).map(|count| count.round() as u32);
    Usage {
        input_tokens: count("in"),
        output_tokens: count("out"),
        cache_read_tokens: None,
        cache_write_tokens: None,
        reasoning_tokens: None,
        extra: None,
    }
}

/// An answer with a status that isn't a success. Its body may be anything: what stands before the vendor may answer with a
/// page of its own.
fn refusal(reply: &Reply) -> ProviderError {
    let status = reply.status();
    let kind = match status {
        401 | 403 => ErrorKind::Credentials,
        402 => ErrorKind::Billing,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::VendorFailed,
        _ => ErrorKind::BadResponse,
    };
    let advice = reply.find_header("x-should-retry").map(|advice| json!({ "x-should-retry": advice }).to_string());
    let seconds = reply.find_header("retry-after").and_then(|value| value.trim().parse::<u32>().ok());
    let said = reply.read_text().ok().and_then(|text| parse(&text).ok()).unwrap_or_default();
    let unexplained = || format!("The vendor answered HTTP {status} without a reason.");
    ProviderError {
        status: Some(status),
        extra: advice,
        retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1000)),
        ..error(kind, said["error"].as_str().map_or_else(unexplained, String::from))
    }
}

/// What kept the question from being sent, or its answer from being read.
impl From<HttpError> for ProviderError {
    fn from(failure: HttpError) -> Self {
        match failure {
            HttpError::Denied(says) => error(ErrorKind::Denied, says),
            HttpError::Invalid(says) => error(ErrorKind::InvalidRequest, says),
            HttpError::Connection(says) => error(ErrorKind::Connection, says),
            HttpError::Timeout(says) => error(ErrorKind::Timeout, says),
            HttpError::Interrupted(says) => error(ErrorKind::Interrupted, says),
            HttpError::TooLarge(says) | HttpError::NotText(says) => error(ErrorKind::BadResponse, says),
            HttpError::Other(says) => error(ErrorKind::Other("http".into()), says),
        }
    }
}

fn error(kind: ErrorKind, message: impl Into<String>) -> ProviderError {
    ProviderError {
        kind,
        message: message.into(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms: None,
        extra: None,
    }
}

fn at_fault(kind: ErrorKind, field: &str, says: &str) -> ProviderError {
    ProviderError { field: Some(field.into()), ..error(kind, format!("`{field}` {says}.")) }
}

fn bad(why: &str) -> ProviderError {
    error(ErrorKind::BadResponse, format!("The vendor's answer isn't what its API promises: {why}."))
}

fn parse(text: &str) -> Result<Value, ProviderError> {
    serde_json::from_str(&halves::mended(text)).map_err(|_| bad("it isn't JSON"))
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn setting(key: &str) -> Result<String, ProviderError> {
    config::get(key).ok_or_else(|| error(ErrorKind::Unconfigured, format!("The setting `{key}` is missing.")))
}
