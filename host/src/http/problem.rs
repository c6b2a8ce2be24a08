//! Every failure that a caller can see becomes a [`Problem`] here: the one place that picks a
//! status.
//!
//! | Cause | Status | Code |
//! |---|---|---|
//! | bad JSON, bad field, the vendor finds the request invalid | 400 | `invalid-request` |
//! | no or wrong key | 401 | `unauthorized` |
//! | a web page that may not call a server without keys | 403 | `forbidden` |
//! | unknown user, provider, model, route | 404 | `not-found` |
//! | method that the route doesn't have | 405 | `method-not-allowed` |
//! | the body stopped arriving, or took too long | 408 | `request-timeout` |
//! | duplicate email | 409 | `conflict` |
//! | stale `If-Match` | 412 | `precondition-failed` |
//! | body too large; not JSON | 413, 415 | `body-too-large`, `unsupported-media-type` |
//! | the vendor limits the rate, after retries | 429 | `rate-limited` |
//! | our bug | 500 | `internal` |
//! | the vendor failed; it refused our key | 502 | `provider-failed`, `provider-credentials` |
//! | the plugin trapped, broke a limit or the contract | 502 | `plugin-failed` |
//! | the provider lacks a key or is broken; it or the server is full; the vendor is overloaded | 503 | `provider-unavailable`, `overloaded` |
//! | the deadline passed | 504 | `deadline-exceeded` |

mod causes;
mod code;
pub(crate) mod dialect;
mod wording;

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::code::Code;
pub(crate) use self::wording::Wording;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// The wait that callers are asked for when the vendor named none.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The characters of a host that are quoted: no name in DNS is longer.
const HOST_MAX: usize = 253;

/// A field of the request and its mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as a path: `messages[0].content`.
    #[schema(example = "temperature")]
    pub field: String,
    /// The mistake: what the field must be.
    #[schema(example = "must be from 0 to 2")]
    pub message: String,
}

impl FieldError {
    /// Returns the mistake in a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A failure as the caller sees it, and beside it what only the log is told.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    given_up: bool,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    /// For callers who speak a dialect.
    wording: Option<Box<Wording>>,
    /// For the log.
    cause: Option<Box<str>>,
}

