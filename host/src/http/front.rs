//! The one way in: id, host and origin, caller, place, route, in this order for every request.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::auth::{self, Caller, Keys};
use super::body::{Arriving, Bounds};
use super::connections::Connection;
use super::head;
use super::observed::{self, Observed, REQUEST_ID};
use super::pages::PageGuard;
use super::places::Places;
use super::problem::Problem;
use super::problem::dialect::Dialect;
use crate::config::ServerConfig;
use crate::observe::Record;
use crate::observe::metrics::Metrics;
use crate::request_id;

/// Says where a completion came from.
pub(crate) const CACHE_HEADER: HeaderName = HeaderName::from_static("x-arete-cache");

/// The way in for the requests of all connections: what is alike for each request is made once.
pub struct Front {
    routes: Router,
    keys: Keys,
    places: Places,
    bounds: Bounds,
    /// The guard against web pages, which a server with keys doesn't need.
    pages: Option<PageGuard>,
    cors: Option<CorsLayer>,
    metrics: Arc<Metrics>,
}

impl Front {
    /// Makes the way in to these routes.
    pub fn new(routes: Router, config: &ServerConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            routes,
            keys: Keys::new(&config.api_keys),
            places: Places::new(config),
            bounds: Bounds {
                limit: config.body_limit,
                pause: config.read_timeout,
                whole: config.body_timeout,
            },
            pages: PageGuard::new(config),
            cors: cors(&config.cors_origins),
            metrics,
        }
    }

    /// Makes the way in to routes that are open to everybody who can reach their listener.
    pub fn open(routes: Router, config: &ServerConfig, metrics: Arc<Metrics>) -> Self {
        let keys = Keys::new(&[]);
        Self { keys, pages: None, cors: None, ..Self::new(routes, config, metrics) }
    }

    /// Answers a request, and watches over it from its head to the last byte of the response.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<Observed> {
        let (busy, record) = (connection.begin(), observed::begin(&request, &self.metrics));
        let dialect = Dialect::of(request.uri().path(), request.headers());
        if !auth::is_health(request.uri().path()) && !connection.take_place().await {
            let full = Problem::too_many_connections();
            return observed::finish(full.into_response(), record, busy, dialect);
        }
        let answered = AssertUnwindSafe(self.addressed(request, &record)).catch_unwind();
        let answered = request_id::within(record.id().clone(), answered).await;
        let response = answered.unwrap_or_else(|panic| Problem::panicked(&*panic).into_response());
        observed::finish(response, record, busy, dialect)
    }

    /// Turns away requests whose head can be read in two ways, and those of web pages that may not
    /// call.
    async fn addressed(&self, request: Request<Incoming>, record: &Record) -> Response {
        let checked = head::check(&request).and_then(|authority| match &self.pages {
            Some(pages) => pages.check(request.method(), request.headers(), authority),
            None => Ok(()),
        });
        match checked {
            Ok(()) => self.across_origins(request, record).await,
            Err(problem) => problem.into_response(),
        }
    }

    /// Answers what browsers ask before they send a key.
    async fn across_origins(&self, request: Request<Incoming>, record: &Record) -> Response {
        let Some(cors) = &self.cors else { return self.authenticated(request, record).await };
        let inner =
            tower::service_fn(async |request| Ok(self.authenticated(request, record).await));
        Box::pin(cors.layer(inner).oneshot(request))
            .await
            .unwrap_or_else(|never: Infallible| match never {})
    }

    /// Turns away requests without a key, before their body is read.
    async fn authenticated(&self, request: Request<Incoming>, record: &Record) -> Response {
        let caller = match auth::caller(&self.keys, request.uri().path(), request.headers()) {
            Ok(caller) => caller,
            Err(problem) => return problem.into_response(),
        };
        record.caller(caller.name.clone());
        // Health always answers, and reads no body.
        if auth::is_health(request.uri().path()) {
            return self.routed(request.map(|_| Body::empty()), caller, record).await;
        }
        let place = match self.places.enter(&caller, !request.body().is_end_stream()) {
            Ok(place) => place,
            Err(problem) => return problem.into_response(),
        };
        let bounded = |body| Body::new(Arriving::new(body, self.bounds, place.clone()));
        let mut request = request.map(bounded);
        request.extensions_mut().insert(place.clone());
        let mut response = self.routed(request, caller, record).await;
        // Kept until the last byte is sent.
        response.extensions_mut().insert(place);
        response
    }

    async fn routed(
        &self,
        mut request: Request<Body>,
        caller: Caller,
        record: &Record,
    ) -> Response {
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(record.clone());
        self.routes.clone().call(request).await.unwrap_or_else(|never| match never {})
    }
}

/// Returns the layer for browsers on other origins, if the operator named any.
fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let any = origins.iter().any(|origin| origin == "*");
    let allow = if any { AllowOrigin::any() } else { AllowOrigin::list(origins.iter().cloned()) };
    let exposed = [REQUEST_ID, CACHE_HEADER, header::RETRY_AFTER, header::ETAG, header::LOCATION];
    let layer = CorsLayer::new()
        .allow_origin(allow)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("x-goog-api-key"),
            HeaderName::from_static("anthropic-version"),
            HeaderName::from_static("anthropic-beta"),
            REQUEST_ID,
        ])
        .expose_headers(exposed);
    (!origins.is_empty()).then_some(layer)
}
