//! The API's description: OpenAPI 3.1, generated from the routes and their types.
//!
//! A route describes what is its own: parameters, successes, and the failures that only it has. The
//! parts that all routes share, and those that the generator has no words for, are added to the
//! generated document in one place: `complete`.

mod complete;
mod problems;

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use utoipa::OpenApi;

use super::chat::{DeltaBody, DoneBody, StartBody};
use super::providers::ProviderDetail;
use super::providers::events::ProviderGone;
use crate::http::problem::ProblemBody;

/// The description of the API as a whole.
const DESCRIPTION: &str = "\
An LLM backend: one HTTP API for every provider.

**Failures** are problems in the sense of RFC 9457, `application/problem+json`: `code` is stable and for programs, \
`detail` is for people, and `errors` lists each mistake in the request with its path, the first 50 of them. A method \
that a route doesn't have is a 405 with `allow`; a route that doesn't exist is a 404. Failures under `/v1/` have the \
form of OpenAI's or Anthropic's API instead.

**Requests** may have an `x-request-id` of 1 to 128 visible ASCII characters. The response carries it, or one of the \
server's own, and so does the server's log. Unknown fields are refused.

**Keys** are required unless the server was started without any.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Arete", description = DESCRIPTION, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    servers((url = "/", description = "This server")),
    components(schemas(ProblemBody, StartBody, DeltaBody, DoneBody, ProviderDetail, ProviderGone)),
    tags(
        (name = "chat", description = "Requests to models, and the providers that answer them."),
        (name = "doors", description = "The APIs of OpenAI and Anthropic, for programs that speak one of them. Failures have the form of that API."),
        (name = "users", description = "The people and programs that the operator keeps a record of."),
        (name = "server", description = "The health of the server and the description of its API. Needs no key."),
    )
)]
struct Api;

/// The document, made of the described routes when it is first asked for.
#[derive(Clone)]
pub(super) struct Document(Arc<LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>>);

impl Document {
    /// Makes the document of these routes.
    pub(super) fn of(routes: utoipa::openapi::OpenApi) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(move || {
            let mut api = Api::openapi();
            api.merge(routes);
            // A description that can't be written as JSON would be a bug that a test finds.
            let mut document = serde_json::to_value(api).unwrap_or_default();
            complete::complete(&mut document);
            Bytes::from(document.to_string())
        }))))
    }
}

/// Returns the description of this API
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "server",
    operation_id = "openapi",
    security(()),
    responses((status = 200, description = "This document, in OpenAPI 3.1.", body = Object))
)]
pub(super) async fn document(Extension(document): Extension<Document>) -> Response {
    let json = (**document.0).clone();
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::router;

    fn parsed() -> Value {
        serde_json::from_slice(&Document::of(router::table().1).0).unwrap()
    }

    /// Returns each description in the document, with its place.
    fn descriptions(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let place = format!("{place}/{name}");
                    match field {
                        Value::String(text) if name == "description" => {
                            found.push((place, text.clone()));
                        }
                        _ => descriptions(field, &place, found),
                    }
                }
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| descriptions(item, &format!("{place}/{index}"), found)),
            _ => {}
        }
    }

    #[test]
    fn every_description_is_a_phrase_of_four_words_at_least() {
        let mut found = Vec::new();
        descriptions(&parsed(), "", &mut found);
        let short: Vec<_> = found
            .iter()
            .filter(|(place, text)| {
                text.split_whitespace().count() < 4
                    && !place.starts_with("/servers")
                    // `400` and the like: the numbers beside the codes.
                    && !text.bytes().all(|byte| byte.is_ascii_digit())
            })
            .collect();
        assert!(short.is_empty(), "{short:#?}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(fields) => {
                    if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    fields.values().for_each(|field| check(field, document));
                }
                Value::Array(items) => items.iter().for_each(|item| check(item, document)),
                _ => {}
            }
        }
        let document = parsed();
        check(&document, &document);
    }
}
