//! Calls whose caller speaks the vendor's dialect: the caller's bytes go out and the vendor's bytes
//! come back. The host only watches for the end: a stream that breaks off is given the dialect's
//! error event, so that it never looks whole.

use std::pin::Pin;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::watch;

use super::ending::Ending;
use super::{Asked, Failures};
use crate::api::sse::{self, COMMENT, EventSource};
use crate::app::App;
use crate::chat::{CacheState, CallStats, ForwardCall, ForwardFailure, Forwarded};
use crate::contract::ErrorKind;
use crate::http::problem::dialect::Dialect;
use crate::http::problem::{Problem, Wording};
use crate::observe::Record;
use crate::plugin::CallError;

/// The event that keeps a silent stream of Anthropic's alive.
const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// A caller's request that is passed on.
pub(in crate::api) struct Passed {
    /// The dialect, as the contract names it.
    pub(in crate::api) dialect: &'static str,
    /// The query, without its `?`.
    pub(in crate::api) query: Option<String>,
    /// All headers of the request.
    pub(in crate::api) headers: HeaderMap,
    /// The caller.
    pub(in crate::api) tenant: Option<Arc<str>>,
    /// True if the caller takes the answer as a stream.
    pub(in crate::api) stream: bool,
    /// True for a request that changes what the vendor keeps: it isn't tried again.
    pub(in crate::api) once: bool,
    pub(in crate::api) body: Bytes,
}

type Attempts = Pin<Box<dyn Future<Output = Result<Forwarded, ForwardFailure>> + Send>>;

/// Passes a request on, and returns the vendor's answer.
///
/// # Errors
/// The failure of a call that failed before the vendor began to answer.
pub(in crate::api) async fn forward(
    app: &Arc<App>,
    asked: &Asked,
    passed: Passed,
    failures: Failures,
    record: &Record,
) -> Result<Response, Problem> {
    let Passed { dialect, query, headers, tenant, stream, once, body } = passed;
    record.cache(CacheState::Bypass);
    let call = ForwardCall {
        provider: asked.provider.clone(),
        dialect,
        method: Method::POST,
        query,
        headers,
        model: asked.model.clone(),
        streamed: stream,
        body,
        tenant,
    };
    let attempts: Attempts = {
        let app = app.clone();
        Box::pin(async move {
            match once {
                true => app.chat.forward_once(call).await,
                false => app.chat.forward(call).await,
            }
        })
    };
    if stream {
        return streamed(app, attempts, failures, dialect, record).await;
    }
    let answered = async {
        let mut forwarded = attempts.await.map_err(|failure| refused(failure, failures, record))?;
        let body = forwarded.body.whole().await;
        record.ended(forwarded.body.stats(), CacheState::Bypass);
        let body = body.map_err(|error| failures.problem(&error))?;
        Ok(respond(forwarded.status, forwarded.headers, body))
    };
    tokio::select! {
        answered = answered => answered,
        () = app.stop.until_cut() => Err(Problem::stopping()),
    }
}

fn respond(status: u16, headers: HeaderMap, body: Bytes) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    (status, headers, body).into_response()
}

/// Returns the problem of a call that failed: the vendor's refusal as it came, unless it is about the
/// operator's account.
fn refused(failure: ForwardFailure, failures: Failures, record: &Record) -> Problem {
    record.ended(failure.stats, CacheState::Bypass);
    let problem = failures.problem(&failure.error);
    let of_operator = matches!(
        &failure.error,
        CallError::Provider(error)
            if matches!(error.kind, ErrorKind::Credentials | ErrorKind::Billing)
    );
    let Some(refusal) = failure.refusal.filter(|refusal| refusal.whole && !of_operator) else {
        return problem;
    };
    let Ok(status) = StatusCode::from_u16(refusal.status) else { return problem };
    if !status.is_client_error() && !status.is_server_error() {
        return problem;
    }
    let own = [header::CONTENT_TYPE, header::RETRY_AFTER];
    let headers = refusal.headers.iter();
    let headers = headers.filter(|(name, _)| !own.contains(name) && *name != "x-should-retry");
    let problem =
        headers.fold(problem, |problem, (name, value)| problem.header(name.clone(), value.clone()));
    problem.worded(Wording::Raw { status, body: refusal.body })
}

