//! One question to a server that gives credentials: to the address that the operator named, by a
//! connection that no guest's request is on, without following a redirect, and of a bounded size.
//! [`Minted`](super::minted::Minted) bounds the time.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Full, Limited};

use crate::egress::client::{Client, ConnectTimeout};
use crate::egress::error::{cause, causes};
use crate::egress::resolve::Refused;

/// The largest answer. Tokens have some KiB.
const ANSWER_MAX: usize = 64 << 10;
/// Letters of a server's words that are shown.
const WORDS_MAX: usize = 300;

/// The way to servers that give credentials.
pub(in crate::egress) struct Exchange {
    client: Client,
}

impl Exchange {
    pub(in crate::egress) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Asks, and reads an answer that has to be a success.
    ///
    /// # Errors
    /// The reason why there is none, without a secret of the operator's.
    pub(super) async fn ask_for(&self, mut request: Request<Bytes>) -> Result<Bytes, String> {
        let agent = HeaderValue::from_static(concat!("arete/", env!("CARGO_PKG_VERSION")));
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, agent);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let at = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let answer = self.client.send(request.map(Full::new)).await;
        let answer = answer.map_err(|error| unreached(&at, &error))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(format!("{at} redirected ({status}), which isn't followed"));
        }
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| {
            let most = ANSWER_MAX >> 10;
            format!("the answer of {at} broke off, or has more than {most} KiB: {error}")
        })?;
        let body = body.to_bytes();
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{at} answered {status}{}", words(&body)))
        }
    }
}

fn unreached(at: &str, error: &hyper_util::client::legacy::Error) -> String {
    if let Some(refused) = cause::<Refused>(error) {
        return format!(
            "{at} isn't connected to: {refused}, and nothing in the provider's file says that it may"
        );
    }
    if cause::<ConnectTimeout>(error).is_some() {
        return format!("connecting to {at} took too long");
    }
    format!("{at} could not be reached: {}", causes(error))
}

/// Returns what a server says of a failure, in a form that fits into a line of the log.
pub(super) fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let plain: String = plain.take(WORDS_MAX).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if plain.is_empty() { String::new() } else { format!(": {plain}") }
}

/// Returns a request.
///
/// # Errors
/// When it can't be sent, without its content.
pub(super) fn request(
    method: http::Method,
    url: &url::Url,
    headers: &[(http::HeaderName, &str)],
    body: String,
) -> Result<Request<Bytes>, String> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    let uri = url.as_str().parse();
    *request.uri_mut() = uri.map_err(|error| format!("its address can't be asked: {error}"))?;
    for (name, value) in headers {
        let value = HeaderValue::from_str(value);
        let mut value =
            value.map_err(|_| format!("the value of the header {name} isn't valid in HTTP"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Returns a form's request.
///
/// # Errors
/// When it can't be sent, without its content.
pub(super) fn form<'a>(
    url: &url::Url,
    headers: &[(http::HeaderName, &str)],
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Request<Bytes>, String> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = request(http::Method::POST, url, headers, body)?;
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    Ok(request)
}

/// Reads a small file of the operator's.
///
/// # Errors
/// The reason why it can't be read, without its content.
pub(super) async fn read_file(path: &std::path::Path) -> Result<String, String> {
    use tokio::io::AsyncReadExt;

    /// The largest file. Keys and tokens have some KiB.
    const FILE_MAX: u64 = 1 << 20;
    let shown = path.display();
    let unreadable = |error| format!("{shown} can't be read: {error}");
    // Opening what isn't a file, a pipe for one, could wait without end.
    if !tokio::fs::metadata(path).await.map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is no file"));
    }
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    file.take(FILE_MAX + 1).read_to_string(&mut text).await.map_err(unreadable)?;
    if text.len() as u64 > FILE_MAX {
        return Err(format!("{shown} is larger than {} MiB", FILE_MAX >> 20));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_one_short_line() {
        assert_eq!(words(b"{\n \"error\":\"x\"\x1b[31m}"), ": { \"error\":\"x\" [31m}");
        assert_eq!(words(b" \n"), "");
        assert!(words("é".repeat(5_000).as_bytes()).chars().count() < 310);
    }
}
