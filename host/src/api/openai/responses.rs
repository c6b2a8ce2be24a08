//! `POST /v1/responses`: OpenAI's Responses API, whose answers are lists of items.

mod echo;
mod events;
mod items;
mod output;
mod request;
mod tools;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::events::ResponseEvents;
use self::output::Frame;
use self::request::ResponsesRequest;
use crate::api::chat::with_headers;
use crate::api::door::{self, Asked, Failures, Head, Names, Passed};
use crate::api::stream;
use crate::app::App;
use crate::http::auth::Caller;
use crate::http::body::JsonText;
use crate::http::problem::dialect::Dialect;
use crate::http::problem::{Problem, Wording};
use crate::observe::Record;

/// The contract's name of this dialect.
const DIALECT: &str = "openai-responses";
/// Fields of requests that change what the vendor keeps.
const KEPT: [&str; 3] = ["previous_response_id", "conversation", "background"];

/// The names of wishes that may be refused.
const NAMES: Names = Names { output: "text.format", parallel_tool_calls: "parallel_tool_calls" };

/// Asks a model in the words of OpenAI's Responses API
///
/// A vendor that has this API is asked as the caller asks. Behind others nothing is stored: the answer says `"store": false`, and a request that goes on from an earlier
/// response is refused as one that isn't found, after which clients send the whole conversation.
#[utoipa::path(
    post,
    path = "/v1/responses",
    tag = "doors",
    operation_id = "createResponse",
    request_body(
        content = Object,
        description = "A request of OpenAI's Responses API.",
        example = json!({"model": "echo/echo", "input": "Hello"})
    ),
    responses(
        (
            status = 200,
            description = "The answer as a `response`, or a stream of OpenAI's events.",
            content((Object = "application/json"), (String = "text/event-stream"))
        ),
        (status = 404, description = "The vendor does not know the model."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 503, description = "The provider is not available, or the vendor or the server is overloaded."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn responses(
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
        let once = KEPT.iter().any(|field| head.has(field));
        let stream = head.stream;
        let tenant = caller.name;
        let passed = Passed { dialect: DIALECT, query, headers, tenant, stream, once, body };
        let response = door::forward(&app, &asked, passed, failures, &record).await;
        return with_headers(response, &record);
    }
    for field in ["previous_response_id", "conversation"] {
        if head.has(field) {
            return Err(not_stored(field));
        }
    }
    let ResponsesRequest { mut request, wishes, echo } =
        ResponsesRequest::read(&body, asked.speaks)?;
    wishes.put(&mut request, asked.speaks, &NAMES)?;
    let call = asked.call(&app, request, &headers, caller)?;
    let frame = Frame {
        model: head.model,
        id: record.id().to_string(),
        created: Timestamp::now().as_second(),
        echo,
    };
    let response = if head.stream {
        let events = ResponseEvents::new(frame, failures);
        stream::respond(&app, call, events, record.clone()).await
    } else {
        let write = |completion: &_| serde_json::to_vec(&output::whole(completion, &frame));
        door::whole(&app, call, &record, failures, write).await
    };
    with_headers(response, &record)
}

/// Refuses to go on from what OpenAI would have stored.
fn not_stored(field: &'static str) -> Problem {
    let message =
        "Responses are not stored behind this provider; send the whole conversation as input.";
    let error = json!({
        "message": message,
        "type": "invalid_request_error",
        "param": field,
        "code": "previous_response_not_found",
    });
    let problem = Problem::invalid_field(field, message);
    let Value::Object(error) = error else { return problem };
    problem.worded(Wording::Error { status: None, error })
}
