//! The way of a panic's reason. With WASI, the standard library writes it to standard error, which
//! the host logs. Without, there is no standard error, and the reason would be lost; so it is
//! logged as any other line.

use std::marker::PhantomData;
use std::panic;
use std::sync::Once;

use crate::forward::{self, ForwardRefusal, ForwardRequest};
use crate::http::HttpRequest;
use crate::llm::{Completion, Info, ProviderError, Request};
use crate::log::{self, Level};
use crate::{Deltas, Guest, embeddings, models, tokens};

/// A provider whose panics are heard. [`export!`](crate::export) puts it around what it exports.
pub struct LogPanics<P>(PhantomData<P>);

impl<P: Guest> Guest for LogPanics<P> {
    type Deltas = P::Deltas;

    fn describe() -> Result<Info, ProviderError> {
        listen();
        P::describe()
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        listen();
        P::complete(request)
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        listen();
        P::open_stream(request)
    }
}

impl<P: forward::Guest> forward::Guest for LogPanics<P> {
    fn route(request: ForwardRequest) -> Result<HttpRequest, ProviderError> {
        listen();
        P::route(request)
    }

    fn explain_refusal(refusal: ForwardRefusal) -> ProviderError {
        listen();
        P::explain_refusal(refusal)
    }
}

impl<P: models::Guest> models::Guest for LogPanics<P> {
    fn list_models(after: Option<String>) -> Result<models::Page, ProviderError> {
        listen();
        P::list_models(after)
    }
}

impl<P: tokens::Guest> tokens::Guest for LogPanics<P> {
    fn count_tokens(request: Request) -> Result<tokens::TokenCount, ProviderError> {
        listen();
        P::count_tokens(request)
    }
}

impl<P: embeddings::Guest> embeddings::Guest for LogPanics<P> {
    fn embed(request: embeddings::EmbedRequest) -> Result<embeddings::EmbedAnswer, ProviderError> {
        listen();
        P::embed(request)
    }
}

/// Every instance begins with one of the functions above, so that no panic comes before this.
fn listen() {
    static LISTENING: Once = Once::new();
    if !cfg!(target_os = "wasi") {
        LISTENING.call_once(|| {
            panic::set_hook(Box::new(|panic| log::write(Level::Error, &panic.to_string(), &[])))
        });
    }
}
