//! Chat, as the service sees it: the types of the contract, and the wrap around each call.

pub use crate::plugin::bindings::arete::provider::llm::*;
