//! The guest's only way out: each request is checked against the provider's grants, given its credentials, bounded and
//! sent, in this order. The guest never sees a credential: the host attaches them after the check, and follows no
//! redirect that could carry them elsewhere.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;
use url::{Origin, Url};

use super::Meter;
use super::bindings::arete::provider::http::{Body, Header, HttpError, HttpRequest};
use crate::config::{Limit, Limits};
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub use reply::Reply;

/// What a provider may reach, and what the host adds to its requests there.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Headers the host attaches, credentials as a rule. They replace the guest's.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// Whether its name may stand for an address of the inside: a private network, this machine.
    pub private: bool,
}

/// Bounds on one exchange with a vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutboundLimits {
    /// How long the vendor may be silent: before its answer, and between two pieces of it.
    pub idle: Duration,
    /// The largest answer in bytes.
    pub response_bytes: usize,
    /// The largest single line or event in bytes.
    pub event_bytes: usize,
}

impl From<&Limits> for OutboundLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            idle: limits.time(Limit::IdleTimeout),
            response_bytes: limits.size(Limit::ResponseBytes),
            event_bytes: limits.size(Limit::EventBytes),
        }
    }
}

/// How long connecting may take: TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept. Less than the minute after which servers and balancers commonly close theirs.
const KEEP_IDLE: Duration = Duration::from_secs(50);
/// Headers of one request, in number. Messages APIs take a handful.
const HEADERS_MAX: usize = 64;

