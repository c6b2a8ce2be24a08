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
            world records {
                import arete:provider/llm@0.1.1;
                import arete:provider/wishes@0.1.1;
            }
        ",
        world: "arete:host/records",
        additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use generated::arete::provider::llm::*;
pub use generated::arete::provider::wishes::{OutputFormat, OutputSchema, WishList};

/// No wishes.
impl Default for WishList {
    fn default() -> Self {
        Self {
            output: None,
            parallel_tool_calls: None,
            effort: None,
            thinking_tokens: None,
            show_thinking: None,
            seed: None,
            frequency_penalty: None,
            presence_penalty: None,
            end_user: None,
            service_tier: None,
            required: vec![],
            extra: None,
        }
    }
}

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
