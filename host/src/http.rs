//! The HTTP door: connections, the one way in for every request, and failures as problems.

pub(crate) mod auth;
pub(crate) mod body;
pub mod front;
pub(crate) mod json;
mod observed;
pub mod problem;
pub mod server;

use std::sync::Arc;

use self::front::Front;
use crate::api;
use crate::app::App;
use crate::config::ServerConfig;

/// Makes the way in to all routes.
pub fn front(app: &Arc<App>, config: &ServerConfig) -> Front {
    Front::new(api::router::router(app.clone()), config)
}
