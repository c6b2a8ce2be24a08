//! The provider for the Anthropic Messages API.
//!
//! This file only asks and listens. What is sent is made in `request`; what comes is read in
//! `answer`, `stream` and `errors`, all without I/O, so that tests can feed them the vendor's
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
mod block;
mod blocks;
mod errors;
mod forward;
#[cfg(test)]
mod golden;
mod models;
mod request;
mod settings;
mod stream;
mod tokens;
mod usage;
mod wishes;

use arete_plugin::event_stream::DeltaReader;
use arete_plugin::forward::{ForwardRefusal, ForwardRequest, info_extra};
use arete_plugin::http::{Header, HttpRequest};
use arete_plugin::llm::{Completion, Feature, Info, ProviderError, Request};
use arete_plugin::models::Page;
use arete_plugin::tokens::TokenCount;
use arete_plugin::vendor_call::{self, Listening, VendorCall};
use arete_plugin::{Deltas, Guest, config};

use settings::Settings;
use stream::Stream;

/// What the contract calls this vendor's API.
const DIALECT: &str = "anthropic-messages";

/// Models for people to choose from; any other name is passed on as well.
const MODELS: [&str; 12] = [
    "claude-fable-5-1",
    "claude-fable-5",
    "claude-opus-5-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-sonnet-5-5",
    "claude-sonnet-5",
    "claude-sonnet-4-6",
    "claude-haiku-5-5",
    "claude-haiku-4-5",
];

struct Claude;

impl Guest for Claude {
    type Deltas = Listening;

    fn describe() -> Result<Info, ProviderError> {
        Settings::read(config::get)?;
        Ok(Info {
            vendor: "anthropic".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            default_model: Some(settings::default_model(config::get)),
            models: MODELS.map(String::from).into(),
            features: vec![Feature::Streaming, Feature::Images, Feature::Tools, Feature::Thinking],
            extra: info_extra(&forward::DIALECTS),
        })
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        let native = request::native(&request).is_some();
        ask(&request, false)?.whole(|body| answer::read(body, native))
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        let dialect = request::native(&request).map(|_| DIALECT);
        ask(&request, true)?.stream(DeltaReader::new(Stream::new(), dialect), answer::unframed)
    }
}

impl arete_plugin::forward::Guest for Claude {
    fn route(request: ForwardRequest) -> Result<HttpRequest, ProviderError> {
        forward::route(request, Settings::read(config::get)?)
    }

    fn explain_refusal(refusal: ForwardRefusal) -> ProviderError {
        errors::refusal(refusal.status, &refusal.headers, &refusal.body)
    }
}

impl arete_plugin::models::Guest for Claude {
    fn list_models(after: Option<String>) -> Result<Page, ProviderError> {
        let settings = Settings::read(config::get)?;
        let url = models::url(&settings.url, after.as_deref());
        let headers = headers(settings.version, settings.beta, false);
        models::read(&vendor_call::fetch(url, headers, None, errors::refusal)?)
    }
}

impl arete_plugin::tokens::Guest for Claude {
    fn count_tokens(request: Request) -> Result<TokenCount, ProviderError> {
        let settings = Settings::read(config::get)?;
        let url = format!("{}/count_tokens", settings.url);
        let headers = headers(settings.version, settings.beta, false);
        let body = tokens::body(&request, &arete_plugin::wishes::get())?;
        let native = request::native(&request).is_some();
        let answer = vendor_call::fetch(url, headers, Some(body), errors::refusal)?;
        tokens::read(&answer, native)
    }
}

/// Asks the vendor. What comes back has been accepted; a refusal is an error.
fn ask(request: &Request, stream: bool) -> Result<VendorCall, ProviderError> {
    let settings = Settings::read(config::get)?;
    let body = request::body(request, &arete_plugin::wishes::get(), stream)?;
    let headers = headers(settings.version, settings.beta, stream);
    VendorCall::post(settings.url, headers, body, "request-id", errors::refusal)
}

fn headers(version: String, beta: Option<String>, stream: bool) -> Vec<Header> {
    let header = |name: &str, value: String| Header { name: name.into(), value };
    let mut headers = vendor_call::headers(stream);
    headers.push(header("anthropic-version", version));
    headers.extend(beta.map(|beta| header("anthropic-beta", beta)));
    headers
}

arete_plugin::export!(Claude, forward, models, tokens);
