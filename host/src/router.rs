//! Every route and every layer, in the order a request meets them.

use std::sync::Arc;

use axum::routing::{delete, get, post};
use axum::{Extension, Router, middleware};
use http::{HeaderName, HeaderValue, Method, header};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::app::App;
use crate::body::BodyLimit;
use crate::config::ServerConfig;
use crate::error::{Code, Problem};
use crate::routes::{cache, chat, docs, health, providers, users};
use crate::{auth, observe, openapi};

/// The whole service.
pub fn router(app: Arc<App>, config: &ServerConfig) -> Router {
    let open = Router::new()
        .route("/api/health", get(health::health))
        .route("/api/health/live", get(health::live))
        .route("/api/health/ready", get(health::ready))
        .route("/api/openapi.json", get(openapi::document))
        .route("/docs", get(docs::redirect))
        .route("/docs/", get(docs::page))
        .route("/docs/{*file}", get(docs::file));

    let guarded = Router::new()
        .route("/api/llm/chat", post(chat::chat))
        .route("/api/llm/providers", get(providers::providers))
        .route("/api/llm/providers/events", get(providers::events::events))
        .route("/api/llm/cache/stats", get(cache::stats))
        .route("/api/llm/cache", delete(cache::clear))
        .route("/api/users", get(users::list).post(users::create))
        .route("/api/users/{id}", get(users::get).patch(users::update).delete(users::delete))
        .fallback(no_route)
        .layer(middleware::from_fn_with_state(app.clone(), auth::guard));

    let places = Arc::new(Semaphore::new(config.max_requests));
    let layers = ServiceBuilder::new()
        // Id, place, log line; the body of every failure below.
        .layer(middleware::from_fn_with_state(places, observe::observe))
        .layer(CatchPanicLayer::custom(observe::panicked))
        // Browsers ask before they send a key.
        .option_layer(cors(&config.cors_origins))
        .layer(RequestBodyTimeoutLayer::new(config.read_timeout))
        .layer(Extension(BodyLimit(config.body_limit)));

    open.merge(guarded).route_layer(middleware::from_fn(observe::note_route)).layer(layers).with_state(app)
}

async fn no_route(method: Method, uri: http::Uri) -> Problem {
    Problem::new(Code::NotFound, format!("there is no route {method} {}", uri.path()))
}

/// Off unless the operator names origins.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let allow = if any { AllowOrigin::any() } else { AllowOrigin::list(origins.iter().cloned()) };
    let exposed = [observe::REQUEST_ID, chat::CACHE_HEADER, header::RETRY_AFTER, header::ETAG, header::LOCATION];
    let layer = CorsLayer::new()
        .allow_origin(allow)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("x-api-key"),
            observe::REQUEST_ID,
        ])
        .expose_headers(exposed);
    (!origins.is_empty()).then_some(layer)
}
