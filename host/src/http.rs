//! The HTTP door: connections, the one way in for every request, and failures as problems.

pub(crate) mod auth;
pub(crate) mod body;
pub mod front;
pub(crate) mod json;
mod observed;
pub mod problem;
pub mod server;
