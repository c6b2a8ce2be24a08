//! Arete: an LLM backend in which every provider is a sandboxed WebAssembly component.
//!
//! ARCHITECTURE.md shows a request's way through these rooms, from top to bottom.

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

pub mod app;
pub mod shutdown;

// One request, top to bottom.
pub mod http;

pub mod api;

pub mod chat;

pub mod plugin;

pub mod egress;

pub mod store;

// What is seen of it.
pub mod observe;

// The ground floor: the contract's records, and small values that all use.
mod budget;
pub mod contract;
pub mod digest;
mod meter;
mod request_id;
mod surrogates;
mod sync;
mod time;
pub mod turns;

// For the benchmarks, and for the fuzzer.
#[cfg(feature = "pieces")]
#[doc(hidden)]
pub mod pieces;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