/// Begins a stream, and returns its response once the vendor has begun to answer or a heartbeat has
/// passed.
async fn streamed(
    app: &App,
    mut attempts: Attempts,
    failures: Failures,
    dialect: &'static str,
    record: &Record,
) -> Result<Response, Problem> {
    let begun = tokio::time::timeout(app.heartbeat, &mut attempts).await;
    let heartbeat = match failures.dialect {
        Dialect::Anthropic => PING,
        Dialect::OpenAi => COMMENT,
    };
    let (state, headers, ready) = match begun {
        Ok(Err(failure)) => return Err(refused(failure, failures, record)),
        Ok(Ok(forwarded)) if !is_stream(&forwarded.headers) => {
            // A whole answer in place of a stream is the vendor's to give.
            let Forwarded { status, headers, mut body } = forwarded;
            let whole = body.whole().await;
            record.ended(body.stats(), CacheState::Bypass);
            let whole = whole.map_err(|error| failures.problem(&error))?;
            return Ok(respond(status, headers, whole));
        }
        Ok(Ok(forwarded)) => {
            let headers = forwarded.headers.clone();
            (State::Answering(Box::new(forwarded)), headers, Bytes::new())
        }
        Err(_) => (State::Waiting(attempts), HeaderMap::new(), Bytes::from_static(heartbeat)),
    };
    record.streaming();
    let source = PassedStream {
        state,
        failures,
        heartbeat,
        cut: app.stop.cutting(),
        record: record.clone(),
        ready,
        ending: Ending::new(dialect),
    };
    let mut response = sse::respond(source, app.heartbeat);
    for (name, value) in headers {
        if let Some(name) = name
            && name != header::CONTENT_LENGTH
        {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

/// A vendor's stream on its way to a client. Dropping it leaves the call.
struct PassedStream {
    state: State,
    failures: Failures,
    heartbeat: &'static [u8],
    /// True once the server can wait no longer.
    cut: watch::Receiver<bool>,
    record: Record,
    ready: Bytes,
    ending: Ending,
}

enum State {
    /// The vendor hasn't begun to answer.
    Waiting(Attempts),
    Answering(Box<Forwarded>),
    Ended,
}

impl EventSource for PassedStream {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.ready.is_empty() {
            return Some(std::mem::take(&mut self.ready));
        }
        let next = tokio::select! {
            biased;
            next = advance(&mut self.state) => Some(next),
            _ = self.cut.wait_for(|cut| *cut) => None,
        };
        let problem = match next {
            Some(Next::Bytes(bytes)) => {
                self.ending.see(&bytes);
                return Some(bytes);
            }
            Some(Next::Ended(None)) => return None,
            Some(Next::Ended(Some(stats))) => {
                self.record.ended(stats, CacheState::Bypass);
                if self.ending.is_whole() {
                    return None;
                }
                self.failures.problem(&broken_off())
            }
            Some(Next::Broken(error, stats)) => {
                self.record.ended(stats, CacheState::Bypass);
                self.failures.problem(&error)
            }
            Some(Next::Refused(failure)) => refused(failure, self.failures, &self.record),
            None => Problem::stopping(),
        };
        self.state = State::Ended;
        self.record.failed(problem.code().name(), problem.log_text());
        Some(self.error(&problem))
    }

    fn heartbeat(&self) -> &'static [u8] {
        // Nothing may stand within an event.
        if self.ending.is_between_events() { self.heartbeat } else { b"" }
    }
}

/// The next news of a stream.
enum Next {
    Bytes(Bytes),
    /// The end, with attempts and times the first time that it is told.
    Ended(Option<CallStats>),
    Broken(CallError, CallStats),
    Refused(ForwardFailure),
}

/// Waits for the next news. Dropping the future loses nothing.
async fn advance(state: &mut State) -> Next {
    loop {
        match state {
            State::Waiting(attempts) => match attempts.await {
                Ok(forwarded) => *state = State::Answering(Box::new(forwarded)),
                Err(failure) => {
                    *state = State::Ended;
                    return Next::Refused(failure);
                }
            },
            State::Answering(forwarded) => {
                let next = forwarded.body.next().await;
                let stats = forwarded.body.stats();
                return match next {
                    Some(Ok(bytes)) => Next::Bytes(bytes),
                    Some(Err(error)) => {
                        *state = State::Ended;
                        Next::Broken(error, stats)
                    }
                    None => {
                        *state = State::Ended;
                        Next::Ended(Some(stats))
                    }
                };
            }
            State::Ended => return Next::Ended(None),
        }
    }
}

impl PassedStream {
    /// Returns the dialect's error event, on a line of its own whatever came before.
    fn error(&self, problem: &Problem) -> Bytes {
        let body = self.failures.dialect.body(problem, self.record.id());
        let mut out = BytesMut::new();
        if !self.ending.is_between_events() {
            out.extend_from_slice(b"\n\n");
        }
        if self.failures.dialect == Dialect::Anthropic {
            out.extend_from_slice(b"event: error\n");
        }
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(body.to_string().as_bytes());
        out.extend_from_slice(b"\n\n");
        out.freeze()
    }
}

fn broken_off() -> CallError {
    crate::contract::ProviderError {
        kind: ErrorKind::Interrupted,
        message: "The vendor closed the stream before the end of its answer.".into(),
        status: None,
        code: None,
        field: None,
        request_id: None,
        retry_after_ms: None,
        extra: None,
    }
    .into()
}
