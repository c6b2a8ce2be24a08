//! `POST /api/llm/chat`: a question to a model, answered whole or as a stream of events.

mod answer;
mod parts;
mod request;
mod stream;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

pub(crate) use self::answer::{ChatAnswer, DeltaBody, DoneBody, StartBody};
pub(crate) use self::request::ChatBody;
use self::request::ChatRequest;
use crate::app::App;
use crate::body::Json;
use crate::chat::{Call, CallStats, Mode, Target};
use crate::error::Problem;
use crate::plugin::Provider;
use crate::request_log::RequestLog;
use crate::routes::Caller;

/// Where it is asked for. Stands in the table of routes too.
pub(crate) const PATH: &str = "/api/llm/chat";
/// Says where an answer came from.
pub(crate) const CACHE_HEADER: header::HeaderName =
    header::HeaderName::from_static("x-arete-cache");
/// Says where the time went.
const SERVER_TIMING: header::HeaderName = header::HeaderName::from_static("server-timing");
/// A short answer as a stream.
const STREAM_EXAMPLE: &str = r#"event: start
data: {"id":"msg_01AbCdEf","model":"claude-sonnet-5","provider":"anthropic","cached":false}

event: delta
data: {"text":"Hello!"}

event: done
data: {"finishReason":"end_turn","usage":{"inputTokens":8,"outputTokens":2,"totalTokens":10}}

"#;

/// Asks a model
///
/// The whole answer as JSON, or with `"stream": true` as events: `start`, then `delta`s, then
/// `done`, or `error` when it breaks off. A failure before the first event is an ordinary problem.
/// Comments keep a silent stream alive.
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
            description = "The answer.",
            content(
                (ChatAnswer<'static> = "application/json", example = json!({
                    "id": "msg_01AbCdEf",
                    "content": "Hello! How can I help?",
                    "model": "claude-sonnet-5",
                    "usage": {"inputTokens": 8, "outputTokens": 7, "totalTokens": 15},
                    "finishReason": "end_turn",
                    "provider": "anthropic",
                    "cached": false
                })),
                (String = "text/event-stream", example = json!(STREAM_EXAMPLE)),
            ),
            headers(("server-timing" = String, description = "Milliseconds in all, at the vendor, and in the plugin."))
        ),
        (status = 404, description = "There is no such provider, or the vendor knows no such model."),
        (status = 429, description = "The vendor limits the rate, after all retries."),
        (status = 502, description = "The vendor failed, refused the server's account, or the plugin failed."),
        (status = 503, description = "The provider, the vendor or the server can't take it on."),
        (status = 504, description = "The answer took longer than the server waits."),
    )
)]
pub(crate) async fn chat(
    State(app): State<Arc<App>>,
    caller: Caller,
    log: RequestLog,
    Json(body): Json<ChatBody>,
) -> Result<Response, Problem> {
    let chat = body.validate()?;
    let target = Target::find(&app.providers, chat.provider.as_deref(), &app.default_provider)?;
    let provider = target.provider.clone();
    log.provider(provider.clone());
    let stream = chat.stream;
    let call = call(chat, target, caller)?;
    log.model(&call.request.model);

    if stream {
        stream::answer(&app, call, log).await
    } else {
        whole(&app, call, &provider, &log).await
    }
}

/// The whole answer at once.
async fn whole(
    app: &App,
    call: Call,
    provider: &Provider,
    log: &RequestLog,
) -> Result<Response, Problem> {
    let mut pending = app.chat.begin(call, Mode::Whole);
    log.cache(pending.cache_state());
    let outcome = tokio::select! {
        outcome = pending.outcome() => outcome,
        () = app.cut() => return Err(Problem::stopping()),
    };
    log.done(&outcome, pending.cache_state());
    let cache = cache_header(pending.cache_state().as_str());
    let timing = (SERVER_TIMING, server_timing(Some(outcome.stats), log));
    match &outcome.result {
        Ok(completion) => {
            let answer = ChatAnswer::new(completion, &provider.info.vendor, outcome.cached);
            let json = answer.json().map_err(|error| {
                Problem::internal(format!("the answer can't be written: {error}"))
            })?;
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(([kind, cache, timing], json).into_response())
        }
        Err(error) => Err(Problem::from(error).header(cache.0, cache.1).header(timing.0, timing.1)),
    }
}

/// The call, with the provider's default model where the caller named none.
fn call(chat: ChatRequest, target: Target, caller: Caller) -> Result<Call, Problem> {
    let ChatRequest { mut request, use_cache, cache_ttl, .. } = chat;
    request.model = target.model(request.model)?;
    Ok(Call { provider: target.provider, request, use_cache, cache_ttl, tenant: caller.name })
}

pub(crate) fn cache_header(state: &'static str) -> (header::HeaderName, HeaderValue) {
    (CACHE_HEADER, HeaderValue::from_static(state))
}

/// Milliseconds so far and, of a call that has ended, those spent waiting for the vendor and in the
/// plugin.
fn server_timing(stats: Option<CallStats>, log: &RequestLog) -> HeaderValue {
    let mut text = String::with_capacity(80);
    let mut part = |name: &str, duration: Duration| {
        let tenths = (duration.as_micros() + 50) / 100;
        // A text takes all that is written.
        let _ = write!(text, "{name};dur={}.{}", tenths / 10, tenths % 10);
    };
    part("total", log.elapsed());
    if let Some(stats) = stats {
        part(", upstream", stats.vendor);
        part(", plugin", stats.plugin);
    }
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("total"))
}
