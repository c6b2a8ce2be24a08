//! The tools for authors from outside: `arete plugin new|build|dev|test` as an author types them,
//! handed over by the server's executable to `arete-plugin` beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests: failing is how they speak, and their API has no readers"
)]

mod author;
mod conformance;
mod desk;
mod hand_over;
mod languages;
mod other;
