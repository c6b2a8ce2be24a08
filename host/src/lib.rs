//! Arete: an LLM backend in which every provider is a sandboxed WebAssembly component.
//!
//! A request travels through these files from top to bottom:
//!
//! ```text
//! client ─► server.rs        connection: limits on heads and time
//!           router.rs        every route and layer on one page
//!           observe.rs       id, place among those at work, one log line
//!           auth.rs          who calls?
//!           routes/chat.rs   JSON ─► the contract's types, validated
//!           llm/service.rs   ┌ cache     answered before?            ─► return it
//!                            ├ flight    same question under way?    ─► wait for that answer
//!                            ├ retry     for each attempt inside the deadline
//!                            │   └ plugin/provider.rs   fresh Store ─► instantiate ─► call ─► drop
//!                            │       └ plugin/outbound.rs   grant ─► credential ─► bounds ─► send ─► vendor
//!                            └ cache     keep a complete, successful answer
//!           routes/chat.rs   the contract's types ─► JSON or events
//!           error.rs         any failure: one Problem, one status
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that unwraps what isn't there fails, as it should"
    )
)]

// Beside serving.
pub mod cli;

// Built once.
pub mod config;
pub mod telemetry;

pub mod app;
pub mod server;
pub mod shutdown;

// One request, top to bottom.
pub mod router;

mod observe;
mod request_log;

pub mod auth;
mod body;
mod openapi;

mod routes;

pub mod chat;
pub mod plugin;

// The ground floor: the way out, the contract's records, and small values that all use.
pub mod egress;

pub mod contract;
pub mod digest;
mod meter;
mod sync;
mod time;

pub mod store;

// For plugins' authors.
pub mod conformance;

// Any failure, bottom to top.
pub mod error;

// For the benchmarks.
#[cfg(feature = "pieces")]
#[doc(hidden)]
pub mod pieces;
