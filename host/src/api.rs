//! The routes: one file a resource, and their table.

pub(crate) mod router;

pub(crate) mod chat;

mod cache;
mod docs;
mod health;
mod providers;
mod users;

// Shared by the routes.
mod openapi;
mod sse;
mod stream;
