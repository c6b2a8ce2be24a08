//! A guest's request, and which parts of it are sent: a URL, a method and headers that are the
//! guest's to choose.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::EgressLimits;
use super::error::SendError;
use super::limits::exceeded;
use crate::config::Limit;

/// A request as a guest made it.
#[derive(Debug)]
pub(crate) struct Request {
    /// The method, not yet checked.
    pub(crate) method: String,
    /// The URL, not yet checked.
    pub(crate) url: String,
    /// The headers, in order.
    pub(crate) headers: Vec<Header>,
    /// The body; empty for a request without one.
    pub(crate) body: Bytes,
}

/// A header of a request or a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its name.
    pub(crate) name: String,
    /// Its value, as text.
    pub(crate) value: String,
}

/// The longest name of DNS. What is longer can't be connected to and needn't be logged either.
const HOST_MAX: usize = 253;
/// The longest method. Those registered have at most 17 letters.
const METHOD_MAX: usize = 32;

/// The URL of a request, if it is one the host would send anything to.
pub(super) fn target(text: &str, limits: &EgressLimits) -> Result<Url, SendError> {
    let invalid = |problem: &str| SendError::Invalid(format!("the URL {problem}"));
    if limits.header_bytes < text.len() {
        return Err(SendError::Invalid(too_many_bytes("the URL is", limits)));
    }
    let url = Url::parse(text).map_err(|error| invalid(&format!("can't be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("must not hold a user name or password"));
    }
    if url.host_str().is_none_or(|host| host.is_empty() || HOST_MAX < host.len()) {
        return Err(invalid("must name a host, in at most 253 characters"));
    }
    Ok(url)
}

/// The method of a request, if it asks a vendor for something. `CONNECT` would make a tunnel,
/// through which a guest could say what it likes; `TRACE`, and `TRACK` in the servers of one maker,
/// ask for the request to be repeated, with the headers that the host attached.
pub(super) fn method(text: &str) -> Result<Method, SendError> {
    if METHOD_MAX < text.len()
        || ["CONNECT", "TRACE", "TRACK"].iter().any(|method| text.eq_ignore_ascii_case(method))
    {
        let start: String = text.chars().take(METHOD_MAX).collect();
        return Err(SendError::Invalid(format!("{start:?} is no method that a provider may use")));
    }
    Method::from_bytes(text.as_bytes())
        .map_err(|_| SendError::Invalid(format!("{text:?} is not an HTTP method")))
}

/// The body's length, if it may be sent.
pub(super) fn check_body(body: &[u8], limits: &EgressLimits) -> Result<(), SendError> {
    let length = body.len();
    if length <= limits.request_bytes {
        return Ok(());
    }
    let what = format!(
        "the request's body of {length} bytes is larger than {} bytes",
        limits.request_bytes
    );
    Err(SendError::Invalid(exceeded(what, Limit::RequestBytes)))
}

/// Headers that the host sets itself.
const OF_OURS: usize = 3;
/// Headers that belong to the connection or to the host, whoever sets them.
const OF_THE_HOST: [HeaderName; 13] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::USER_AGENT,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Returns true if neither guests nor grants may set this header.
pub(crate) fn is_of_the_host(name: &HeaderName) -> bool {
    let name = hyphened(name);
    OF_THE_HOST.iter().any(|known| known.as_str() == name)
}

/// Returns a header's name with `-` for each `_`. Servers behind CGI and its kin take the two for
/// one name.
fn hyphened(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.contains('_') { name.replace('_', "-").into() } else { name.into() }
}

/// Headers by which a guest could pass a credential of its own making, where the name's end doesn't
/// tell.
const CREDENTIALS: [&str; 14] = [
    "api-key",
    "apikey",
    "authentication",
    "authorization",
    "cf-access-client-id",
    "cookie",
    "cookie2",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "x-auth-email",
    "x-auth-key",
    "x-functions-key",
    "x-key",
    "x-rapidapi-key",
];
/// The ends of such headers' names, as in `x-goog-api-key`, `xi-api-key`, `x-access-token` and
/// `helicone-auth`.
const CREDENTIAL_ENDS: [&str; 10] = [
    "-access-key",
    "-api-key",
    "-apikey",
    "-auth",
    "-authorization",
    "-credential",
    "-password",
    "-secret",
    "-secret-key",
    "-token",
];
/// The beginning of such names: headers that sign a request to Amazon.
const CREDENTIAL_START: &str = "x-amz-";

/// Returns true if a header of this name is one for credentials.
pub(super) fn is_credential(name: &HeaderName) -> bool {
    let name = &*hyphened(name);
    CREDENTIALS.contains(&name)
        || CREDENTIAL_ENDS.iter().any(|end| name.ends_with(end))
        || name.starts_with(CREDENTIAL_START)
}

/// The guest's headers, without those that aren't its to set: the host's, credentials, and whatever
/// may hold a secret of the operator's for this provider, be it elsewhere. What is granted here and
/// no secret replaces the guest's.
pub(super) fn guest_headers(
    headers: Vec<Header>,
    secret: &[HeaderName],
    limits: &EgressLimits,
) -> Result<HeaderMap, SendError> {
    if limits.headers < headers.len() {
        let what =
            format!("{} headers of a request are more than {}", headers.len(), limits.headers);
        return Err(SendError::Invalid(exceeded(what, Limit::Headers)));
    }
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    if limits.header_bytes < bytes {
        return Err(SendError::Invalid(too_many_bytes("the request's headers are", limits)));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + secret.len() + OF_OURS);
    map.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("arete/", env!("CARGO_PKG_VERSION"))),
    );
    // A vendor that compresses nothing costs nothing to read.
    map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for Header { name, value } in headers {
        let invalid =
            |what| SendError::Invalid(format!("the {what} of header {name:?} isn't valid in HTTP"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("name"))?;
        let value = HeaderValue::from_str(&value).map_err(|_| invalid("value"))?;
        let is_secret = secret.iter().any(|secret| hyphened(secret) == hyphened(&key));
        if !is_secret && !is_of_the_host(&key) && !is_credential(&key) {
            map.append(key, value);
        }
    }
    // Some servers refuse who doesn't say what he takes.
    map.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    Ok(map)
}

pub(super) fn too_many_bytes(what: &str, limits: &EgressLimits) -> String {
    exceeded(format!("{what} larger than {} bytes", limits.header_bytes), Limit::HeaderBytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: value.into() }
    }

    fn kept(headers: &[&str], secret: &[HeaderName]) -> Vec<String> {
        let headers = headers.iter().map(|name| header(name, "1")).collect();
        let kept = guest_headers(headers, secret, &EgressLimits::default()).unwrap();
        assert_eq!(kept[header::ACCEPT_ENCODING], "identity");
        let names = kept.keys().filter(|name| {
            ![header::USER_AGENT, header::ACCEPT_ENCODING, header::ACCEPT].contains(name)
        });
        names.map(ToString::to_string).collect()
    }

    #[test]
    fn urls_that_hide_their_host_are_invalid() {
        let long = format!("https://{}.example.com", "a.".repeat(130));
        for url in [
            "https://api.example.com@evil.example/",
            "file:///etc/passwd",
            "/v1",
            "",
            "data:,x",
            &long,
        ] {
            let error = target(url, &EgressLimits::default()).unwrap_err();
            assert!(matches!(error, SendError::Invalid(_)), "{url}: {error:?}");
        }
    }

    #[test]
    fn methods_that_tunnel_or_repeat_are_refused() {
        for text in
            ["CONNECT", "connect", "TRACE", "Trace", "TRACK", "track", "", "G ET", &"X".repeat(33)]
        {
            assert!(matches!(method(text), Err(SendError::Invalid(_))), "{text}");
        }
        for text in ["GET", "POST", "QUERY"] {
            assert_eq!(method(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_guest_sets_no_credentials() {
        let credentials = [
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "X-API-Key",
            "api-key",
            "apikey",
            "x-goog-api-key",
            "x-auth-token",
            "x-access-token",
            "X-Amz-Security-Token",
            "x-amz-date",
            "xi-api-key",
            "helicone-auth",
            "cf-access-client-secret",
            "x-forwarded-authorization",
            "x_api_key",
            "X_API-Key",
            "x_amz_security_token",
        ];
        assert!(kept(&credentials, &[]).is_empty());
        let harmless = [
            "content-type",
            "anthropic-version",
            "idempotency-key",
            "x-request-id",
            "openai-organization",
        ];
        assert_eq!(kept(&harmless, &[]), harmless);
    }

    #[test]
    fn a_guest_sets_nothing_of_the_hosts_and_nothing_that_is_secret() {
        let of_the_host = [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "accept-encoding",
            "user-agent",
            "content_length",
            "Transfer_Encoding",
        ];
        assert!(kept(&of_the_host, &[]).is_empty());
        assert!(kept(&["x_team"], &[HeaderName::from_static("x-team")]).is_empty());
        assert_eq!(kept(&["X-Team", "x-other"], &[HeaderName::from_static("x-team")]), ["x-other"]);
    }

    #[test]
    fn headers_that_would_split_the_request_are_invalid() {
        let sent = vec![header("x-a", "1\r\nx-b: 2")];
        assert!(matches!(
            guest_headers(sent, &[], &EgressLimits::default()),
            Err(SendError::Invalid(_))
        ));
    }

    #[test]
    fn what_is_larger_than_its_limit_is_refused_by_its_key() {
        let limits = EgressLimits {
            headers: 2,
            header_bytes: 40,
            request_bytes: 3,
            ..EgressLimits::default()
        };
        let problem = |error| match error {
            SendError::Invalid(problem) => problem,
            other => panic!("{other:?}"),
        };
        let many = vec![header("a", ""), header("b", ""), header("c", "")];
        let many = problem(guest_headers(many, &[], &limits).unwrap_err());
        assert!(many.contains("more than 2 (`headers`"), "{many}");
        let large =
            problem(guest_headers(vec![header("a", &"1".repeat(40))], &[], &limits).unwrap_err());
        assert!(large.contains("larger than 40 bytes (`header-bytes`"), "{large}");
        let url = problem(
            target(&format!("https://example.com/{}", "a".repeat(40)), &limits).unwrap_err(),
        );
        assert!(url.contains("larger than 40 bytes (`header-bytes`"), "{url}");
        let body = problem(check_body(&[0; 4], &limits).unwrap_err());
        assert!(body.contains("larger than 3 bytes (`request-bytes`"), "{body}");
        assert!(check_body(b"123", &limits).is_ok());
    }
}
