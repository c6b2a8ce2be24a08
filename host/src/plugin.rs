//! Providers as components: the only part of Arete that knows wasmtime. A provider is admitted once
//! and called many times, each time in a fresh instance with nothing but what the operator granted.

mod catalog;

mod load;

mod call;

// Shared by the three.
mod bounds;
mod bundled;
mod definition;
mod engine;
mod error;
mod room;
mod runtime;

/// Readers of what comes from outside, for the fuzzer.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod untrusted {
    pub(crate) use super::catalog::{Parsed, Surroundings, parse};
    pub(crate) use super::load::{Expansion, is_component};
}

pub use call::Provider;
pub(crate) use call::{
    CallContext, CallPlace, ContractHeader, DialectContext, EmbedAnswer, EmbedRequest,
    ForwardRefusal, ForwardRequest, Page, ProviderCall, TokenCount,
};
#[allow(unused_imports, reason = "only tests name all of them so far")]
pub(crate) use call::{EmbedInput, Modality, Model};
pub use catalog::{
    Change, Loader, Providers, Report, Slot, SlotState, advise_on_grants, check_bundled, examine,
};
pub use definition::{Definition, MissingSettings, Source};
pub(crate) use engine::QUIET_LOGS;
pub use error::CallError;
pub use load::{CompileArgs, ComponentShape, Import, Parts, compile_component};
