//! `GET /metrics`: the metrics, for Prometheus.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, header};

use crate::app::App;
use crate::http::problem::Problem;
use crate::observe::metrics::{Form, Now};

/// Returns the metrics
///
/// In OpenMetrics' form for a reader that accepts it, else in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    operation_id = "metrics",
    responses((
        status = 200,
        description = "All metrics since the start, and the present state of providers, cache and process.",
        content((String = "text/plain"), (String = "application/openmetrics-text")),
    ))
)]
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let form = Form::of(accept.unwrap_or_default());
    let cache = app.chat.cache().stats().await;
    let now = Now::look(env!("CARGO_PKG_VERSION"), app.started_at, &app.providers, cache);
    let written = app.metrics.write(&now, form);
    let written = written
        .map_err(|error| Problem::internal(format!("the metrics can't be written: {error}")))?;
    Ok(([(header::CONTENT_TYPE, form.content_type())], written).into_response())
}

/// Returns the routes of a listener that serves the metrics alone.
pub(super) fn alone(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(app)
}
