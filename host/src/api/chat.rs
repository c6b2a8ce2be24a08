//! `POST /api/llm/chat`: the native door.

mod content;
mod events;
mod parts;
mod request;
mod response;
mod schema;
mod wishes;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

pub(super) use self::content::is_base64;
pub(super) use self::events::{DeltaBody, DoneBody, StartBody};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::parts::PartBody;
pub(crate) use self::request::ChatRequest;
pub(crate) use self::response::ChatResponse;
use self::schema::ChatBody;
use super::stream;
use crate::app::App;
use crate::chat::{Call, CallStats, Mode, Target};
use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::front::CACHE_HEADER;
use crate::http::problem::Problem;
use crate::observe::Record;

/// Says where the time went.
const SERVER_TIMING: header::HeaderName = header::HeaderName::from_static("server-timing");
/// A short answer as a stream.
const STREAM_EXAMPLE: &str = r#"event: start
data: {"id":"msg_01AbCdEf","model":"claude-sonnet-5","provider":"anthropic","cached":false}

event: delta
data: {"text":"Hello!"}

event: done
data: {"finishReason":"end_turn","usage":{"inputTokens":8,"outputTokens":2,"totalTokens":10,"cacheReadTokens":0,"cacheWriteTokens":0}}

"#;

/// Asks a model
///
/// Returns the whole answer as JSON or, with `"stream": true`, a stream of events: `start`, then
/// `delta`s, then `done`, or `error` if it fails. A failure before the first event is an ordinary
/// problem. Comments keep a silent stream alive.
#[utoipa::path(
    post,
    path = "/api/llm/chat",
    tag = "chat",
    operation_id = "chat",
    request_body(
        content = ChatBody,
        example = json!({"messages": [{"role": "user", "content": "Hello"}], "provider": "echo"})
    ),
    responses(
        (
            status = 200,
            description = "The model's answer, whole or as a stream.",
            content(
                (ChatResponse<'static> = "application/json", example = json!({
                    "id": "msg_01AbCdEf",
                    "content": "Hello! How can I help?",
                    "model": "claude-sonnet-5",
                    "usage": {
                        "inputTokens": 8,
                        "outputTokens": 7,
                        "totalTokens": 15,
                        "cacheReadTokens": 0,
                        "cacheWriteTokens": 0
                    },
                    "finishReason": "end_turn",
                    "provider": "anthropic",
                    "cached": false
                })),
                (String = "text/event-stream", example = json!(STREAM_EXAMPLE)),
            ),
            headers(("server-timing" = String, description = "The milliseconds spent in total, at the vendor and in the plugin."))
        ),
        (status = 404, description = "The provider does not exist, or the vendor does not know the model."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 503, description = "The provider is not available, or the vendor or the server is overloaded."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    record: Record,
    Json(chat): Json<ChatRequest>,
) -> Result<Response, Problem> {
    let stream = chat.stream;
    let call = call(&app, chat, caller, &record)?;
    let response = if stream {
        let events = events::ChatEvents::new(&call.provider.info.vendor);
        stream::respond(&app, call, events, record.clone()).await
    } else {
        whole(&app, call, &record).await
    };
    with_headers(response, &record)
}

/// Finds the provider that is asked, and the model where the caller named none.
fn call(app: &App, chat: ChatRequest, caller: Caller, record: &Record) -> Result<Call, Problem> {
    let ChatRequest { provider, mut request, wishes, use_cache, cache_ttl, .. } = chat;
    let target = Target::find(&app.providers, provider.as_deref(), &app.default_provider)?;
    record.provider(target.provider.clone());
    request.model = target.model(request.model)?;
    record.model(&request.model);
    Ok(Call {
        provider: target.provider,
        request,
        wishes,
        dialect: None,
        use_cache,
        cache_ttl,
        tenant: caller.name,
    })
}

/// Waits for the whole completion.
async fn whole(app: &App, call: Call, record: &Record) -> Result<Response, Problem> {
    let provider = call.provider.clone();
    let mut pending = app.chat.begin(call, Mode::Whole);
    record.cache(pending.cache_state());
    let outcome = tokio::select! {
        outcome = pending.outcome() => outcome,
        () = app.stop.until_cut() => return Err(Problem::stopping()),
    };
    record.done(&outcome, pending.cache_state());
    let completion = outcome.result.as_ref().map_err(Problem::from)?;
    let response = ChatResponse::new(completion, &provider.info.vendor, outcome.cached);
    let json = response
        .json()
        .map_err(|error| Problem::internal(format!("the answer can't be written: {error}")))?;
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([kind], json).into_response())
}

/// Adds where the completion came from and where the time went, on failures too once a call has
/// begun.
pub(super) fn with_headers(
    response: Result<Response, Problem>,
    record: &Record,
) -> Result<Response, Problem> {
    let cache = HeaderValue::from_static(record.cache_state());
    let timing = server_timing(record.call_stats(), record.elapsed());
    match response {
        Ok(mut response) => {
            response.headers_mut().insert(CACHE_HEADER, cache);
            response.headers_mut().insert(SERVER_TIMING, timing);
            Ok(response)
        }
        Err(problem) => Err(problem.header(CACHE_HEADER, cache).header(SERVER_TIMING, timing)),
    }
}

/// Returns the milliseconds so far and, of a call that has ended, those spent waiting for the
/// vendor and in the plugin.
fn server_timing(stats: Option<CallStats>, total: Duration) -> HeaderValue {
    let mut text = String::with_capacity(80);
    let mut part = |name: &str, duration: Duration| {
        let tenths = (duration.as_micros() + 50) / 100;
        // Writing to a string doesn't fail.
        let _ = write!(text, "{name};dur={}.{}", tenths / 10, tenths % 10);
    };
    part("total", total);
    if let Some(stats) = stats {
        part(", upstream", stats.vendor);
        part(", plugin", stats.plugin);
    }
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("total"))
}
