//! The two ends of a request: its id and its record at the first; at the other the body of a
//! failure and the last byte.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body::{Frame, SizeHint};
use uuid::Uuid;

use super::connections::Busy;
use super::places::Place;
use super::problem::dialect::Dialect;
use super::problem::{PROBLEM_JSON, Problem};
use crate::observe::Record;
use crate::observe::metrics::Metrics;
use crate::time::millis;

/// The header of a request's id, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a caller may bring.
const REQUEST_ID_MAX: usize = 128;

/// Begins the record of a request that has just come.
pub(super) fn begin<B>(request: &Request<B>, metrics: &Arc<Metrics>) -> Record {
    let (id, method) = (request_id(request.headers()), request.method().clone());
    Record::begin(id, method, request.uri().path(), metrics.clone())
}

/// The name of a request's id in Anthropic's API.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Tells client libraries of vendors not to try again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Returns the response as it is sent, its failure in the caller's dialect. It keeps its place until
/// then, and the connection isn't idle.
pub(super) fn finish(
    mut response: Response,
    record: Record,
    mut busy: Busy,
    dialect: Option<Dialect>,
) -> Response<Observed> {
    // What axum refuses by itself, such as a method that a route doesn't have, becomes a problem
    // like all others.
    let is_failure = response.status().is_client_error() || response.status().is_server_error();
    let problem = response.extensions_mut().remove::<Problem>();
    let problem = problem.or_else(|| is_failure.then(|| Problem::of_status(response.status())));
    if let Some(problem) = problem {
        record.failed(problem.code().name(), problem.log_text());
        let (status, kind, body) = written(&problem, dialect, record.id());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.remove(header::CONTENT_LENGTH);
        if dialect.is_some() && status == StatusCode::UNAUTHORIZED {
            // Some clients would go on trying for half a minute.
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        *response.status_mut() = status;
        *response.body_mut() = Body::from(body);
    }
    let place = response.extensions_mut().remove::<Place>();
    record.status(response.status());
    busy.answered(response.status());
    if let Ok(id) = HeaderValue::from_str(record.id()) {
        if dialect == Some(Dialect::Anthropic) {
            // The vendor's own, where there is one.
            response.headers_mut().entry(ANTHROPIC_REQUEST_ID).or_insert_with(|| id.clone());
        }
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.map(|inner| Observed { inner, record, _place: place, _busy: busy })
}

/// Returns the status, the media type and the body of a failure.
fn written(
    problem: &Problem,
    dialect: Option<Dialect>,
    id: &str,
) -> (StatusCode, &'static str, Bytes) {
    match dialect {
        Some(dialect) => {
            (problem.dialect_status(), "application/json", problem.dialect_body(dialect, id))
        }
        None => {
            let body = serde_json::to_vec(&problem.body(Some(id.to_owned())));
            (problem.status(), PROBLEM_JSON, body.unwrap_or_default().into())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Record {
    type Rejection = Problem;

    /// Takes the record that the front has begun. A request without one has come by another way,
    /// and is refused.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let record = parts.extensions.get::<Self>().cloned();
        record.ok_or_else(|| Problem::internal("a handler was reached without a record"))
    }
}

/// Returns the caller's own id, if it is fit for a header and a log; a new one otherwise.
fn request_id(headers: &HeaderMap) -> String {
    let own = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let fit = own.filter(|id| {
        !id.is_empty() && id.len() <= REQUEST_ID_MAX && id.bytes().all(|b| b.is_ascii_graphic())
    });
    fit.map_or_else(new_id, str::to_owned)
}

/// Returns a UUID of version 7. It has to be unique, not secret: so no system call for each.
fn new_id() -> String {
    thread_local! {
        static RANDOM: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(Uuid::new_v4().as_u64_pair().0));
    }
    let mut random = [0; 10];
    RANDOM.with_borrow_mut(|generator| generator.fill(&mut random));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis(now), &random).into_uuid();
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

/// A body that keeps the request's place until it is sent, and says when it is.
pub(super) struct Observed {
    inner: Body,
    record: Record,
    _place: Option<Place>,
    _busy: Busy,
}

impl http_body::Body for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() || self.inner.is_end_stream() {
            self.record.sent();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.is_end_stream();
        if ended {
            // An empty body is never polled.
            self.record.sent();
        }
        ended
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
