//! `GET /api/health`: the server's health. Its 503 is a state and no failure, so it is the one
//! status beside a problem's that a route picks by itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The health of the server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// The status of the server as a whole.
    status: HealthStatus,
    /// The version of the server.
    version: &'static str,
    /// The seconds since the server started.
    uptime_seconds: u64,
    /// The checks and their results.
    checks: Checks,
}

/// A result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    /// The check passed.
    Ok,
    /// The check failed.
    Unavailable,
}

/// The checks and their results.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checks {
    /// The default provider is loaded.
    default_provider: HealthStatus,
    /// The server takes new requests, and is not stopping.
    accepting: HealthStatus,
}

/// Returns the health of the server
#[utoipa::path(
    get,
    path = "/api/health",
    tag = "server",
    operation_id = "health",
    security(()),
    responses(
        (status = 200, description = "The server is ready to answer.", body = Health),
        (status = 503, description = "The server is not ready, is stopping, or is overloaded.", body = Health),
    )
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let of = |good| if good { HealthStatus::Ok } else { HealthStatus::Unavailable };
    let checks = Checks {
        default_provider: of(app
            .providers
            .get(&app.default_provider)
            .is_some_and(|slot| slot.serving().is_some())),
        accepting: of(!app.stop.is_draining()),
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

/// Returns whether the server is ready
///
/// Answers as `/api/health` does, under the name that orchestrators use.
#[utoipa::path(
    get,
    path = "/api/health/ready",
    tag = "server",
    operation_id = "ready",
    security(()),
    responses(
        (status = 200, description = "The server is ready to answer.", body = Health),
        (status = 503, description = "The server is not ready, is stopping, or is overloaded.", body = Health),
    )
)]
pub(crate) async fn ready(app: State<Arc<App>>) -> Response {
    health(app).await
}

/// The health of the process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    /// The status, which is always `ok`.
    status: HealthStatus,
}

/// Returns whether the process is alive
#[utoipa::path(
    get,
    path = "/api/health/live",
    tag = "server",
    operation_id = "live",
    security(()),
    responses((status = 200, description = "The process is alive and answers.", body = Alive))
)]
pub(crate) async fn live() -> Json<Alive> {
    Json(Alive { status: HealthStatus::Ok })
}
