//! The provider for the OpenAI Chat Completions API, which Groq, vLLM, Together, OpenRouter, LM
//! Studio, llama.cpp and many others speak too: what they do differently is a matter of settings.
//!
//! This file only says what goes together. What is sent is made in `request`; what comes is read in
//! `answer`, `stream` and `errors`, all without I/O, so that tests can feed them the vendors'
//! words.

// Native linkers can't take the names that components export, so a native build, which only tests
// need, exports nothing.
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "only the exports use the whole of it")
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        reason = "a test that unwraps what isn't there fails, as it should"
    )
)]
#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

mod answer;
mod blocks;
mod calls;
mod embeddings;
mod errors;
mod forward;
#[cfg(test)]
mod golden;
mod merge;
mod messages;
mod models;
mod request;
mod settings;
mod stream;
mod tools;
mod usage;
mod wishes;

use arete_plugin::embeddings::{EmbedAnswer, EmbedRequest};
use arete_plugin::event_stream::DeltaReader;
use arete_plugin::forward::{ForwardRefusal, ForwardRequest, info_extra};
use arete_plugin::http::HttpRequest;
use arete_plugin::llm::{Completion, Feature, Info, ProviderError, Request};
use arete_plugin::models::Page;
use arete_plugin::vendor_call::{self, Listening, VendorCall};
use arete_plugin::{Deltas, Guest, config};

use settings::{Question, Settings};
use stream::Stream;

/// The contract's name of this API.
const DIALECT: &str = "openai-chat";

struct OpenAi;

impl Guest for OpenAi {
    type Deltas = Listening;

    fn describe() -> Result<Info, ProviderError> {
        let settings = Settings::read(config::get)?;
        Ok(Info {
            vendor: settings.vendor,
            version: env!("CARGO_PKG_VERSION").into(),
            default_model: settings.model,
            models: settings.models,
            features: vec![Feature::Streaming, Feature::Images, Feature::Tools, Feature::Thinking],
            extra: info_extra(&settings.dialects),
        })
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        let native = request::native(&request).is_some();
        ask(&request, false)?.whole(|body| answer::read(body, &request.model, native))
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        let dialect = request::native(&request).map(|_| DIALECT);
        let call = ask(&request, true)?;
        let reader = DeltaReader::new(Stream::new(request.model.clone()), dialect);
        call.stream(reader, |body| answer::unframed(body, &request.model))
    }
}

impl arete_plugin::forward::Guest for OpenAi {
    fn route(request: ForwardRequest) -> Result<HttpRequest, ProviderError> {
        forward::route(request, &settings::base(config::get))
    }

    fn explain_refusal(refusal: ForwardRefusal) -> ProviderError {
        errors::refusal(refusal.status, &refusal.headers, &refusal.body)
    }
}

impl arete_plugin::models::Guest for OpenAi {
    /// The list has one page.
    fn list_models(_: Option<String>) -> Result<Page, ProviderError> {
        let url = arete_plugin::settings::url(&settings::base(config::get), "/models")?;
        models::read(&vendor_call::fetch(url, vendor_call::headers(false), None, errors::refusal)?)
    }
}

impl arete_plugin::embeddings::Guest for OpenAi {
    fn embed(request: EmbedRequest) -> Result<EmbedAnswer, ProviderError> {
        let url = arete_plugin::settings::url(&settings::base(config::get), "/embeddings")?;
        let body = embeddings::body(&request)?;
        let headers = vendor_call::headers(false);
        let answer = vendor_call::fetch(url, headers, Some(body), errors::refusal)?;
        embeddings::read(&answer, &request)
    }
}

/// Asks the vendor. What comes back has been accepted; a refusal is an error.
fn ask(request: &Request, stream: bool) -> Result<VendorCall, ProviderError> {
    let Question { url, habits } = Question::read(config::get)?;
    let body = request::body(request, &arete_plugin::wishes::get(), stream, &habits)?;
    VendorCall::post(url, vendor_call::headers(stream), body, "x-request-id", errors::refusal)
}

arete_plugin::export!(OpenAi, forward, models, embeddings);
