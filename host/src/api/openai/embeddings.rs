//! `POST /v1/embeddings`: texts as vectors, where the vendor has this API.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::HeaderMap;

use crate::api::chat::with_headers;
use crate::api::door::{self, Asked, Failures, Head, Passed};
use crate::app::App;
use crate::http::auth::Caller;
use crate::http::body::JsonText;
use crate::http::problem::dialect::Dialect;
use crate::http::problem::{Code, FieldError, Problem};
use crate::observe::Record;

/// The contract's name of this dialect.
const DIALECT: &str = "openai-embeddings";

/// Makes vectors of texts in the words of OpenAI's Embeddings API
///
/// A vendor that has this API is asked as the caller asks. Behind others the answer is a 404.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "doors",
    operation_id = "createEmbedding",
    request_body(
        content = Object,
        description = "A request of OpenAI's Embeddings API.",
        example = json!({"model": "text-embedding-3-small", "input": "Hello"})
    ),
    responses(
        (status = 200, description = "The vectors, as the vendor gives them.", body = Object),
        (status = 404, description = "The provider of the model makes no vectors."),
        (status = 429, description = "The vendor still limits the rate after all retries."),
        (status = 502, description = "The vendor failed or refused the server's account, or the plugin failed."),
        (status = 504, description = "The answer was not complete when the deadline passed."),
    )
)]
pub(crate) async fn embeddings(
    State(app): State<Arc<App>>,
    caller: Caller,
    record: Record,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    JsonText(body): JsonText,
) -> Result<Response, Problem> {
    let head = Head::read(&body)?;
    let asked = Asked::find(&app, &head.model, &record)?;
    if !asked.provider.forwards(DIALECT) {
        let detail = format!("provider {} makes no embeddings", asked.provider.id());
        let problem = Problem::new(Code::NotFound, detail);
        return Err(problem.about(FieldError::new("model", "makes no embeddings")));
    }
    let failures = Failures { dialect: Dialect::OpenAi, speaks: asked.speaks };
    let (stream, once) = (false, false);
    let tenant = caller.name;
    let passed = Passed { dialect: DIALECT, query, headers, tenant, stream, once, body };
    let response = door::forward(&app, &asked, passed, failures, &record).await;
    with_headers(response, &record)
}
