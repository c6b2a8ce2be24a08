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

use super::{cache, chat, docs, health, metrics, openapi, providers, users};
use crate::app::App;
use crate::http::problem::{Code, Problem};
use crate::observe::Record;

/// Returns the table: the routes and what the OpenAPI document says of them.
pub(super) fn table() -> (Router<Arc<App>>, OpenApi) {
    let (routes, mut description) = OpenApiRouter::new()
        .routes(routes!(chat::chat))
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
    Problem::new(Code::NotFound, format!("there is no route {method} {}", uri.path()))
}
