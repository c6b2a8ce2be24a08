//! One call of a provider: a place, an instance with nothing but what the operator granted, and the
//! guest's functions and imports.

mod bindings;
mod charge;
mod context;
mod exports;
mod guest_log;
mod idle;
mod idle_budget;
mod imports;
mod linked;
mod log_line;
mod provider;
mod provider_call;
mod refusal;
mod state;
mod texts;
mod trap;
mod validate;
mod wasi;

pub(crate) use bindings::abilities::exports::arete::provider::embeddings::{
    EmbedAnswer, EmbedInput, EmbedRequest,
};
pub(crate) use bindings::abilities::exports::arete::provider::forward::{
    ForwardRefusal, ForwardRequest,
};
pub(crate) use bindings::abilities::exports::arete::provider::models::{Modality, Model, Page};
pub(crate) use bindings::abilities::exports::arete::provider::tokens::TokenCount;
pub(crate) use bindings::arete::provider::http::Header as ContractHeader;
pub(crate) use context::{CallContext, DialectContext};
pub(super) use idle_budget::IdleBudget;
pub(super) use linked::LinkedComponent;
pub use provider::Provider;
pub(crate) use provider_call::{CallPlace, ProviderCall};
