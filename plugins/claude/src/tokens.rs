//! The vendor's count of a request's tokens: `POST /v1/messages/count_tokens`.

use arete_plugin::json::{self, Object};
use arete_plugin::llm::{NativeBody, ProviderError, Request};
use arete_plugin::tokens::TokenCount;
use arete_plugin::vendor_error::Broken;
use arete_plugin::wishes::WishList;

use crate::{DIALECT, request};

/// The fields of a request that tokens are counted of. The vendor refuses others.
const COUNTED: [&str; 8] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "mcp_servers",
];

/// Returns the body to send.
pub(crate) fn body(request: &Request, wishes: &WishList) -> Result<String, ProviderError> {
    let whole = request::body(request, wishes, false)?;
    if request::native(request).is_some() {
        return Ok(whole);
    }
    let mut body = Object::parse(&whole).map_err(Broken::from)?;
    body.retain(|key, _| COUNTED.contains(&key));
    Ok(json::text(&body))
}

/// Reads the count.
pub(crate) fn read(answer: &str, native: bool) -> Result<TokenCount, ProviderError> {
    let mut body = Object::parse(answer).map_err(Broken::from)?;
    let Some(input_tokens) = body.take_count("input_tokens") else {
        return Err(Broken("`input_tokens` is missing".into()).into());
    };
    let native = native.then(|| NativeBody { dialect: DIALECT.into(), body: answer.to_owned() });
    Ok(TokenCount { input_tokens, native, extra: body.into_extra() })
}

#[cfg(test)]
mod tests {
    use arete_plugin::golden::question;
    use arete_plugin::wishes::none;

    use super::*;

    #[test]
    fn only_what_is_counted_is_sent() {
        let mut request = question::plain("m");
        request.temperature = Some(0.5);
        request.max_tokens = Some(9);
        request.extra = Some(r#"{"metadata":{},"thinking":{"type":"adaptive"}}"#.into());
        let sent = body(&request, &none()).unwrap();
        let mut sent = Object::parse(&sent).unwrap();
        assert!(sent.take("messages").is_some() && sent.take("model").is_some());
        assert_eq!(json::text(&sent), r#"{"thinking":{"type":"adaptive"}}"#);
    }

    #[test]
    fn the_count_is_read() {
        let count = read(r#"{"input_tokens":14,"context_management":{"a":1}}"#, true).unwrap();
        assert_eq!(count.input_tokens, 14);
        assert_eq!(count.extra.as_deref(), Some(r#"{"context_management":{"a":1}}"#));
        assert!(count.native.is_some());
        assert!(read("{}", false).is_err() && read("[]", false).is_err());
    }
}
