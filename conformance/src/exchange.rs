//! `request.http` and `response.http`: HTTP messages as files, for people to read and write.
//!
//! The head's lines may end in LF or CRLF. The body is what follows the first empty line, byte by
//! byte.

use std::fmt::Write;

use http::HeaderName;
use mock_vendor::{Reply, Request};
use serde_json::Value;

/// Headers that every client sets, or that belong to the connection: nothing of the plugin is in
/// them.
const NOT_RECORDED: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "user-agent",
    "accept-encoding",
    "te",
];

/// The request that a plugin has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Such as `POST`.
    pub(super) method: String,
    /// The path with its query.
    pub(super) path: String,
    /// Those that have to be there, in lower case. Others may be there too.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// A vendor's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    /// The status.
    pub(super) status: u16,
    /// All but those of the framing, which the scripted vendor sets itself.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// The layout of a response's body, by its `content-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `text/event-stream`.
    Events,
    /// A JSON text on each line.
    Lines,
    /// One JSON text, or whatever else.
    Whole,
}

impl Wanted {
    /// Reads `request.http`.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let (line, headers, body) = message(file)?;
        let [method, path, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!(
                "the first line has to be like `POST /v1/chat HTTP/1.1`, not {line:?}"
            ));
        };
        Ok(Self { method: method.to_owned(), path: path.to_owned(), headers, body: body.to_vec() })
    }

    /// Writes a plugin's request as `request.http`.
    pub(super) fn record(request: &Request) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\n", request.method, request.path);
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        headers.retain(|(name, _)| !NOT_RECORDED.contains(&name.as_str()));
        headers.sort();
        for (name, value) in headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        text.push('\n');
        let mut file = text.into_bytes();
        match json(&request.body) {
            Some(body) => file.extend(pretty(&body).into_bytes()),
            None => file.extend(&request.body),
        }
        file
    }
}

impl Response {
    /// Reads `response.http`.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let (line, mut headers, body) = message(file)?;
        let mut words = line.splitn(3, ' ');
        let (version, status) = (words.next(), words.next().and_then(|status| status.parse().ok()));
        let (Some("HTTP/1.1"), Some(status @ 200..=599)) = (version, status) else {
            return Err(format!("the first line has to be like `HTTP/1.1 200 OK`, not {line:?}"));
        };
        headers.retain(|(name, _)| {
            !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection")
        });
        Ok(Self { status, headers, body: body.to_vec() })
    }

    /// The first header of this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Returns the layout of the body.
    pub(super) fn layout(&self) -> Layout {
        let essence =
            self.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "text/event-stream" => Layout::Events,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/stream+json" => Layout::Lines,
            _ => Layout::Whole,
        }
    }

    /// The same answer with another body.
    pub(super) fn with_body(&self, body: Vec<u8>) -> Self {
        Self { body, ..self.clone() }
    }

    /// As the scripted vendor gives it: in one piece.
    pub(super) fn reply(&self) -> Reply {
        let reply = Reply::status(self.status).body(self.body.clone());
        let reply =
            self.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value));
        if self.layout() == Layout::Whole { reply } else { reply.chunked() }
    }

    /// The body with every JSON text in it changed; nothing when it holds none.
    pub(super) fn map_json(&self, mut change: impl FnMut(&mut Value)) -> Option<Self> {
        let mut changed = false;
        let mut map = |text: &str| {
            let mut value: Value = serde_json::from_str(text).ok()?;
            change(&mut value);
            changed = true;
            Some(value.to_string())
        };
        let text = std::str::from_utf8(&self.body).ok()?;
        let body = match self.layout() {
            Layout::Whole => map(text)?,
            layout => {
                let lines = text.split_inclusive('\n').map(|line| {
                    let content = line.trim_end_matches(['\r', '\n']);
                    let end = line.get(content.len()..).unwrap_or_default();
                    let (before, value) = match content.strip_prefix("data:") {
                        Some(value) if layout == Layout::Events => ("data: ", value),
                        None if layout == Layout::Lines => ("", content),
                        _ => return line.to_owned(),
                    };
                    map(value.trim())
                        .map_or_else(|| line.to_owned(), |value| format!("{before}{value}{end}"))
                });
                lines.collect()
            }
        };
        changed.then(|| self.with_body(body.into_bytes()))
    }

    /// Returns the ends of its events or lines, in bytes of the body, without the last one.
    pub(super) fn boundaries(&self) -> Vec<usize> {
        let ends: Vec<usize> = match self.layout() {
            Layout::Whole => Vec::new(),
            Layout::Lines => self.positions(b"\n").into_iter().map(|start| start + 1).collect(),
            Layout::Events => {
                let ends = |mark: &'static [u8]| {
                    self.positions(mark).into_iter().map(move |start| start + mark.len())
                };
                ends(b"\n\n").chain(ends(b"\r\n\r\n")).collect()
            }
        };
        ends.into_iter().filter(|end| *end < self.body.len()).collect()
    }

    /// Returns the beginnings of this mark.
    fn positions(&self, mark: &[u8]) -> Vec<usize> {
        let windows = self.body.windows(mark.len()).enumerate();
        windows.filter(|(_, window)| *window == mark).map(|(start, _)| start).collect()
    }
}

type Message<'a> = (String, Vec<(String, String)>, &'a [u8]);

