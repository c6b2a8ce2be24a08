//! A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
//!
//! `wit/provider.wit` explains every type that is used here. Keys, retries, limits and caching are the host's work; the exchange
//! itself is the work of the crate `arete-plugin` beside this one.

#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::Object;
use arete_plugin::llm::{Completion, ErrorKind, Feature, FinishReason, Info, ProviderError, Request, Usage};
use arete_plugin::vendor::{self, Provider, Question, Stream, Vendor};
use arete_plugin::vendor_error::string;

struct Mapping;
type Exported = Provider<Mapping>;
arete_plugin::export!(Exported);

const WORDS: [(&str, FinishReason); 2] = [("stop", FinishReason::EndTurn), ("length", FinishReason::MaxTokens)];

impl Vendor for Mapping {
    /// Asked once, when the plugin is loaded. Settings that are wrong are best told here.
    fn info() -> Result<Info, ProviderError> {
        vendor::info("plugin-name", env!("CARGO_PKG_VERSION"), vec![Feature::Streaming])
    }

    /// The question in the vendor's words. What the vendor has no words for is refused.
    fn ask(request: &Request, stream: bool) -> Result<Question<'_>, ProviderError> {
        vendor::only(request, &["maxTokens"])?;
        let body = ObjectWriter::default()
            .with("model", JsonOut::Text(&request.model))
            .with("messages", vendor::texts(request)?)
            .with("stream", JsonOut::Flag(stream))
            .with_opt("max_tokens", request.max_tokens.map(JsonOut::Count));
        Ok(Question { path: "/v1/chat", body })
    }

    /// A whole answer.
    fn answer(mut said: Object<'_>) -> Result<Completion, ProviderError> {
        let text = said.require_text("text")?;
        let (finish, usage) = (finish(&mut said).unwrap_or_default(), usage(&mut said));
        Ok(vendor::completion(&mut said, vec![vendor::text_part(text)], vendor::finish(&WORDS, &finish), usage))
    }

    /// One event of a streamed answer.
    fn event(mut said: Object<'_>, stream: &mut Stream) -> Result<(), ProviderError> {
        if said.get("error").is_some() {
            let message = string(&mut said, "error").unwrap_or_else(|| "The vendor reported an error.".into());
            return Err(ProviderError::new(ErrorKind::VendorFailed, message));
        }
        stream.text(0, said.take("text"));
        if let Some(word) = finish(&mut said) {
            stream.finish(vendor::finish(&WORDS, &word));
        }
        if said.get("usage").is_some() {
            stream.usage(usage(&mut said));
        }
        if said.get("done").is_some_and(|done| done.get() == "true") {
            stream.done();
        }
        Ok(())
    }

    /// The vendor's words in a refusal.
    fn reason(said: &mut Object<'_>) -> Option<String> {
        string(said, "error")
    }
}

fn finish(said: &mut Object<'_>) -> Option<String> {
    string(said, "finish")
}

fn usage(said: &mut Object<'_>) -> Usage {
    vendor::usage(said.take("usage"), "in", "out")
}
