//! What went wrong, in the contract's words: a refusal with a status, an error inside a stream, or an answer that isn't
//! what the vendor's API promises.

use std::time::SystemTime;

use arete_plugin::http::Header;
use arete_plugin::llm::{ErrorKind, ProviderError};

use crate::json::{self, Mismatch, Object};

/// How much of the vendor's message is passed on, in characters. Enough for every message that explains something;
/// some hold the whole schema or body that they complain about.
const MESSAGE_CHARACTERS_MAX: usize = 1000;

/// How much of a word that the vendor made up is passed on, in characters.
const WORD_CHARACTERS_MAX: usize = 100;

/// A promise of the vendor's API that an answer broke, as a sentence without its full stop. It holds nothing of what
/// the answer says.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) String);

impl From<Mismatch> for Broken {
    fn from(mismatch: Mismatch) -> Self {
        Self(mismatch.to_string())
    }
}

impl From<Broken> for ProviderError {
    fn from(Broken(sentence): Broken) -> Self {
        Self::new(ErrorKind::BadResponse, format!("The vendor's answer isn't what its API promises: {sentence}."))
    }
}

/// An answer whose status isn't a success. A body that isn't the vendor's JSON is expected here: what stands between
/// answers with pages of its own.
pub(crate) fn refusal(status: u16, headers: &[Header], body: &str, now: SystemTime) -> ProviderError {
    let said = Said::read(Object::parse(body).unwrap_or_default());
    let kind = said.code.as_deref().and_then(kind_of_code).unwrap_or_else(|| kind_of_status(status));
    let mut extra = said.extra;
    if let Some(advice) = header(headers, "x-should-retry") {
        extra.set("x-should-retry", json::raw(&clip(advice, WORD_CHARACTERS_MAX)));
    }
    ProviderError {
        kind,
        message: said.message.unwrap_or_else(|| unexplained(status)),
        status: Some(status),
        code: said.code,
        field: None,
        request_id: header(headers, "request-id").map(String::from).or(said.request_id),
        retry_after_ms: retry_after_ms(headers, now),
        extra: extra.into_extra(),
    }
}

/// An error told after the vendor had begun to answer. It has no status: the one of the answer was 200.
pub(crate) fn in_band(body: Object) -> ProviderError {
    let said = Said::read(body);
    ProviderError {
        kind: said.code.as_deref().and_then(kind_of_code).unwrap_or(ErrorKind::VendorFailed),
        message: said.message.unwrap_or_else(|| "The vendor reported an error without saying which.".into()),
        status: None,
        code: said.code,
        field: None,
        request_id: said.request_id,
        retry_after_ms: None,
        extra: said.extra.into_extra(),
    }
}

/// An answer with status 200 to a request for a stream that isn't one.
pub(crate) fn not_a_stream(content_type: &str, body: &str) -> ProviderError {
    match Object::parse(body) {
        Ok(body) if is_error(&body) => in_band(body),
        _ => {
            let found = clip(content_type, WORD_CHARACTERS_MAX);
            Broken(format!("a stream was asked for, which is `text/event-stream`, but `{found}` came")).into()
        }
    }
}

/// Whether this is the vendor's way to tell an error, wherever it stands.
pub(crate) fn is_error(body: &Object) -> bool {
    body.get("type").is_some_and(|kind| kind.get() == r#""error""#)
}

/// A word of the vendor's as it may stand in a message.
pub(crate) fn word(word: &str) -> String {
    clip(word, WORD_CHARACTERS_MAX)
}

/// What the vendor says of an error: `{"type":"error","error":{"type":…,"message":…},"request_id":…}`. Everything may
/// be missing, and gateways before the vendor have shapes of their own.
struct Said {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    extra: Object<'static>,
}

impl Said {
    fn read(body: Object) -> Self {
        let mut body = body.into_owned();
        if is_error(&body) {
            body.take("type");
        }
        let request_id = string(&mut body, "request_id").map(|id| word(&id));

        let error = body.take("error");
        let mut inner =
            error.as_ref().and_then(|error| Object::parse(error.get()).ok()).unwrap_or_default().into_owned();
        let code = string(&mut inner, "type").map(|code| word(&code));
        let plain = error.and_then(|error| serde_json::from_str::<String>(error.get()).ok());
        let message = string(&mut inner, "message").or(plain).or_else(|| string(&mut body, "message"));

        for (key, value) in body {
            inner.set(&key, value);
        }
        let message = message.map(|message| clip(&message, MESSAGE_CHARACTERS_MAX));
        Self { code, message, request_id, extra: inner }
    }
}

fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "invalid_request_error" => ErrorKind::InvalidRequest,
        "authentication_error" | "permission_error" => ErrorKind::Credentials,
        "billing_error" => ErrorKind::Billing,
        "not_found_error" => ErrorKind::NotFound,
        "conflict_error" => ErrorKind::Other("conflict".into()),
        "request_too_large" => ErrorKind::TooLarge,
        "rate_limit_error" => ErrorKind::RateLimited,
        "api_error" => ErrorKind::VendorFailed,
        "timeout_error" => ErrorKind::Timeout,
        "overloaded_error" => ErrorKind::Overloaded,
        _ => return None,
    })
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::Credentials,
        402 => ErrorKind::Billing,
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Other("conflict".into()),
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::VendorFailed,
        _ => ErrorKind::BadResponse,
    }
}

fn unexplained(status: u16) -> String {
    match status {
        300..=399 => {
            format!("The vendor answered HTTP {status}, a redirect, which isn't followed; is `base-url` right?")
        }
        404 | 405 => format!("The vendor answered HTTP {status} without a reason; is `base-url` right?"),
        _ => format!("The vendor answered HTTP {status} without a reason."),
    }
}

/// `retry-after-ms` is the more exact of the two and wins. Anything that is neither a number nor a date says nothing.
fn retry_after_ms(headers: &[Header], now: SystemTime) -> Option<u32> {
    let exact = header(headers, "retry-after-ms").and_then(|ms| milliseconds(ms, 1.0));
    exact.or_else(|| {
        let value = header(headers, "retry-after")?;
        milliseconds(value, 1000.0).or_else(|| until(value, now))
    })
}

/// A wait too long to count is the longest that can be counted; casts of floats saturate.
fn milliseconds(text: &str, unit: f64) -> Option<u32> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && 0.0 <= number).then(|| (number * unit).ceil() as u32)
}

/// How long it is until a date. A date that has passed asks for no wait.
fn until(date: &str, now: SystemTime) -> Option<u32> {
    let date = httpdate::parse_http_date(date.trim()).ok()?;
    let wait = date.duration_since(now).unwrap_or_default();
    Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
}

fn header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}

/// A string that says something. Of another type it stays where it is and is passed on with the rest.
fn string(object: &mut Object<'static>, key: &str) -> Option<String> {
    let text: String = object.get(key).and_then(|value| serde_json::from_str(value.get()).ok())?;
    object.take(key);
    (!text.trim().is_empty()).then_some(text)
}

fn clip(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