/// The first line, the headers and the body of a message.
fn message(file: &[u8]) -> Result<Message<'_>, String> {
    let mut rest = file;
    let mut lines = Vec::new();
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, after) = match end {
            Some(end) => {
                (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default())
            }
            None => (rest, &[][..]),
        };
        let line = std::str::from_utf8(line).map_err(|_| "its head isn't UTF-8".to_owned())?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        rest = after;
        if line.is_empty() || end.is_none() {
            lines.extend((!line.is_empty()).then(|| line.to_owned()));
            break;
        }
        lines.push(line.to_owned());
    }
    let mut lines = lines.into_iter();
    let first = lines.next().ok_or("it is empty")?;
    let headers = lines.map(|line| match line.split_once(':') {
        Some((name, value)) if HeaderName::from_bytes(name.as_bytes()).is_ok() => {
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err(format!("{line:?} isn't a header, and an empty line has to end the head")),
    });
    Ok((first, headers.collect::<Result<_, _>>()?, rest))
}

/// The JSON text that these bytes are, if they are one.
pub(super) fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// JSON for people, with a line end.
pub(super) fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_its_line_its_headers_and_the_rest() {
        let file =
            b"POST /v1/chat?a=b HTTP/1.1\nX-Api-Key:  test-credential \ncontent-type: application/json\n\n{\"a\":1}\n";
        let wanted = Wanted::parse(file).unwrap();
        assert_eq!((wanted.method.as_str(), wanted.path.as_str()), ("POST", "/v1/chat?a=b"));
        assert_eq!(wanted.headers[0], ("x-api-key".to_owned(), "test-credential".to_owned()));
        assert_eq!(wanted.body, b"{\"a\":1}\n");
        let bare = Wanted::parse(b"GET / HTTP/1.1\r\naccept: */*\r\n\r\n").unwrap();
        assert_eq!((bare.headers.len(), bare.body.len()), (1, 0));
        assert!(Wanted::parse(b"GET / HTTP/1.1").unwrap().headers.is_empty());
    }

    #[test]
    fn a_response_keeps_its_body_byte_by_byte_and_loses_its_framing() {
        let file = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nContent-Length: 3\r\n\r\ndata: \xff\r\n\r\n\r\n";
        let response = Response::parse(file).unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.headers.len(), 1);
        assert_eq!(response.layout(), Layout::Events);
        assert_eq!(response.body, b"data: \xff\r\n\r\n\r\n");
        assert_eq!(Response::parse(b"HTTP/1.1 529 \n\n").unwrap().status, 529);
    }

    #[test]
    fn a_message_that_is_wrong_is_refused_with_what_would_be_right() {
        for (file, says) in [
            (&b""[..], "it is empty"),
            (b"GET /\n\n", "like `POST /v1/chat HTTP/1.1`"),
            (b"GET / HTTP/1.1\n{\"a\": 1}", "an empty line has to end the head"),
            (b"GET / HTTP/1.1\n\xff: 1\n", "UTF-8"),
        ] {
            let error = Wanted::parse(file).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        for file in
            ["HTTP/1.1 OK\n\n", "HTTP/2 200 OK\n\n", "HTTP/1.1 99 No\n\n", "HTTP/1.1 1000\n\n"]
        {
            assert!(
                Response::parse(file.as_bytes()).unwrap_err().contains("like `HTTP/1.1 200 OK`"),
                "{file}"
            );
        }
    }

    #[test]
    fn json_is_changed_where_the_layout_has_it() {
        let add = |value: &mut Value| value["b"] = json!(2);
        let changed = |head: &str, body: &str| {
            let file = format!("HTTP/1.1 200 OK\ncontent-type: {head}\n\n{body}");
            let changed = Response::parse(file.as_bytes()).unwrap().map_json(add)?;
            Some(String::from_utf8(changed.body).unwrap())
        };
        assert_eq!(changed("application/json", "{\n \"a\": 1}\n").unwrap(), r#"{"a":1,"b":2}"#);
        assert_eq!(
            changed("application/x-ndjson", "{}\r\n\n{}").unwrap(),
            "{\"b\":2}\r\n\n{\"b\":2}"
        );
        let events = "event: x\ndata: {}\n\ndata: [DONE]\n\n";
        assert_eq!(
            changed("text/event-stream", events).unwrap(),
            "event: x\ndata: {\"b\":2}\n\ndata: [DONE]\n\n"
        );
        assert_eq!(changed("text/event-stream", "data: [DONE]\n\n"), None);
        assert_eq!(changed("text/html", "<p>"), None);
    }

    #[test]
    fn boundaries_are_between_events_and_lines() {
        let boundaries = |kind: &str, body: &str| {
            Response::parse(format!("HTTP/1.1 200 OK\ncontent-type: {kind}\n\n{body}").as_bytes())
                .unwrap()
                .boundaries()
        };
        assert_eq!(boundaries("text/event-stream", "data: 1\n\ndata: 2\n\n"), [9]);
        assert_eq!(boundaries("text/event-stream", "data: 1\r\n\r\ndata: 2\r\n\r\n"), [11]);
        assert_eq!(boundaries("application/x-ndjson", "1\n2\n3"), [2, 4]);
        assert!(boundaries("application/json", "{}").is_empty());
    }

    #[test]
    fn a_record_reads_back_as_what_is_wanted() {
        let headers =
            [("Content-Type", "application/json"), ("Host", "127.0.0.1:1"), ("accept", "*/*")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = Request {
            method: "POST".into(),
            path: "/v1".into(),
            headers,
            body: b"{\"a\":[1]}".to_vec(),
        };
        let wanted = Wanted::parse(&Wanted::record(&request)).unwrap();
        assert_eq!(
            wanted.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["accept", "content-type"]
        );
        assert_eq!(json(&wanted.body), Some(json!({"a": [1]})));
    }
}
