//! The table of routes. It makes the router and the OpenAPI document.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::routing::get;
use axum::{Extension, Router};
use http::{Method, Request, Uri};
use tower::util::MapRequestLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    anthropic, cache, chat, docs, health, metrics, models, openai, openapi, providers, users,
};
use crate::app::App;
use crate::http::problem::{Code, Problem};
use crate::observe::Record;

/// Returns the table: the routes and what the OpenAPI document says of them.
pub(super) fn table() -> (Router<Arc<App>>, OpenApi) {
    let (routes, mut description) = OpenApiRouter::new()
        .routes(routes!(chat::chat))
        .routes(routes!(openai::chat_completions))
        .routes(routes!(openai::responses::responses))
        .routes(routes!(openai::embeddings::embeddings))
        .routes(routes!(anthropic::messages))
        .routes(routes!(anthropic::count_tokens))
        .routes(routes!(models::list))
        .routes(routes!(models::get))
        .routes(routes!(providers::providers))
        .routes(routes!(providers::events::events))
        .routes(routes!(cache::stats))
        .routes(routes!(cache::clear))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::live))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    let (document, own) = OpenApiRouter::new().routes(routes!(openapi::document)).split_for_parts();
    description.merge(own);
    let document = document.layer(Extension(openapi::Document::of(description.clone())));
    (routes.merge(document), description)
}

/// Returns the router of all routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (routes, _) = table();
    routes
        // The same as the encoded name.
        .route("/v1/models/{provider}/{*model}", get(models::get_of_provider))
        // The page for people isn't part of the API.
        .route("/docs", get(docs::redirect))
        .route("/docs/", get(docs::page))
        .route("/docs/{*file}", get(docs::file))
        .route_layer(MapRequestLayer::new(note_route))
        .fallback(no_route)
        .with_state(app)
}

/// Notes the route that a request was matched to: users' ids in paths don't belong into a log's
/// dimensions.
fn note_route(request: Request<Body>) -> Request<Body> {
    let extensions = request.extensions();
    if let (Some(record), Some(path)) =
        (extensions.get::<Record>(), extensions.get::<MatchedPath>())
    {
        record.route(path.as_str());
    }
    request
}

async fn no_route(method: Method, uri: Uri) -> Problem {
    let path = uri.path();
    let detail = format!("there is no route {method} {path}");
    // Clients of OpenAI and Anthropic with a base URL that lacks its end.
    let misses_version = matches!(
        path,
        "/chat/completions" | "/responses" | "/embeddings" | "/messages" | "/models"
    );
    let advice = if misses_version {
        format!("; the client's base URL probably has to end in /v1, for /v1{path}")
    } else {
        String::new()
    };
    Problem::new(Code::NotFound, detail + &advice)
}
