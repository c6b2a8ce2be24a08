//! Amazon's signature, version 4, over a request as it goes out. Its rules: "Create a signed AWS
//! API request" in the reference of AWS Identity and Access Management. The hashes are the
//! cryptography library's; what is here says what is hashed in which order.

use std::collections::BTreeMap;
use std::fmt::Write;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use url::form_urlencoded;

use super::spec::AwsKeys;
use crate::digest::{Hex, Sha256Digest};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Headers that something on the way may change, so that they aren't signed.
const UNSIGNED: [HeaderName; 3] =
    [header::AUTHORIZATION, header::USER_AGENT, HeaderName::from_static("x-amzn-trace-id")];
/// All but letters, digits, `-`, `.`, `_` and `~`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, in a path.
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// The region and the service that a signature is for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// Signs a request: sets its headers `x-amz-date`, `authorization` and, for minted keys,
/// `x-amz-security-token`.
///
/// # Errors
/// When a key can't stand in a header.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    scope: &Scope<'_>,
    keys: &AwsKeys,
    now: Timestamp,
) -> Result<(), http::header::InvalidHeaderValue> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = now.strftime("%Y%m%d").to_string();
    let headers = request.headers_mut();
    headers.insert(DATE, HeaderValue::from_str(&time)?);
    headers.remove(TOKEN);
    if let Some(token) = &keys.session_token {
        headers.insert(TOKEN, sensitive(token.expose_secret())?);
    }
    let Canonical { text, signed } = Canonical::of(request);
    let Scope { region, service } = scope;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let digest = Sha256Digest::of(text.as_bytes());
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{digest}");

    let first = format!("AWS4{}", keys.secret_access_key.expose_secret());
    let key = [&*date, region, service, "aws4_request"]
        .iter()
        .fold(first.into_bytes(), |key, part| mac(&key, part));
    let signature = mac(&key, &to_sign);
    let id = &keys.access_key_id;
    let authorization = format!(
        "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={}",
        Hex(&signature)
    );
    request.headers_mut().insert(header::AUTHORIZATION, sensitive(&authorization)?);
    Ok(())
}

fn sensitive(value: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// A request in the one form that both sides hash.
struct Canonical {
    text: String,
    /// The names of the headers in it.
    signed: String,
}

impl Canonical {
    fn of(request: &Request<Bytes>) -> Self {
        let headers = headers(request);
        let signed = headers.keys().copied().collect::<Vec<_>>().join(";");
        let uri = request.uri();
        let mut text = format!(
            "{}\n{}\n{}\n",
            request.method(),
            path(uri.path()),
            query(uri.query().unwrap_or_default())
        );
        for (name, value) in &headers {
            // Writing to a String doesn't fail.
            let _ = writeln!(text, "{name}:{value}");
        }
        let _ = write!(text, "\n{signed}\n{}", Sha256Digest::of(request.body()));
        Self { text, signed }
    }
}

/// Returns the headers that are signed, each with all its values, and the host, which is set as
/// late as when the request is written.
fn headers(request: &Request<Bytes>) -> BTreeMap<&str, String> {
    let mut signed = BTreeMap::new();
    if let Some(authority) = request.uri().authority() {
        signed.insert(header::HOST.as_str(), authority.as_str().to_owned());
    }
    for name in request.headers().keys().filter(|name| !UNSIGNED.contains(name)) {
        let values = request.headers().get_all(name).iter();
        let values: Vec<String> =
            values.map(|value| plain(&String::from_utf8_lossy(value.as_bytes()))).collect();
        signed.insert(name.as_str(), values.join(","));
    }
    signed
}

/// Returns a header's value with one space for each run of them, and none at its ends.
fn plain(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns a path without empty and dot segments, what is escaped in it escaped once more.
fn path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let end = if segments.is_empty() || !path.ends_with('/') { "" } else { "/" };
    let plain = format!("/{}{end}", segments.join("/"));
    utf8_percent_encode(&plain, ESCAPED_IN_PATH).to_string()
}

/// Returns a query's parameters in order, escaped in one way.
fn query(query: &str) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut pairs: Vec<_> = pairs.map(|(name, value)| (escaped(&name), escaped(&value))).collect();
    pairs.sort_unstable();
    let pairs = pairs.into_iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
