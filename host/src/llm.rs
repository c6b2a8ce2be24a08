//! Chat, as the service sees it: the types of the contract, and the wrap around each call.

mod service;

mod cache;
mod key;

mod flight;

mod retry;

mod assemble;

pub(crate) use assemble::replay;
pub use cache::Cache;
pub(crate) use flight::{Effort, Landing, Step};
#[cfg(feature = "pieces")]
pub use key::{Key, KeyParts};
pub(crate) use service::Ticket;
pub use service::{CacheState, Call, Llm, Mode};

/// The types of the contract are the service's own: one set of words from the route to the
/// guest.
pub use crate::plugin::bindings::arete::provider::llm::*;

/// Nothing is known of it yet.
impl Default for Usage {
    fn default() -> Self {
        Self {
            input_tokens: None,
            output_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            extra: None,
        }
    }
}