/// A problem's body: RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The type of problem as a URI, which is `about:blank` beside a `code`.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// The kind of problem in words, the same for each problem of a code.
    pub title: &'static str,
    /// The HTTP status of the response.
    #[schema(example = 400, minimum = 400, maximum = 599)]
    pub status: u16,
    /// The failure of this request, and what can be done about it.
    pub detail: String,
    /// The kind of failure, for programs.
    pub code: Code,
    /// The id of this request, by which the log can be searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The mistakes in the request, the first 50 of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Returns a failure of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: vec![],
            retry_after: None,
            given_up: false,
            headers: vec![],
            wording: None,
            cause: None,
        }
    }

    /// Returns the problem of one invalid field.
    pub(crate) fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::mistakes(vec![FieldError::new(field, message)], 1)
    }

    /// Returns the problem of a request with mistakes: the first ones by name, and how many there
    /// are in all.
    pub(crate) fn mistakes(errors: Vec<FieldError>, found: usize) -> Self {
        let worded = |error: &FieldError| format!("{} {}", error.field, error.message);
        let detail = errors.iter().take(3).map(worded).collect::<Vec<_>>().join("; ");
        let more = found.saturating_sub(3);
        let detail = if more == 0 { detail } else { format!("{detail}; and {more} more") };
        // The messages may quote the request, which has no place in a log.
        let fields: Vec<&str> = errors.iter().take(10).map(|error| error.field.as_str()).collect();
        let cause = Some(format!("invalid fields: {}", fields.join(", ")).into());
        Self { errors, cause, ..Self::new(Code::InvalidRequest, detail) }
    }

    /// Returns the problem of a request without a valid key.
    pub(crate) fn unauthorized() -> Self {
        let detail =
            "send a key of this server as authorization: Bearer <key>, or as x-api-key: <key>";
        Self::new(Code::Unauthorized, detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Returns the problem of a request to a host that a server without keys doesn't go by.
    pub(crate) fn forbidden_host(host: &str) -> Self {
        let host: String = host.chars().take(HOST_MAX).collect();
        let detail = format!(
            "this server has no keys and answers only as localhost; its operator can add {host} to \
             ALLOWED_HOSTS, or set ARETE_API_KEYS"
        );
        Self::new(Code::Forbidden, detail)
    }

    /// Returns the problem of a web page that may not call a server without keys.
    pub(crate) fn forbidden_origin() -> Self {
        let detail = "this server has no keys and takes no such requests from web pages of other \
                      origins; its operator can add the page's origin to CORS_ORIGINS, or set ARETE_API_KEYS";
        Self::new(Code::Forbidden, detail)
    }

    /// Returns the problem of a body with more than this many bytes.
    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(Code::BodyTooLarge, format!("a request body may have at most {limit} bytes"))
    }

    /// Returns the problem of a body that isn't announced as JSON.
    pub(crate) fn not_json() -> Self {
        let detail = "send the body as JSON, with the header content-type: application/json";
        Self::new(Code::UnsupportedMediaType, detail)
    }

    /// Returns the problem of a server that works on as many requests as it may.
    pub(crate) fn full() -> Self {
        Self::new(
            Code::Overloaded,
            "the server works on as many requests as it may (HTTP_MAX_REQUESTS)",
        )
        .retry_after_default()
    }

    /// Returns the problem of a connection for which there is no place.
    pub(crate) fn too_many_connections() -> Self {
        let detail =
            "as many connections are open as may (HTTP_MAX_CONNECTIONS), and none of them is idle";
        Self::new(Code::Overloaded, detail)
            .retry_after_default()
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// Returns the problem of a body for which others leave no memory.
    pub(crate) fn bodies_full() -> Self {
        let detail = "the bodies of all requests take as much memory as they may: one caller may have three times \
                      what is left of HTTP_BODY_MEMORY";
        Self::new(Code::Overloaded, detail).retry_after_default()
    }

    /// Returns the problem of a body that stopped arriving.
    pub(crate) fn body_stopped() -> Self {
        Self::new(Code::RequestTimeout, "the request body stopped arriving")
    }

    /// Returns the problem of a body that takes longer than a whole body may.
    pub(crate) fn body_slow(allowed: Duration) -> Self {
        let detail = format!("the request body took longer than {allowed:?} (HTTP_BODY_TIMEOUT)");
        Self::new(Code::RequestTimeout, detail)
    }

    /// Returns the problem of a handler that panicked.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Self::internal(format!("a handler panicked: {}", text.unwrap_or("without a message")))
    }

    /// Returns a fault of the server's own. The caller gets a fixed sentence; the cause goes to the
    /// log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "The server met a fault of its own. The request id helps its operator to find the cause.";
        Self {
            cause: Some(String::into_boxed_str(cause.into())),
            ..Self::new(Code::Internal, detail)
        }
    }

    /// Returns the problem of a response that axum made by itself.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                Code::MethodNotAllowed,
                "this route doesn't have that method; the header allow names those it has",
            ),
            StatusCode::NOT_FOUND => Self::new(Code::NotFound, "there is no such route"),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Code::BodyTooLarge, "the request body is too large")
            }
            StatusCode::REQUEST_TIMEOUT => Self::body_stopped(),
            status if status.is_server_error() => {
                Self::internal(format!("a response of {status} without a problem"))
            }
            status => {
                Self::new(Code::InvalidRequest, format!("the request can't be read ({status})"))
            }
        }
    }

    /// Returns the problem of a server that stops and can't wait for this call any longer.
    pub(crate) fn stopping() -> Self {
        let detail =
            "the server is stopping and could not wait for the rest of this answer; ask again";
        Self::new(Code::Overloaded, detail).retry_after_default()
    }

    /// Asks the caller to wait as long as is usual.
    #[must_use]
    pub(crate) fn retry_after_default(self) -> Self {
        self.retry_after(RETRY_AFTER)
    }

    /// Asks the caller to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Names the field that the failure is about, where none is named.
    #[must_use]
    pub(crate) fn about(mut self, error: FieldError) -> Self {
        if self.errors.is_empty() {
            self.errors.push(error);
        }
        self
    }

    /// Returns the kind of failure.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.code.status().0
    }

    /// Returns the text for the log: the cause where there is one, or the detail.
    pub fn log_text(&self) -> &str {
        self.cause.as_deref().unwrap_or(&self.detail)
    }

    /// Returns the body, for a response or an event of a stream.
    pub fn body(&self, request_id: Option<String>) -> ProblemBody {
        let (status, title) = self.code.status();
        ProblemBody {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            request_id,
            errors: self.errors.clone(),
        }
    }
}

impl IntoResponse for Problem {
    /// The request id is added by the layer that knows it, from the problem left in the response's
    /// extensions.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            // Whole seconds, rounded up: a caller who comes a moment early has come for nothing.
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)),
            );
        }
        if self.given_up {
            // Client libraries of vendors would multiply our attempts by theirs.
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        headers.extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests;
