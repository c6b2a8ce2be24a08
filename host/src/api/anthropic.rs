//! `POST /v1/messages`: the door for clients of Anthropic's API.

mod answer;
mod blocks;
mod content;
mod messages;
mod request;
mod rest;
mod words;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use self::answer::Frame;
use self::blocks::Blocks;
use self::request::MessagesRequest;
use super::chat::with_headers;
use super::door::{self, Asked, Failures, Head, Names, Passed};
use super::stream;
use crate::app::App;
use crate::http::auth::Caller;
use crate::http::body::JsonText;
use crate::http::problem::dialect::Dialect;
use crate::http::problem::{Code, FieldError, Problem, Wording};
use crate::observe::Record;

/// The contract's name of this dialect.
const DIALECT: &str = "anthropic-messages";
/// The contract's name for the counting of tokens.
const COUNT_DIALECT: &str = "anthropic-count-tokens";
/// Fields of requests that change what the vendor keeps.
const KEPT: [&str; 2] = ["thread", "container"];

/// The names of wishes that may be refused.
const NAMES: Names = Names {
    output: "output_config.format",
    parallel_tool_calls: "tool_choice.disable_parallel_tool_use",
};

/// Asks a model in the words of Anthropic's Messages API
///
/// The model is named as `provider/model`, or by a name that a provider lists, or else goes to the
/// default provider. Fields that only tune or label are left out where the vendor's API is another
/// one; others that it has no word for are refused by name. Failures have Anthropic's form.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "doors",
    operation_id = "createMessage",
    request_body(
        content = Object,
        description = "A request of Anthropic's Messages API.",
        example = json!({"model": "echo/echo", "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}]})
    ),
    responses(
        (
            status = 200,
            description = "The answer as a `message`, or a stream of Anthropic's events.",
            content((Object = "application/json"), (String = "text/event-stream"))
        ),
        (status = 404, description = "The vendor does not know the model."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 503, description = "The provider is not available, or the vendor or the server is overloaded."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn messages(
    State(app): State<Arc<App>>,
    caller: Caller,
    record: Record,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let head = Head::read(&body)?;
    let asked = Asked::find(&app, &head.model, &record)?;
    let failures = Failures { dialect: Dialect::Anthropic, speaks: asked.speaks };
    if asked.provider.forwards(DIALECT) {
        let once = KEPT.iter().any(|field| head.has(field));
        let stream = head.stream;
        let tenant = caller.name;
        let passed = Passed { dialect: DIALECT, query, headers, tenant, stream, once, body };
        let response = door::forward(&app, &asked, passed, failures, &record).await;
        return with_headers(response, &record);
    }
    if head.has("thread") {
        return Err(no_threads());
    }
    let MessagesRequest { mut request, wishes } = MessagesRequest::read(&body, asked.speaks)?;
    wishes.put(&mut request, asked.speaks, &NAMES)?;
    let call = asked.call(&app, request, &headers, caller)?;
    let id = format!("msg_{}", record.id());
    let frame = Frame { model: head.model, id, speaks: asked.speaks };
    let response = if head.stream {
        stream::respond(&app, call, Blocks::new(frame, failures), record.clone()).await
    } else {
        let write = |completion: &_| Ok(answer::write(completion, &frame));
        door::whole(&app, call, &record, failures, write).await
    };
    with_headers(response, &record)
}

/// Counts the tokens of a request
///
/// The vendor counts, if it has this API. A wrong number would make clients overrun a model's window:
/// behind other vendors the answer is a 404, after which clients estimate.
#[utoipa::path(
    post,
    path = "/v1/messages/count_tokens",
    tag = "doors",
    operation_id = "countTokens",
    request_body(
        content = Object,
        description = "A request of Anthropic's Messages API, without `max_tokens`.",
        example = json!({"model": "echo/echo", "messages": [{"role": "user", "content": "Hello"}]})
    ),
    responses(
        (status = 200, description = "The number of tokens.", body = Object),
        (status = 404, description = "The provider of the model does not count tokens."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn count_tokens(
    State(app): State<Arc<App>>,
    caller: Caller,
    record: Record,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let head = Head::read(&body)?;
    let asked = Asked::find(&app, &head.model, &record)?;
    if asked.provider.forwards(COUNT_DIALECT) {
        let failures = Failures { dialect: Dialect::Anthropic, speaks: asked.speaks };
        let (stream, once) = (false, false);
        let tenant = caller.name;
        let passed = Passed { dialect: COUNT_DIALECT, query, headers, tenant, stream, once, body };
        let response = door::forward(&app, &asked, passed, failures, &record).await;
        return with_headers(response, &record);
    }
    let detail = format!("provider {} does not count tokens", asked.provider.id());
    Err(Problem::new(Code::NotFound, detail).about(FieldError::new("model", "has no counter")))
}

/// Refuses a message thread as its clients understand it: they go on with the whole conversation.
/// The vendor keeps the thread, so one that is ignored loses the conversation.
fn no_threads() -> Problem {
    let message = "capability_rejected: beta_header:message-threads-2026-08-12; message threads can't be passed on \
                   to this provider; send the whole conversation";
    let error = json!({
        "type": "invalid_request_error",
        "message": message,
        "details": { "error_code": "thread_unsupported_request", "unsupported": ["provider"] },
    });
    let Value::Object(error) = error else { return Problem::invalid_field("thread", message) };
    Problem::invalid_field("thread", message).worded(Wording::Error { status: None, error })
}
