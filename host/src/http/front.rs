//! The one way in: id, place, host and origin, caller, route, in this order for every request.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, header};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::auth::{self, Keys};
use super::body::{Arriving, Bounds};
use super::head;
use super::observed::{self, Observed, REQUEST_ID};
use super::pages::PageGuard;
use super::problem::Problem;
use crate::config::ServerConfig;
use crate::observe::Record;
use crate::request_id;

/// Says where a completion came from.
pub(crate) const CACHE_HEADER: HeaderName = HeaderName::from_static("x-arete-cache");

/// The way in for the requests of all connections: what is alike for each request is made once.
pub struct Front {
    routes: Router,
    keys: Keys,
    /// A permit is a request at work.
    places: Arc<Semaphore>,
    bounds: Bounds,
    /// The guard against web pages, which a server with keys doesn't need.
    pages: Option<PageGuard>,
    cors: Option<CorsLayer>,
}

impl Front {
    /// Makes the way in to these routes.
    pub fn new(routes: Router, config: &ServerConfig) -> Self {
        Self {
            routes,
            keys: Keys::new(&config.api_keys),
            places: Arc::new(Semaphore::new(config.max_requests)),
            bounds: Bounds { limit: config.body_limit, pause: config.read_timeout },
            pages: PageGuard::new(config),
            cors: cors(&config.cors_origins),
        }
    }

    /// Answers a request, and watches over it from its head to the last byte of the response.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Observed> {
        let record = observed::begin(&request);
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return observed::finish(Problem::full().into_response(), record, None);
        };
        let answered = AssertUnwindSafe(self.addressed(request, &record)).catch_unwind();
        let answered = request_id::within(record.id().clone(), answered).await;
        let response = answered.unwrap_or_else(|panic| Problem::panicked(&*panic).into_response());
        observed::finish(response, record, Some(place))
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
        let mut request = request.map(|body| Body::new(Arriving::new(body, self.bounds)));
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
            REQUEST_ID,
        ])
        .expose_headers(exposed);
    (!origins.is_empty()).then_some(layer)
}
