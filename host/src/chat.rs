//! One chat call, from the caller's request in the contract's records to its completion:
//! `pipeline.rs` has the stages in order.

mod pipeline;

// The stages.
mod route;

mod cache;
mod key;

mod share;

mod attempts;
mod retry;

mod assemble;
mod incomplete;
mod mend;

mod forward;
#[allow(dead_code, reason = "only tests ask them so far: the doors forward")]
mod other_calls;

// Shared by the stages.
mod call;
mod outcome;

pub(crate) use assemble::replay;
pub use attempts::Mode;
pub use cache::Cache;
pub(crate) use cache::Stats as CacheStats;
pub use call::Call;
pub(crate) use forward::{ForwardCall, ForwardFailure, Forwarded};
pub(crate) use incomplete::take_out;
#[cfg(feature = "pieces")]
pub use key::{Key, KeyParts};
#[allow(unused_imports, reason = "only tests ask them so far: the doors forward")]
pub(crate) use other_calls::{CountTokens, Embed, ListModels, OtherCall};
pub use outcome::CacheState;
pub(crate) use outcome::{CallStats, Outcome, Progress, Tries, Try};
pub(crate) use pipeline::PendingCall;
pub use pipeline::Pipeline;
pub(crate) use route::{RouteError, Target, models};
