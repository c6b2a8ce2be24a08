//! The HTTP door: connections, the one way in for every request, and failures as problems.

pub(crate) mod auth;
pub(crate) mod body;
mod connections;
mod framing;
pub mod front;
pub(crate) mod head;
pub(crate) mod json;
mod observed;
mod pages;
pub(crate) mod places;
pub mod problem;
pub mod server;
