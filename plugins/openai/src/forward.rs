//! Calls of callers who speak this dialect themselves: their bodies don't come here.

use arete_plugin::forward::{self, ForwardRequest, unknown_dialect};
use arete_plugin::http::HttpRequest;
use arete_plugin::llm::ProviderError;
use arete_plugin::settings;

use crate::DIALECT;

/// The contract's names of OpenAI's other APIs.
const RESPONSES: &str = "openai-responses";
const EMBEDDINGS: &str = "openai-embeddings";

/// The dialects that can be forwarded.
pub(crate) const DIALECTS: [&str; 3] = [DIALECT, EMBEDDINGS, RESPONSES];

/// Returns the dialects that are forwarded unless the operator says otherwise. What else another
/// server speaks isn't known.
pub(crate) fn dialects(of_openai: bool) -> Vec<&'static str> {
    if of_openai { DIALECTS.into() } else { vec![DIALECT] }
}

/// Returns where a call goes.
pub(crate) fn route(request: ForwardRequest, base: &str) -> Result<HttpRequest, ProviderError> {
    let path = match &*request.dialect {
        DIALECT => "/chat/completions",
        EMBEDDINGS => "/embeddings",
        RESPONSES => "/responses",
        other => return Err(unknown_dialect(other)),
    };
    let url = settings::url(base, path)?;
    let is_passed = |name: &str| matches!(name, "openai-beta" | "idempotency-key");
    let headers = forward::headers(&request.headers, vec![], is_passed);
    Ok(forward::request(request, url, headers))
}

#[cfg(test)]
mod tests {
    use arete_plugin::http::Header;
    use arete_plugin::llm::ErrorKind;

    use super::*;

    fn asked(dialect: &str) -> ForwardRequest {
        let header = |name: &str| Header { name: name.into(), value: "1".into() };
        ForwardRequest {
            dialect: dialect.into(),
            method: "POST".into(),
            query: None,
            headers: ["openai-beta", "anthropic-version", "idempotency-key"].map(header).into(),
            model: "gpt-5.4".into(),
            streamed: true,
        }
    }

    #[test]
    fn each_dialect_has_its_path() {
        for (dialect, url) in [
            ("openai-chat", "https://api.openai.com/v1/chat/completions"),
            ("openai-embeddings", "https://api.openai.com/v1/embeddings"),
            ("openai-responses", "https://api.openai.com/v1/responses"),
        ] {
            let sent = route(asked(dialect), "https://api.openai.com/v1/").unwrap();
            assert_eq!(sent.url, url);
            let names: Vec<&str> = sent.headers.iter().map(|header| &*header.name).collect();
            assert_eq!(names, ["content-type", "accept", "openai-beta", "idempotency-key"]);
        }
        let unknown = route(asked("anthropic-messages"), "https://api.openai.com/v1");
        assert_eq!(unknown.unwrap_err().kind, ErrorKind::Unsupported);
    }

    #[test]
    fn only_openai_is_taken_to_speak_all() {
        assert_eq!(dialects(true), DIALECTS);
        assert_eq!(dialects(false), ["openai-chat"]);
    }
}
