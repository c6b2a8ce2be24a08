//! The ways in which the same bytes can arrive: a network cuts anywhere.

use mock_vendor::Reply;

use super::exchange::{Layout, Response};

/// All ways in which this response can arrive beside in one piece, by name.
pub(super) fn all(response: &Response) -> Vec<(&'static str, Reply)> {
    let mut ways = vec![("one byte at a time", response.reply().cut_every(1))];
    let mut cut = |name, response: &Response, positions: Vec<usize>| {
        if !positions.is_empty() {
            ways.push((name, response.reply().cut_at(&positions)));
        }
    };
    cut("cut inside lines", response, inside_lines(&response.body));
    cut("cut inside characters", response, inside_characters(&response.body));
    if let Some(crlf) = with_crlf(response) {
        cut("with CRLF line ends, cut between CR and LF", &crlf, between_cr_and_lf(&crlf.body));
        ways.push(("with CRLF line ends", crlf.reply()));
    }
    ways
}

/// The middle of each line.
fn inside_lines(body: &[u8]) -> Vec<usize> {
    let mut start = 0;
    let lines = body.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let middle = start + line.len() / 2;
        start += line.len();
        (line.len() > 1).then_some(middle)
    });
    lines.collect()
}

/// Behind the first byte of each character that has several.
fn inside_characters(body: &[u8]) -> Vec<usize> {
    let bytes = body.iter().enumerate();
    bytes
        .filter(|(_, byte)| **byte >= 0xC0)
        .map(|(index, _)| index + 1)
        .filter(|end| *end < body.len())
        .collect()
}

fn between_cr_and_lf(body: &[u8]) -> Vec<usize> {
    let pairs = body.windows(2).enumerate();
    pairs.filter(|(_, pair)| *pair == b"\r\n").map(|(index, _)| index + 1).collect()
}

/// The response with CRLF for LF, where its format has lines and they end in LF.
fn with_crlf(response: &Response) -> Option<Response> {
    if response.layout() == Layout::Whole || response.body.contains(&b'\r') {
        return None;
    }
    let mut body = Vec::with_capacity(response.body.len() * 2);
    for byte in &response.body {
        if *byte == b'\n' {
            body.push(b'\r');
        }
        body.push(*byte);
    }
    Some(response.with_body(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_where_their_names_say() {
        assert_eq!(inside_lines(b"abcd\n\nef"), [2, 7]);
        assert_eq!(inside_characters("aé€".as_bytes()), [2, 4]);
        assert_eq!(between_cr_and_lf(b"a\r\n\r\n"), [2, 4]);
    }

    #[test]
    fn line_ends_change_only_where_the_format_has_lines() {
        let response = |kind: &str, body: &str| {
            Response::parse(format!("HTTP/1.1 200 OK\ncontent-type: {kind}\n\n{body}").as_bytes())
                .unwrap()
        };
        assert_eq!(
            with_crlf(&response("text/event-stream", "data: 1\n\n")).unwrap().body,
            b"data: 1\r\n\r\n"
        );
        assert_eq!(with_crlf(&response("application/x-ndjson", "1\n")).unwrap().body, b"1\r\n");
        assert!(with_crlf(&response("application/json", "{\n}")).is_none());
        assert!(with_crlf(&response("text/event-stream", "data: 1\r\n\r\n")).is_none());
        let names: Vec<_> = all(&response("text/event-stream", "data: é\n\n"))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.len(), 5, "{names:?}");
    }
}
