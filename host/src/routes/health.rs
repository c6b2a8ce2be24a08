//! `GET /api/health`: is the server there, and can it work?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// Ready to answer, or not.
    status: HealthStatus,
    /// The server's version.
    version: &'static str,
    /// How long it has run.
    uptime_seconds: u64,
    /// What was looked at.
    checks: Checks,
}

/// Ready to answer, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    /// It is.
    Ok,
    /// It isn't, or not any more.
    Unavailable,
}

/// What was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checks {
    /// Whether the default provider is loaded.
    default_provider: HealthStatus,
    /// Whether new requests are taken: not while the server stops.
    accepting: HealthStatus,
}

/// Says whether the server can work
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "server",
    operation_id = "health",
    security(()),
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "It can't, or not any more; or it is full.", body = Health),
    )
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let of = |good| if good { HealthStatus::Ok } else { HealthStatus::Unavailable };
    let checks = Checks {
        default_provider: of(app
            .providers
            .get(&app.default_provider)
            .is_some_and(|slot| slot.serving().is_some())),
        accepting: of(!app.stopping()),
    };
    let ready = checks.default_provider == HealthStatus::Ok && checks.accepting == HealthStatus::Ok;
    let health = Health {
        status: of(ready),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.started.elapsed().as_secs(),
        checks,
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

/// Says whether the server can work
///
/// The same as `/api/health`, under the name that orchestrators use.
#[utoipa::path(
    get,
    path = "/api/health/ready",
    tag = "server",
    operation_id = "ready",
    security(()),
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "It can't, or not any more; or it is full.", body = Health),
    )
)]
pub(crate) async fn ready(app: State<Arc<App>>) -> Response {
    health(app).await
}

/// Whether the process answers at all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// Always `ok`.
    status: HealthStatus,
}

/// Answers as long as the process does
#[utoipa::path(
    get,
    path = "/api/health/live",
    tag = "server",
    operation_id = "live",
    security(()),
    responses((status = 200, description = "The process answers.", body = Alive))
)]
pub(crate) async fn live() -> Json<Alive> {
    Json(Alive { status: HealthStatus::Ok })
}
