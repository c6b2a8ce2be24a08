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

pub use crate::contract::*;
