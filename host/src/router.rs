//! Every route, and what a request passes on its way to one.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, header};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower::util::MapRequestLayer;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::App;
use crate::body::{Arriving, Bounds, Json};
use crate::config::ServerConfig;
use crate::error::{Code, Problem};
use crate::observe::{self, Observed};
use crate::request_log::RequestLog;
use crate::routes::{Caller, cache, chat, docs, health, providers, users};
use crate::{auth, openapi, telemetry};

/// The whole service. One for all connections: what is alike for each request is made once.
pub struct Front {
    app: Arc<App>,
    routes: Router,
    /// Places for requests at work.
    places: Arc<Semaphore>,
    bounds: Bounds,
    cors: Option<CorsLayer>,
}

/// The whole service.
pub fn router(app: Arc<App>, config: &ServerConfig) -> Front {
    let routes = Router::new()
        .route("/api/llm/chat", post(chat::chat))
        .route("/api/health", get(health::health))
        .route("/api/health/live", get(health::live))
        .route("/api/health/ready", get(health::ready))
        .route("/api/openapi.json", get(openapi::document))
        .route("/docs", get(docs::redirect))
        .route("/docs/", get(docs::page))
        .route("/docs/{*file}", get(docs::file))
        .route("/api/llm/providers", get(providers::providers))
        .route("/api/llm/providers/events", get(providers::events::events))
        .route("/api/llm/cache/stats", get(cache::stats))
        .route("/api/llm/cache", delete(cache::clear))
        .route("/api/users", get(users::list).post(users::create))
        .route("/api/users/{id}", get(users::get).patch(users::update).delete(users::delete))
        .route_layer(MapRequestLayer::new(note_route))
        .fallback(no_route);

    Front {
        routes: routes.with_state(app.clone()),
        app,
        places: Arc::new(Semaphore::new(config.max_requests)),
        bounds: Bounds { limit: config.body_limit, pause: config.read_timeout },
        cors: cors(&config.cors_origins),
    }
}

impl Front {
    /// Watches over a request from its head to the last byte of its answer.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Observed> {
        let log = observe::begin(&request);
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return observe::finish(Problem::full().into_response(), log, None);
        };
        let answered = AssertUnwindSafe(self.across_origins(request, &log)).catch_unwind();
        let answered = telemetry::within(log.id().clone(), answered).await;
        let response = answered.unwrap_or_else(|panic| observe::panicked(&*panic));
        observe::finish(response, log, Some(place))
    }

    /// Browsers ask before they send a key.
    async fn across_origins(&self, request: Request<Incoming>, log: &RequestLog) -> Response {
        let Some(cors) = &self.cors else { return self.guarded(request, log).await };
        let guarded = tower::service_fn(async |request| Ok(self.guarded(request, log).await));
        Box::pin(cors.layer(guarded).oneshot(request))
            .await
            .unwrap_or_else(|never: Infallible| match never {})
    }

    /// Who has no key ends here, before anybody looks at the body.
    async fn guarded(&self, request: Request<Incoming>, log: &RequestLog) -> Response {
        let request = request.map(|body| Arriving::new(body, self.bounds));
        let caller = if auth::is_open(request.uri().path()) {
            Caller::default()
        } else {
            match auth::caller(&self.app.keys, request.headers()) {
                Ok(caller) => caller,
                Err(problem) => return problem.into_response(),
            }
        };
        log.caller(&caller);
        // Nearly all that comes. It is the table's first route, without the search for it.
        if request.method() == Method::POST && request.uri().path() == chat::PATH {
            return Box::pin(self.chat(caller, log, request)).await.into_response();
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(log.clone());
        self.routes.clone().call(request).await.unwrap_or_else(|never| match never {})
    }

    async fn chat(
        &self,
        caller: Caller,
        log: &RequestLog,
        request: Request<Arriving>,
    ) -> Result<Response, Problem> {
        log.route(chat::PATH);
        let body = Json::read(request).await?;
        chat::chat(State(self.app.clone()), caller, log.clone(), body).await
    }
}

/// Notes the route a request was matched to: paths of users' ids don't belong into a log's
/// dimensions.
fn note_route(request: Request<Body>) -> Request<Body> {
    let extensions = request.extensions();
    if let (Some(log), Some(path)) =
        (extensions.get::<RequestLog>(), extensions.get::<MatchedPath>())
    {
        log.route(path.as_str().to_owned());
    }
    request
}

async fn no_route(method: Method, uri: http::Uri) -> Problem {
    Problem::new(Code::NotFound, format!("there is no route {method} {}", uri.path()))
}

/// Off unless the operator names origins.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let allow = if any { AllowOrigin::any() } else { AllowOrigin::list(origins.iter().cloned()) };
    let exposed = [
        observe::REQUEST_ID,
        chat::CACHE_HEADER,
        header::RETRY_AFTER,
        header::ETAG,
        header::LOCATION,
    ];
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
