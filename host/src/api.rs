//! The routes: one file a resource, and their table.

mod router;

pub(crate) mod chat;

mod anthropic;
mod models;
mod openai;

mod cache;
mod docs;
mod health;
mod metrics;
mod providers;
mod users;

// Shared by the routes.
mod door;
mod openapi;
mod sse;
mod stream;

use std::sync::Arc;

use crate::app::App;
use crate::config::ServerConfig;
use crate::http::front::Front;

/// Makes the way in to all routes.
pub fn front(app: &Arc<App>, config: &ServerConfig) -> Front {
    Front::new(router::router(app.clone()), config, app.metrics.clone())
}

/// Makes the way in to the metrics alone, for a listener of their own.
pub fn metrics_front(app: &Arc<App>, config: &ServerConfig) -> Front {
    Front::open(metrics::alone(app.clone()), config, app.metrics.clone())
}
