//! The parts that providers written in Rust share: the bindings to `arete:provider`, generated once
//! here, and what every provider would otherwise write again: JSON that keeps its digits ([`json`],
//! [`body`]), texts cut between halves of a character ([`surrogates`]), what requests and refusals have in common ([`request`], [`vendor_error`]), calls that are cut off
//! ([`tool_call`]), settings
//! ([`settings`]), one exchange with the vendor ([`vendor_call`], [`event_stream`]), the words of panics
//! ([`panics`]), and, with the feature `golden`, tests against files that people can read
//! (`golden`).
//!
//! A provider implements [`Guest`] (and [`GuestDeltas`] for its streams) and ends with
//! `arete_plugin::export!(MyProvider);`. The contract itself is documented in `wit/provider.wit`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that unwraps what isn't there fails, as it should"
    )
)]
#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

/// The bindings as generated. Everything a provider needs is re-exported under a shorter name
/// below.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package arete:plugin;
            world guest {
                include arete:provider/provider@0.1.1;
                import arete:provider/call@0.1.1;
                import arete:provider/wishes@0.1.1;
            }
        ",
        world: "arete:plugin/guest",
        pub_export_macro: true,
        generate_all,
        additional_derives: [PartialEq, Clone],
    });
}

/// The bindings of the interface `forward`, as generated.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
pub mod forward_bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package arete:plugin;
            world forwarder { export arete:provider/forward@0.1.1; }
        ",
        world: "arete:plugin/forwarder",
        pub_export_macro: true,
        with: {
            "arete:provider/http@0.1.1": crate::bindings::arete::provider::http,
            "arete:provider/llm@0.1.1": crate::bindings::arete::provider::llm,
        },
        additional_derives: [PartialEq, Clone],
    });
}

/// The bindings of the interface `models`, as generated.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
pub mod models_bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package arete:plugin;
            world models-provider { export arete:provider/models@0.1.1; }
        ",
        world: "arete:plugin/models-provider",
        pub_export_macro: true,
        with: {
            "arete:provider/llm@0.1.1": crate::bindings::arete::provider::llm,
        },
        additional_derives: [PartialEq, Clone],
    });
}

/// The bindings of the interface `tokens`, as generated.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
pub mod tokens_bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package arete:plugin;
            world tokens-provider { export arete:provider/tokens@0.1.1; }
        ",
        world: "arete:plugin/tokens-provider",
        pub_export_macro: true,
        with: {
            "arete:provider/llm@0.1.1": crate::bindings::arete::provider::llm,
        },
        additional_derives: [PartialEq, Clone],
    });
}

/// The bindings of the interface `embeddings`, as generated.
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated code")]
pub mod embeddings_bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package arete:plugin;
            world embeddings-provider { export arete:provider/embeddings@0.1.1; }
        ",
        world: "arete:plugin/embeddings-provider",
        pub_export_macro: true,
        with: {
            "arete:provider/llm@0.1.1": crate::bindings::arete::provider::llm,
        },
        additional_derives: [PartialEq, Clone],
    });
}

pub mod body;
pub mod event_stream;
pub mod forward;
#[cfg(any(test, feature = "golden"))]
pub mod golden;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod heap;
pub mod json;
mod opening;
pub mod panics;
pub mod request;
pub mod settings;
pub mod surrogates;
pub mod tool_call;
pub mod vendor;
pub mod vendor_call;
pub mod vendor_error;
pub mod wishes;

pub use bindings::arete::provider::{call, config, http, llm, log};
pub use bindings::exports::arete::provider::chat::{Deltas, Guest, GuestDeltas};
pub use embeddings_bindings::exports::arete::provider::embeddings;
pub use models_bindings::exports::arete::provider::models;
pub use tokens_bindings::exports::arete::provider::tokens;

/// Makes a type that implements [`Guest`] the component's provider. What it says when it panics
/// reaches the operator's log, whether it is compiled with WASI or without.
///
/// Native linkers can't take the names that components export, so a native build, which only tests
/// need, exports nothing.
///
/// The type's abilities beside [`Guest`] are named behind it, each by the word for a trait that it implements:
/// `forward` for [`forward::Guest`], `models` for [`models::Guest`], `tokens` for [`tokens::Guest`],
/// `embeddings` for [`embeddings::Guest`].
#[macro_export]
macro_rules! export {
    ($provider:ident $(, $ability:ident)*) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Provider = $crate::panics::LogPanics<$provider>;
            $crate::bindings::export!(Provider with_types_in $crate::bindings);
            $($crate::export_ability!($ability, Provider);)*
        };
    };
}

/// Exports one of the abilities of [`export!`].
#[doc(hidden)]
#[macro_export]
macro_rules! export_ability {
    (forward, $provider:ident) => {
        $crate::forward_bindings::export!($provider with_types_in $crate::forward_bindings);
    };
    (models, $provider:ident) => {
        $crate::models_bindings::export!($provider with_types_in $crate::models_bindings);
    };
    (tokens, $provider:ident) => {
        $crate::tokens_bindings::export!($provider with_types_in $crate::tokens_bindings);
    };
    (embeddings, $provider:ident) => {
        $crate::embeddings_bindings::export!($provider with_types_in $crate::embeddings_bindings);
    };
}

use http::HttpError;
use llm::{ErrorKind, ProviderError};

impl ProviderError {
    /// An error of which only the kind and a sentence are known.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            code: None,
            field: None,
            request_id: None,
            retry_after_ms: None,
            extra: None,
        }
    }
}

impl From<HttpError> for ProviderError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Denied(message) => Self::new(ErrorKind::Denied, message),
            HttpError::Invalid(message) => Self::new(ErrorKind::InvalidRequest, message),
            HttpError::Connection(message) => Self::new(ErrorKind::Connection, message),
            HttpError::Timeout(message) => Self::new(ErrorKind::Timeout, message),
            HttpError::Interrupted(message) => Self::new(ErrorKind::Interrupted, message),
            HttpError::TooLarge(message) | HttpError::NotText(message) => {
                Self::new(ErrorKind::BadResponse, message)
            }
            HttpError::Other(message) => Self::new(ErrorKind::Other("http".into()), message),
        }
    }
}
