//! `GET /api/llm/cache/stats` and `DELETE /api/llm/cache`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Problem;

/// How full and how useful the cache is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheStats {
    /// Answers kept.
    size: u64,
    /// Whether any are kept at all.
    enabled: bool,
    /// For how long, in milliseconds, when a caller says nothing.
    #[serde(rename = "defaultTTL")]
    default_ttl: u64,
    /// Requests answered out of the cache since the start.
    hits: u64,
    /// Requests that had to ask the vendor.
    misses: u64,
    /// Requests that joined an equal one under way.
    coalesced: u64,
    /// What the answers take on disk, or in memory where there is no disk.
    bytes: u64,
}

/// Says how full and how useful the cache is
#[utoipa::path(
    get,
    path = "/api/llm/cache/stats",
    tag = "chat",
    operation_id = "cacheStats",
    responses((status = 200, description = "Counts since the start, and what is kept now.", body = CacheStats))
)]
pub(crate) async fn stats(State(app): State<Arc<App>>) -> Json<CacheStats> {
    let stats = app.chat.cache().stats();
    Json(CacheStats {
        size: stats.size,
        enabled: stats.enabled,
        default_ttl: u64::try_from(app.cache_ttl.as_millis()).unwrap_or(u64::MAX),
        hits: stats.hits,
        misses: stats.misses,
        coalesced: stats.coalesced,
        bytes: stats.bytes,
    })
}

/// Forgets all answers, also those on disk
#[utoipa::path(
    delete,
    path = "/api/llm/cache",
    tag = "chat",
    operation_id = "clearCache",
    responses((status = 204, description = "No answer is kept any more."))
)]
pub(crate) async fn clear(State(app): State<Arc<App>>) -> Result<StatusCode, Problem> {
    // A 204 is a promise that also holds after a restart.
    app.chat
        .cache()
        .clear()
        .await
        .map_err(|error| Problem::internal(format!("the cache can't be cleared: {error}")))?;
    Ok(StatusCode::NO_CONTENT)
}
