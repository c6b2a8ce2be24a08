//! Calls of callers who speak this vendor's dialect themselves: their bodies don't come here.

use arete_plugin::forward::{self, ForwardRequest, unknown_dialect};
use arete_plugin::http::{Header, HttpRequest};
use arete_plugin::llm::ProviderError;

use crate::DIALECT;
use crate::settings::Settings;

/// The contract's name of the counting of tokens.
const COUNT_TOKENS: &str = "anthropic-count-tokens";

/// The dialects that are forwarded.
pub(crate) const DIALECTS: [&str; 2] = [DIALECT, COUNT_TOKENS];

/// The header by which callers and operators ask for features: a list.
const BETA: &str = "anthropic-beta";

/// Returns where a call goes. The version of the API is the caller's, because what else it says
/// depends on it; features are asked for by both, caller and operator.
pub(crate) fn route(
    request: ForwardRequest,
    settings: Settings,
) -> Result<HttpRequest, ProviderError> {
    let url = match &*request.dialect {
        DIALECT => settings.url,
        COUNT_TOKENS => format!("{}/count_tokens", settings.url),
        other => return Err(unknown_dialect(other)),
    };
    let version = Header { name: "anthropic-version".into(), value: settings.version };
    let is_passed = |name: &str| name.starts_with("anthropic-") && name != BETA;
    let mut headers = forward::headers(&request.headers, vec![version], is_passed);
    headers.extend(forward::joined(&request.headers, settings.beta.as_deref(), BETA));
    Ok(forward::request(request, url, headers))
}

#[cfg(test)]
mod tests {
    use arete_plugin::llm::ErrorKind;

    use super::*;

    fn settings(beta: Option<&str>) -> Settings {
        Settings {
            url: "https://api.anthropic.com/v1/messages".into(),
            version: "2023-06-01".into(),
            beta: beta.map(String::from),
        }
    }

    fn asked(dialect: &str, headers: &[(&str, &str)]) -> ForwardRequest {
        let headers = headers
            .iter()
            .map(|(name, value)| Header { name: (*name).into(), value: (*value).into() });
        ForwardRequest {
            dialect: dialect.into(),
            method: "POST".into(),
            query: Some("beta=true".into()),
            headers: headers.collect(),
            model: "claude-sonnet-5".into(),
            streamed: false,
        }
    }

    fn sent(request: &HttpRequest) -> Vec<(&str, &str)> {
        request.headers.iter().map(|header| (&*header.name, &*header.value)).collect()
    }

    #[test]
    fn each_dialect_has_its_path() {
        let url = |dialect| route(asked(dialect, &[]), settings(None)).map(|request| request.url);
        let messages = "https://api.anthropic.com/v1/messages";
        assert_eq!(url("anthropic-messages").unwrap(), format!("{messages}?beta=true"));
        assert_eq!(
            url("anthropic-count-tokens").unwrap(),
            format!("{messages}/count_tokens?beta=true")
        );
        assert_eq!(url("openai-chat").unwrap_err().kind, ErrorKind::Unsupported);
    }

    #[test]
    fn version_is_the_callers_and_features_are_of_both() {
        let headers = [
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "a,b"),
            ("anthropic-workspace-id", "w"),
            ("openai-beta", "no"),
        ];
        let request = route(asked(DIALECT, &headers), settings(Some("b,c"))).unwrap();
        assert_eq!(
            sent(&request),
            [
                ("content-type", "application/json"),
                ("accept", "application/json"),
                ("anthropic-version", "2026-10-21"),
                ("anthropic-workspace-id", "w"),
                ("anthropic-beta", "a,b,c"),
            ]
        );
        let request = route(asked(DIALECT, &[]), settings(None)).unwrap();
        assert!(sent(&request).contains(&("anthropic-version", "2023-06-01")));
    }
}
