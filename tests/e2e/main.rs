//! Arete from outside: the real binary as a process of its own, real components, real TCP, and
//! vendors that do what a test says. A test knows no more than a client, a vendor or an operator
//! would.
//!
//! One file for each behaviour, one binary for all, so that they link once and run in parallel.
//! Nothing here waits for time to pass: tests wait for what they expect to see, and time only
//! bounds the waiting.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests: failing is how they speak, and nobody reads their API"
)]

mod support;

mod cache;
mod cancel;
mod chat;
mod check;
mod code_cache;
mod compiled;
mod config;
mod credentials;
mod crowds;
mod docs;
mod door;
mod doors;
mod egress;
mod examples;
mod heads;
mod hostile;
mod limits;
mod logs;
mod metrics;
mod openapi;
mod pages;
mod plugins;
mod problems;
mod reload;
mod retry;
mod secrets;
mod stop;
mod stream;
mod tls;
mod users;
mod vendor;
mod wishes;
