//! `GET /api/llm/cache/stats` and `DELETE /api/llm/cache`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::problem::Problem;
use crate::time::millis;

/// The size of the cache and its use.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CacheStats {
    /// The number of cached answers.
    size: u64,
    /// True if the server caches answers.
    enabled: bool,
    /// The time for which an answer is cached by default, in milliseconds.
    #[serde(rename = "defaultTTL")]
    default_ttl: u64,
    /// The number of requests answered from the cache since the start.
    hits: u64,
    /// The number of requests that went to the vendor.
    misses: u64,
    /// The number of requests that shared an equal request under way.
    coalesced: u64,
    /// The bytes that these answers take: on disk, or in memory until they are written and without a
    /// disk.
    bytes: u64,
}

/// Returns the size of the cache and its use
#[utoipa::path(
    get,
    path = "/api/llm/cache/stats",
    tag = "chat",
    operation_id = "cacheStats",
    responses((status = 200, description = "The counts since the start, and the present size.", body = CacheStats))
)]
pub(crate) async fn stats(State(app): State<Arc<App>>) -> Json<CacheStats> {
    let stats = app.chat.cache().stats().await;
    Json(CacheStats {
        size: stats.size,
        enabled: stats.enabled,
        default_ttl: millis(app.cache_ttl),
        hits: stats.hits,
        misses: stats.misses,
        coalesced: stats.coalesced,
        bytes: stats.bytes,
    })
}

/// Clears the cache, in memory and on disk
#[utoipa::path(
    delete,
    path = "/api/llm/cache",
    tag = "chat",
    operation_id = "clearCache",
    responses((status = 204, description = "The cache is empty now."))
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
