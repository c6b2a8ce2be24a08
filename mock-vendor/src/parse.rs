//! The little of HTTP/1.1 that is needed to take a request off a connection.

use std::fmt;

use crate::request::Request;

/// The framing of the client's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Known(usize),
    Chunked,
}

/// A request's head, its body still to come.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) request: Request,
    pub(crate) length: Length,
    pub(crate) expects_continue: bool,
}

/// Returns the end of the first head in these bytes, its blank line included.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|position| position + 4)
}

/// The mistake in a request that this vendor doesn't understand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadRequest {
    NotUtf8,
    RequestLine(String),
    Header(String),
    TwoLengths,
    TransferEncoding(String),
    ContentLength(String),
    ChunkSize(String),
    LongChunk,
    LargeHead(usize),
    LongLine(usize),
    LargeBody(usize),
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the head isn't UTF-8"),
            Self::RequestLine(line) => write!(f, "not a request line of HTTP/1.1: {line:?}"),
            Self::Header(line) => write!(f, "not a header: {line:?}"),
            Self::TwoLengths => f.write_str("both content-length and transfer-encoding"),
            Self::TransferEncoding(coding) => {
                write!(f, "a transfer-encoding that this vendor doesn't know: {coding:?}")
            }
            Self::ContentLength(length) => write!(f, "not a content-length: {length:?}"),
            Self::ChunkSize(line) => write!(f, "not a chunk size: {line:?}"),
            Self::LongChunk => f.write_str("a chunk is longer than its size"),
            Self::LargeHead(bytes) => write!(f, "its head is larger than {bytes} bytes"),
            Self::LongLine(bytes) => write!(f, "it has a line of more than {bytes} bytes"),
            Self::LargeBody(bytes) => write!(f, "its body is larger than {bytes} bytes"),
        }
    }
}

/// Reads a head.
///
/// # Errors
/// The first mistake in it.
pub(crate) fn head(bytes: &[u8]) -> Result<Head, BadRequest> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadRequest::NotUtf8)?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let line = lines.next().unwrap_or_default();
    let [method, path, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
        return Err(BadRequest::RequestLine(line.to_owned()));
    };
    let headers = lines
        .map(|line| match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && !name.contains(' ') => {
                Ok((name.to_owned(), value.trim().to_owned()))
            }
            _ => Err(BadRequest::Header(line.to_owned())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let request =
        Request { method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() };
    let length = match (request.header("transfer-encoding"), request.header("content-length")) {
        (Some(_), Some(_)) => return Err(BadRequest::TwoLengths),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Length::Chunked,
        (Some(coding), None) => return Err(BadRequest::TransferEncoding(coding.to_owned())),
        (None, Some(length)) => match length.parse() {
            Ok(length) => Length::Known(length),
            Err(_) => return Err(BadRequest::ContentLength(length.to_owned())),
        },
        (None, None) => Length::Known(0),
    };
    let expects_continue =
        request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    Ok(Head { request, length, expects_continue })
}

/// Returns the size that a chunk's first line announces.
pub(crate) fn chunk_size(line: &[u8]) -> Result<usize, BadRequest> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    usize::from_str_radix(digits, 16).map_err(|_| BadRequest::ChunkSize(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_with_its_headers_in_any_case() {
        let head =
            head(b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
                .expect("a good head");
        assert_eq!(head.request.method, "POST");
        assert_eq!(head.request.path, "/v1/messages?beta=true");
        assert_eq!(head.request.header("host"), Some("x"));
        assert_eq!(head.request.header("missing"), None);
        assert_eq!(head.length, Length::Known(3));
        assert!(head.request.keeps_alive());
    }

    #[test]
    fn a_head_that_is_wrong_is_refused_with_the_reason() {
        let reason = |bytes: &[u8]| head(bytes).expect_err("a bad head").to_string();
        assert_eq!(reason(b"GET /\r\n\r\n"), r#"not a request line of HTTP/1.1: "GET /""#);
        assert_eq!(reason(b"GET / HTTP/1.1\r\nno colon\r\n\r\n"), r#"not a header: "no colon""#);
        assert_eq!(
            reason(b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n"),
            r#"not a content-length: "-1""#
        );
        assert_eq!(
            reason(b"GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
            "both content-length and transfer-encoding"
        );
    }

    #[test]
    fn chunk_sizes_are_hexadecimal_and_may_have_extensions() {
        assert_eq!(chunk_size(b"1F"), Ok(31));
        assert_eq!(chunk_size(b"a;name=value"), Ok(10));
        assert!(chunk_size(b"").is_err());
        assert!(chunk_size(b"xyz").is_err());
    }
}
