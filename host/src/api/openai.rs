//! `POST /v1/chat/completions`, and below it `responses`: the door for clients of OpenAI's API.

mod answer;
mod chunks;
mod content;
pub(super) mod embeddings;
mod messages;
mod request;
pub(super) mod responses;
mod signature;
mod tools;
mod words;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;

use self::answer::Frame;
use self::chunks::Chunks;
use self::request::ChatRequest;
use super::chat::with_headers;
use super::door::{self, Asked, Failures, Head, Names, Passed, Speaks};
use super::stream;
use crate::app::App;
use crate::http::auth::Caller;
use crate::http::body::JsonText;
use crate::http::problem::Problem;
use crate::http::problem::dialect::Dialect;
use crate::observe::Record;

/// The contract's name of this dialect.
const DIALECT: &str = "openai-chat";

/// The names of wishes that may be refused.
const NAMES: Names =
    Names { output: "response_format", parallel_tool_calls: "parallel_tool_calls" };

/// Asks a model in the words of OpenAI's Chat Completions API
///
/// The model is named as `provider/model`, or by a name that a provider lists, or else goes to the
/// default provider. Fields that only tune or label are left out where the vendor's API is another
/// one; others that it has no word for are refused by name. Failures have OpenAI's form.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "doors",
    operation_id = "createChatCompletion",
    request_body(
        content = Object,
        description = "A request of OpenAI's Chat Completions API.",
        example = json!({"model": "echo/echo", "messages": [{"role": "user", "content": "Hello"}]})
    ),
    responses(
        (
            status = 200,
            description = "The answer as a `chat.completion`, or a stream of `chat.completion.chunk`.",
            content((Object = "application/json"), (String = "text/event-stream"))
        ),
        (status = 404, description = "The vendor does not know the model."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 503, description = "The provider is not available, or the vendor or the server is overloaded."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn chat_completions(
    State(app): State<Arc<App>>,
    caller: Caller,
    record: Record,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let head = Head::read(&body)?;
    let asked = Asked::find(&app, &head.model, &record)?;
    let failures = Failures { dialect: Dialect::OpenAi, speaks: asked.speaks };
    if asked.provider.forwards(DIALECT) {
        let (stream, once) = (head.stream, false);
        let tenant = caller.name;
        let passed = Passed { dialect: DIALECT, query, headers, tenant, stream, once, body };
        let response = door::forward(&app, &asked, passed, failures, &record).await;
        return with_headers(response, &record);
    }
    let ChatRequest { mut request, wishes, include_usage } =
        ChatRequest::read(&body, asked.speaks)?;
    wishes.put(&mut request, asked.speaks, &NAMES)?;
    let call = asked.call(&app, request, &headers, caller)?;
    let frame = Frame {
        model: head.model,
        id: format!("chatcmpl-{}", record.id()),
        created: u64::try_from(Timestamp::now().as_second()).unwrap_or_default(),
        is_claude: asked.speaks == Speaks::Anthropic,
    };
    let response = if head.stream {
        let chunks = Chunks::new(frame, include_usage, failures);
        stream::respond(&app, call, chunks, record.clone()).await
    } else {
        let write = |completion: &_| answer::write(completion, &frame);
        door::whole(&app, call, &record, failures, write).await
    };
    with_headers(response, &record)
}
