//! The contract's types as Rust records, generated from the interface `llm` of
//! `wit/provider.wit`. Every layer between the caller's JSON and the plugin speaks these records;
//! none has a copy of its own.
//!
//! Only the generated code below names wasmtime: the records carry what is needed to hand them to
//! a component. The functions of the contract are bound in `plugin/call/bindings.rs`.

mod names;
pub(crate) mod size;

/// The generated records.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated code; the WIT holds the documentation"
)]
pub(crate) mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package arete:host;
            world records { import arete:provider/llm@0.1.1; }
        ",
        world: "arete:host/records",
        additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use generated::arete::provider::llm::*;

/// Usage of which nothing is known yet.
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