/// The client that all providers share: it knows no cookies, no redirects and no proxies.
///
/// # Errors
/// When the system's TLS roots can't be read.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(KEEP_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // What leaves, leaves to a granted origin and not by way of whatever HTTP_PROXY names.
        .no_proxy()
        // Deltas are small: without this they wait some 40 ms for the one before to be acknowledged.
        .tcp_nodelay(true)
        .user_agent(concat!("arete/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// One call's way out.
pub(crate) struct Outbound {
    client: reqwest::Client,
    provider: Arc<str>,
    grants: Arc<[Grant]>,
    limits: OutboundLimits,
    meter: Meter,
}

impl Outbound {
    pub(crate) fn new(
        client: reqwest::Client,
        provider: Arc<str>,
        grants: Arc<[Grant]>,
        limits: OutboundLimits,
        meter: Meter,
    ) -> Self {
        Self { client, provider, grants, limits, meter }
    }

    /// Sends a request of the guest and waits for the head of the answer.
    pub(crate) async fn send(&mut self, request: HttpRequest) -> Result<Reply, HttpError> {
        let url = target(&request.url)?;
        let grant = self.granted(&url)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| HttpError::Invalid(format!("{:?} is not an HTTP method", request.method)))?;
        let mut headers = guest_headers(request.headers, grant)?;
        attach(grant, &mut headers)?;

        let mut outgoing = self.client.request(method, url).headers(headers);
        outgoing = match request.body {
            Some(Body::Text(text)) => outgoing.body(text),
            Some(Body::Bytes(bytes)) => outgoing.body(bytes),
            None => outgoing,
        };

        let waiting = self.meter.waiting();
        let answer = tokio::time::timeout(self.limits.idle, outgoing.send()).await;
        drop(waiting);
        match answer {
            Ok(Ok(response)) => Ok(Reply::new(response, self.limits, self.secrets(), self.meter.clone())),
            Ok(Err(error)) => Err(unsent(&error)),
            Err(_) => Err(HttpError::Timeout(format!("the vendor sent no answer within {:?}", self.limits.idle))),
        }
    }

    /// The values that must never reach the guest.
    fn secrets(&self) -> Vec<SecretString> {
        self.grants.iter().flat_map(|grant| grant.headers.iter().map(|(_, value)| value.clone())).collect()
    }

    fn granted(&self, url: &Url) -> Result<&Grant, HttpError> {
        let origin = url.origin();
        if let Some(grant) = self.grants.iter().find(|grant| grant.origin == origin) {
            return Ok(grant);
        }
        let origin = origin.ascii_serialization();
        warn!(provider = %self.provider, %origin, "Refused a provider's request to an origin it has no grant for");
        Err(HttpError::Denied(format!("provider {} has no grant for {origin}", self.provider)))
    }
}

/// The URL of a request, if it is one the host would send anything to.
fn target(text: &str) -> Result<Url, HttpError> {
    let invalid = |problem: &str| HttpError::Invalid(format!("the URL {problem}"));
    let url = Url::parse(text).map_err(|error| invalid(&format!("can't be read: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("must not hold a user name or password"));
    }
    Ok(url)
}

/// Headers that belong to the connection or to the host, whoever sets them.
const OF_THE_HOST: [HeaderName; 11] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::USER_AGENT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Whether neither guests nor grants may set this header.
pub(super) fn is_of_the_host(name: &HeaderName) -> bool {
    OF_THE_HOST.contains(name)
}

/// Headers by which a guest could pass a credential of its own making.
const CREDENTIALS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("x-auth-token"),
    HeaderName::from_static("x-amz-security-token"),
];

/// The guest's headers, without those that aren't its to set.
fn guest_headers(headers: Vec<Header>, grant: &Grant) -> Result<HeaderMap, HttpError> {
    if HEADERS_MAX < headers.len() {
        return Err(HttpError::Invalid(format!("{} headers are more than {HEADERS_MAX}", headers.len())));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + grant.headers.len());
    for Header { name, value } in headers {
        let invalid = |what| HttpError::Invalid(format!("the {what} of header {name:?} isn't valid in HTTP"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("name"))?;
        let value = HeaderValue::from_str(&value).map_err(|_| invalid("value"))?;
        let granted = grant.headers.iter().any(|(granted, _)| *granted == key);
        if !granted && !OF_THE_HOST.contains(&key) && !CREDENTIALS.contains(&key) {
            map.append(key, value);
        }
    }
    Ok(map)
}

/// Adds what the operator granted.
fn attach(grant: &Grant, headers: &mut HeaderMap) -> Result<(), HttpError> {
    for (name, value) in &grant.headers {
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| HttpError::Other(format!("the granted header {name} isn't valid in HTTP")))?;
        // Keeps it out of HPACK's tables and of every Debug output.
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
    }
    Ok(())
}

/// Why no answer came. The URL is left out: a base URL may hold a path that is nobody's business.
fn unsent(error: &reqwest::Error) -> HttpError {
    let cause = causes(error);
    if error.is_timeout() {
        HttpError::Timeout(format!("connecting to the vendor took too long: {cause}"))
    } else if error.is_builder() {
        HttpError::Invalid(format!("the request can't be sent: {cause}"))
    } else {
        HttpError::Connection(format!("the vendor could not be reached: {cause}"))
    }
}

/// The innermost causes of an error, outermost first, without reqwest's own line that quotes the URL.
fn causes(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let mut lines: Vec<String> = chain.map(ToString::to_string).collect();
    lines.dedup();
    if lines.is_empty() { "no reason was given".into() } else { lines.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(origin: &str) -> Grant {
        let key = (HeaderName::from_static("x-api-key"), SecretString::from("sk-granted"));
        Grant { origin: Url::parse(origin).unwrap().origin(), headers: vec![key], private: false }
    }

    fn outbound(origin: &str) -> Outbound {
        let limits = OutboundLimits { idle: Duration::from_secs(1), response_bytes: 1_000, event_bytes: 1_000 };
        Outbound::new(client().unwrap(), "test".into(), Arc::from([grant(origin)]), limits, Meter::default())
    }

    async fn send(origin: &str, url: &str) -> HttpError {
        let request = HttpRequest { method: "GET".into(), url: url.into(), headers: vec![], body: None };
        outbound(origin).send(request).await.err().unwrap()
    }

    #[tokio::test]
    async fn only_the_very_origin_that_was_granted_is_reached() {
        for url in [
            "https://api.example.com.evil.example/",
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://evil.example/https://api.example.com/",
            "https://api.example.org/",
            "https://[::1]/",
        ] {
            let error = send("https://api.example.com", url).await;
            assert!(matches!(error, HttpError::Denied(_)), "{url}: {error:?}");
        }
    }

    #[tokio::test]
    async fn urls_that_hide_their_host_are_invalid() {
        for url in ["https://api.example.com@evil.example/", "file:///etc/passwd", "/v1", "", "data:,x"] {
            let error = send("https://api.example.com", url).await;
            assert!(matches!(error, HttpError::Invalid(_)), "{url}: {error:?}");
        }
    }

    #[test]
    fn a_guest_can_neither_set_nor_replace_credentials() {
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        let sent = vec![
            header("X-API-Key", "sk-forged"),
            header("Authorization", "Bearer forged"),
            header("Host", "evil.example"),
            header("content-length", "5"),
            header("content-type", "application/json"),
        ];
        let grant = grant("https://api.example.com");
        let mut headers = guest_headers(sent, &grant).unwrap();
        attach(&grant, &mut headers).unwrap();
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-api-key"]);
        assert_eq!(headers["x-api-key"], "sk-granted");
        assert!(!format!("{headers:?}").contains("sk-granted"));
    }

    #[test]
    fn headers_that_would_split_the_request_are_invalid() {
        let grant = grant("https://api.example.com");
        let sent = vec![Header { name: "x-a".into(), value: "1\r\nx-b: 2".into() }];
        assert!(matches!(guest_headers(sent, &grant), Err(HttpError::Invalid(_))));
    }
}
