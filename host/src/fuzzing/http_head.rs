//! The head of a request as HTTP's parser leaves it: a line `METHOD TARGET VERSION`, then lines
//! `name: value`.
//!
//! Promises: a head that is let through names one host and one framing; what is read of its host is
//! what stands there.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};

use crate::http::head::{Authority, check};

/// Reads a head.
pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        check_authority(text);
    }
    let Some(request) = request(data) else { return };
    let Ok(authority) = check(&request) else { return };
    let headers = request.headers();
    let hosts: Vec<&HeaderValue> = headers.get_all(header::HOST).iter().collect();
    match authority {
        None => assert!(hosts.is_empty() && request.version() == Version::HTTP_10),
        Some(authority) => {
            let [host] = hosts.as_slice() else { panic!("{} hosts were let through", hosts.len()) };
            let written = host.to_str().unwrap_or_default();
            assert_eq!(Authority::parse(written), Some(authority));
            if let Some(target) = request.uri().authority() {
                assert!(
                    target.as_str().eq_ignore_ascii_case(written),
                    "two hosts were let through"
                );
            }
        }
    }
    assert!(framings(headers) <= 1, "two framings were let through");
}

/// Returns the number of codings of the body, anything but `chunked` counted twice.
fn framings(headers: &HeaderMap) -> usize {
    let lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let words = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    words.map(|word| if word.eq_ignore_ascii_case(b"chunked") { 1 } else { 2 }).sum()
}

fn check_authority(text: &str) {
    let Some(authority) = Authority::parse(text) else { return };
    let Authority { host, port } = authority;
    assert!(!host.is_empty(), "a host without a name");
    assert!(text.contains(host));
    let strange = |byte: u8| byte.is_ascii_whitespace() || b"/@\\?#[]%".contains(&byte);
    assert!(!host.bytes().any(|byte| strange(byte) || !byte.is_ascii()), "a host with {host:?}");
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let written = match port {
        Some(port) => format!("{bracketed}:{port}"),
        None => bracketed,
    };
    assert_eq!(Authority::parse(&written), Some(authority), "{written} is read as another");
}

/// Returns the request that HTTP's parser would make of a head, if it would make one.
fn request(data: &[u8]) -> Option<Request<()>> {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.splitn(3, |byte| *byte == b' ');
    let (method, target, version) = (first.next()?, first.next()?, first.next()?);
    let version = match version {
        b"HTTP/1.0" => Version::HTTP_10,
        b"HTTP/1.1" => Version::HTTP_11,
        _ => return None,
    };
    let mut request = Request::builder().method(method).uri(target).version(version);
    for line in lines.take(100) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        let name = HeaderName::from_bytes(name).ok()?;
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    request.body(()).ok()
}
