//! The parts of a request's head that HTTP's parser leaves to the server: one host, one framing.
//!
//! Two servers in a row that read such a head differently can be made to take one request for two.
//! A request that could be read in two ways is therefore refused, and its connection is closed.

use http::{HeaderMap, HeaderValue, Request, Version, header};

use super::framing::Fault;
use super::problem::{Code, Problem};

/// The host and the port that a request is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// The name or the address, without the brackets of IPv6.
    pub(crate) host: &'a str,
    /// The port, if one is named.
    pub(crate) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses `host`, `host:port` or `[address]:port`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))?)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                let fits =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
                (!host.is_empty() && host.bytes().all(fits)).then_some((host, port))?
            }
        };
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            "" => None,
            port if digits => Some(port.parse().ok()?),
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// Returns the authority that a request is addressed to. Only requests of HTTP/1.0 may have none.
///
/// # Errors
/// A 400 for a head that could be read in two ways.
pub(crate) fn check<B>(request: &Request<B>) -> Result<Option<Authority<'_>>, Problem> {
    match request.extensions().get::<Fault>() {
        Some(Fault::LineEnd) => {
            return Err(refused("each line of a request's head must end in CR LF"));
        }
        Some(Fault::TwoLengths) => {
            return Err(refused("a request's head tells the length of its body twice"));
        }
        None => {}
    }
    let headers = request.headers();
    if !framed_once(headers) {
        return Err(refused("transfer-encoding must be chunked and nothing else"));
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, _) if request.version() == Version::HTTP_10 => return Ok(None),
        _ => return Err(refused("a request must have exactly one header host")),
    };
    let authority = host.to_str().ok().and_then(Authority::parse);
    let authority = authority.ok_or_else(|| refused("the header host is not a host and port"))?;
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    if target.is_some_and(|target| !host.as_bytes().eq_ignore_ascii_case(target.as_bytes())) {
        return Err(refused("the header host and the request target name different hosts"));
    }
    Ok(Some(authority))
}

/// Returns true if a body has no coding but `chunked`, named once.
fn framed_once(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

fn refused(detail: &str) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
        .header(header::CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_ports_are_parsed() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("localhost:", "localhost", None),
            ("127.0.0.1:3000", "127.0.0.1", Some(3000)),
            ("[::1]", "::1", None),
            ("[::1]:80", "::1", Some(80)),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { host, port }), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_host_are_refused() {
        for text in
            ["", ":80", "a b", "a@b", "a/b", "::1", "[a]", "[::1]80", "a:+1", "a:99999", "a:b"]
        {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }
}
