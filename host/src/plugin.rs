//! Providers as components: the only part of Arete that knows wasmtime. A provider is admitted once
//! and called many times, each time in a fresh instance with nothing but what the operator granted.

// Which providers there shall be.
mod bundled;
mod definition;
mod file;
mod folder;
mod loader;
mod registry;
mod watch;

// From bytes to a provider.
mod admission;
mod code_cache;
mod compiled;
mod engine;
mod inspect;
mod report;

// One call.
mod exports;
mod idle;
mod instance;
mod provider;

pub(crate) mod framing;
mod guest_log;
mod meter;
mod outbound;
mod state;

mod check;
mod error;

pub(crate) mod bindings;

pub use code_cache::Origin;
pub use definition::{Definition, Sha256Digest};
pub(crate) use engine::QUIET_LOGS;
pub use error::CallError;
pub use inspect::{Anatomy, Import};
pub(crate) use instance::Instance;
pub use loader::Loader;
pub(crate) use meter::Meter;
pub use provider::Provider;
pub use registry::{Change, Providers, Slot, SlotState};
pub use report::{Report, examine};

use crate::llm::ErrorKind;

/// An error kind's name as the contract spells it.
pub(crate) fn error_kind_name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest => "invalid-request",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Credentials => "credentials",
        ErrorKind::Billing => "billing",
        ErrorKind::NotFound => "not-found",
        ErrorKind::TooLarge => "too-large",
        ErrorKind::RateLimited => "rate-limited",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::VendorFailed => "vendor-failed",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Connection => "connection",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::BadResponse => "bad-response",
        ErrorKind::Denied => "denied",
        ErrorKind::Unconfigured => "unconfigured",
        ErrorKind::Other(_) => "other",
    }
}
