//! Calls in a dialect that the vendor itself speaks: where they go, and which of the caller's
//! headers go along. The bodies pass through the host alone.

pub use crate::forward_bindings::exports::arete::provider::forward::{
    ForwardRefusal, ForwardRequest, Guest,
};

use crate::http::{Header, HttpRequest};
use crate::json;
use crate::llm::{ErrorKind, ProviderError};
use crate::vendor_call;

/// Returns the request at this URL, with the caller's query and the headers of a question in JSON
/// before these.
pub fn request(request: ForwardRequest, url: String, headers: Vec<Header>) -> HttpRequest {
    let ForwardRequest { method, query, streamed, .. } = request;
    let url = match query {
        Some(query) if !query.is_empty() => format!("{url}?{query}"),
        _ => url,
    };
    let mut all = vendor_call::headers(streamed);
    all.extend(headers);
    HttpRequest { method, url, headers: all, body: None }
}

/// Returns the caller's headers whose names `is_passed` takes, with the operator's where the caller
/// sent none of that name.
pub fn headers(
    caller: &[Header],
    operator: Vec<Header>,
    is_passed: impl Fn(&str) -> bool,
) -> Vec<Header> {
    let mut headers: Vec<Header> =
        caller.iter().filter(|header| is_passed(&header.name)).cloned().collect();
    let missing = operator.into_iter().filter(|header| value(caller, &header.name).is_none());
    headers.extend(missing);
    headers
}

/// Joins the values that headers of this name list, each once: first the caller's, in order, then
/// the operator's. Nothing if neither lists any.
pub fn joined(caller: &[Header], operator: Option<&str>, name: &str) -> Option<Header> {
    let theirs = caller.iter().filter(|header| header.name == name).map(|header| &*header.value);
    let mut values: Vec<&str> = Vec::new();
    for value in theirs.chain(operator).flat_map(|list| list.split(',')).map(str::trim) {
        if !value.is_empty() && !values.contains(&value) {
            values.push(value);
        }
    }
    (!values.is_empty()).then(|| Header { name: name.to_owned(), value: values.join(",") })
}

/// Returns the error for a dialect that the provider doesn't forward.
pub fn unknown_dialect(dialect: &str) -> ProviderError {
    let says = format!("This provider doesn't forward calls in the dialect `{dialect}`.");
    ProviderError::new(ErrorKind::Unsupported, says)
}

/// Returns `info.extra` with these dialects.
pub fn info_extra(dialects: &[&str]) -> Option<String> {
    (!dialects.is_empty()).then(|| json::text(&Extra { dialects }))
}

/// The part of `info.extra` that says what is forwarded.
#[derive(serde::Serialize)]
struct Extra<'a> {
    dialects: &'a [&'a str],
}

fn value<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|header| header.name == name).map(|header| &*header.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_forwarded_request_keeps_method_and_query() {
        let asked = |query: Option<&str>| ForwardRequest {
            dialect: "d".into(),
            method: "POST".into(),
            query: query.map(String::from),
            headers: vec![],
            model: "m".into(),
            streamed: true,
        };
        let url = |query| request(asked(query), "https://a.example/v1".into(), vec![]).url;
        assert_eq!(url(Some("beta=true")), "https://a.example/v1?beta=true");
        assert_eq!(url(Some("")), "https://a.example/v1");
        assert_eq!(url(None), "https://a.example/v1");
        let sent = request(asked(None), "https://a.example".into(), vec![header("x-a", "1")]);
        assert_eq!((&*sent.method, &sent.body), ("POST", &None));
        assert_eq!(value(&sent.headers, "accept"), Some("text/event-stream"));
        assert_eq!(value(&sent.headers, "x-a"), Some("1"));
    }

    #[test]
    fn the_callers_headers_come_before_the_operators() {
        let caller = [header("x-version", "2"), header("x-other", "o")];
        let operator = vec![header("x-version", "1"), header("x-mine", "m")];
        let sent = headers(&caller, operator, |name| name != "x-other");
        assert_eq!(sent, [header("x-version", "2"), header("x-mine", "m")]);
    }

    #[test]
    fn lists_are_joined_without_doubles() {
        let caller = [header("beta", "a, b"), header("beta", "c,")];
        assert_eq!(joined(&caller, Some("d,b"), "beta"), Some(header("beta", "a,b,c,d")));
        assert_eq!(joined(&[], Some(" x "), "beta"), Some(header("beta", "x")));
        assert_eq!(joined(&[], None, "beta"), None);
    }

    #[test]
    fn dialects_are_named_in_extra() {
        assert_eq!(info_extra(&["a", "b"]).as_deref(), Some(r#"{"dialects":["a","b"]}"#));
        assert_eq!(info_extra(&[]), None);
    }
}
