//! The API's description: OpenAPI 3.1, generated from the routes and their types.
//!
//! A route says what is its own: parameters, successes, and the failures that only it has. What all
//! routes have in common, and what the generator has no words for, is added to the generated
//! document in one place: `complete`.

mod complete;
mod problems;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use utoipa::OpenApi;

use crate::error::ProblemBody;
use crate::routes::chat::{DeltaBody, DoneBody, StartBody};
use crate::routes::providers::ProviderDetail;
use crate::routes::providers::events::ProviderGone;
use crate::routes::{cache, chat, health, providers, users};

/// What concerns all routes.
const DESCRIPTION: &str = "\
An LLM backend: one HTTP API for every provider.

**Failures** are problems in the sense of RFC 9457, `application/problem+json`, whatever went wrong: `code` is for \
programs, `detail` for people, `errors` names every field at fault at once. A method that a route doesn't have is a \
405 with `allow`; a route that isn't there is a 404.

**Requests** may bring an `x-request-id` of 1 to 128 visible ASCII characters. The answer carries it, or one of the \
server's own, and so does the server's log. Fields that a route doesn't know are refused.

**Keys** are needed unless the server was started without any.";

#[derive(OpenApi)]
#[openapi(
    info(title = "Arete", description = DESCRIPTION, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    servers((url = "/", description = "This server")),
    paths(
        chat::chat,
        providers::providers,
        providers::events::events,
        cache::stats,
        cache::clear,
        users::list,
        users::create,
        users::get,
        users::update,
        users::delete,
        health::health,
        health::ready,
        health::live,
        document,
    ),
    components(schemas(ProblemBody, StartBody, DeltaBody, DoneBody, ProviderDetail, ProviderGone)),
    tags(
        (name = "chat", description = "Questions to models, and who answers them."),
        (name = "users", description = "People and programs that the operator keeps record of."),
        (name = "server", description = "How the server is, and what it can be asked. Open to everybody."),
    )
)]
struct Api;

/// Built by the first who asks.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    // A description that can't be written as JSON would be a bug that a test finds.
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    complete::complete(&mut document);
    Bytes::from(document.to_string())
});

/// Describes this API
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "server",
    operation_id = "openapi",
    security(()),
    responses((status = 200, description = "This document: OpenAPI 3.1.", body = Object))
)]
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn parsed() -> Value {
        serde_json::from_slice(&DOCUMENT).unwrap()
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let router = include_str!("router.rs");
        let routes = router.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"'));
        // The page for people isn't part of the API.
        let routes: BTreeSet<_> =
            routes.map(|(path, _)| path).filter(|path| !path.starts_with("/docs")).collect();
        let document = parsed();
        let described = document["paths"].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(described.collect::<BTreeSet<_>>(), routes);
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
