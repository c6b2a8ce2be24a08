//! The exchanges in a project's cassettes, and which of them answers a question.

use std::path::Path;
use std::{fmt, fs};

use serde_json::Value;

/// All exchanges of a project.
pub(super) struct Cassettes {
    exchanges: Vec<Exchange>,
    /// The faults of files that can't be played.
    problems: Vec<String>,
}

struct Exchange {
    /// The cassette's name.
    name: String,
    method: String,
    /// The path, with the query.
    target: String,
    /// The question, if it is JSON.
    body: Option<Value>,
    response: Played,
}

/// The vendor's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A first line, headers, and what follows the first empty line.
struct Message<'a> {
    first: Vec<&'a str>,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl Cassettes {
    /// Reads all that can be read.
    pub(super) fn read(folder: &Path) -> Self {
        let (mut exchanges, mut problems) = (Vec::new(), Vec::new());
        for cassette in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = cassette.file_name().to_string_lossy().into_owned();
            for file in fs::read_dir(cassette.path()).into_iter().flatten().flatten() {
                let file = file.file_name().to_string_lossy().into_owned();
                let Some(number) =
                    file.strip_prefix("request").filter(|rest| rest.ends_with(".http"))
                else {
                    continue;
                };
                let read = |file: &str| fs::read(cassette.path().join(file)).ok();
                let response = format!("response{number}");
                if let (Some(asked), Some(answered)) = (read(&file), read(&response)) {
                    match Exchange::parse(&name, &asked, &answered, [&file, &response]) {
                        Ok(exchange) => exchanges.push(exchange),
                        Err(problem) => problems.push(problem),
                    }
                }
            }
        }
        exchanges.sort_by(|one, other| one.name.cmp(&other.name));
        problems.sort();
        Self { exchanges, problems }
    }

    /// Returns the answer to a question, and the sentence that tells the author which one it is.
    ///
    /// # Errors
    /// That there is none, for the author.
    pub(super) fn play(
        &self,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Result<(String, Played), NoAnswer> {
        let body = serde_json::from_slice(body).ok();
        let fitting = self.exchanges.iter().filter_map(|exchange| {
            Some((exchange.likeness(method, target, body.as_ref())?, exchange))
        });
        // The first of those that are alike.
        let best = fitting.rev().max_by_key(|(likeness, _)| *likeness);
        let Some((_, exchange)) = best else {
            return Err(NoAnswer {
                method: method.to_owned(),
                target: target.to_owned(),
                problems: self.problems.iter().map(ToString::to_string).collect(),
            });
        };
        let other =
            if exchange.body == body { "" } else { ", which was recorded for another question" };
        let status = exchange.response.status;
        let says =
            format!("cassettes/{} answers {method} {target} with {status}{other}.", exchange.name);
        Ok((says, exchange.response.clone()))
    }
}

/// A question that no cassette answers.
#[derive(Debug)]
pub(super) struct NoAnswer {
    method: String,
    target: String,
    /// The cassettes that can't be read, in a sentence each.
    problems: Vec<String>,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "No cassette has an answer to {} {}.", self.method, self.target)?;
        self.problems.iter().try_for_each(|problem| write!(f, " {problem}"))
    }
}

impl Exchange {
    /// Reads an exchange from the files with these names.
    fn parse(
        name: &str,
        request: &[u8],
        response: &[u8],
        [asked, answered]: [&str; 2],
    ) -> Result<Self, String> {
        let wrong = |file: &str, like: &str| {
            format!("The first line of cassettes/{name}/{file} should be like `{like}`.")
        };
        let asked = || wrong(asked, "POST /v1/chat HTTP/1.1");
        let answered = || wrong(answered, "HTTP/1.1 200 OK");
        let request = Message::parse(request).ok_or_else(asked)?;
        let response = Message::parse(response).ok_or_else(answered)?;
        let [method, target, ..] = *request.first else { return Err(asked()) };
        let status = response.first.get(1).and_then(|status| status.parse().ok());
        let status = status.filter(|status| (100..600).contains(status)).ok_or_else(answered)?;
        Ok(Self {
            name: name.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            body: serde_json::from_slice(request.body).ok(),
            response: Played { status, headers: response.headers, body: response.body.to_owned() },
        })
    }

    /// Returns how well it fits a request; nothing if not at all. Failures are played only to the
    /// very question that they were recorded with, and then the one that succeeds wins.
    fn likeness(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Option<(bool, bool, bool, bool)> {
        let success = (200..300).contains(&self.response.status);
        let same = self.body.as_ref() == body;
        if self.method != method || self.target != target || !success && !same {
            return None;
        }
        let streamed = |body: Option<&Value>| body.is_some_and(|body| body["stream"] == true);
        let alike = streamed(self.body.as_ref()) == streamed(body);
        let usual = matches!(&*self.name, "plain" | "stream");
        Some((success && same, success, alike, usual))
    }
}

impl<'a> Message<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let end = |mark: &[u8]| {
            text.windows(mark.len())
                .position(|window| window == mark)
                .map(|at| (at, at + mark.len()))
        };
        let ends = [end(b"\n\n"), end(b"\r\n\r\n")].into_iter().flatten().min();
        let (head, body) = ends.unwrap_or((text.len(), text.len()));
        let head = std::str::from_utf8(text.get(..head)?).ok()?;
        let mut lines = head.lines();
        let first = lines.next()?.split_whitespace().collect();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { first, headers, body: text.get(body..)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cassettes(all: &[(&str, &str, &str)]) -> (tempfile::TempDir, Cassettes) {
        let dir = tempfile::tempdir().unwrap();
        for (name, request, response) in all {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("request.http"), request).unwrap();
            fs::write(dir.path().join(name).join("response.http"), response).unwrap();
        }
        let cassettes = Cassettes::read(dir.path());
        (dir, cassettes)
    }

    #[test]
    fn the_cassette_that_is_most_like_a_question_answers_it() {
        let post = |body: &str| format!("POST /chat HTTP/1.1\r\naccept: */*\r\n\r\n{body}");
        let (_dir, cassettes) = cassettes(&[
            ("odd", &post(r#"{"q": 3}"#), "HTTP/1.1 200 OK\n\nodd"),
            (
                "busy",
                &post(r#"{"q": 2}"#),
                "HTTP/1.1 429 Too Many Requests\nretry-after: 3\n\nbusy",
            ),
            (
                "plain",
                &post(r#"{"q": 1}"#),
                "HTTP/1.1 200 OK\ncontent-type: text/plain\n\nplain\n\n",
            ),
            ("stream", &post(r#"{"q": 1, "stream": true}"#), "HTTP/1.1 200 OK\n\nstream"),
            ("broken", "nothing", "nothing"),
        ]);
        let play = |body: &str| {
            let (_, played) = cassettes.play("POST", "/chat", body.as_bytes()).unwrap();
            String::from_utf8(played.body).unwrap()
        };
        assert_eq!(play(r#"{"q":1}"#), "plain\n\n");
        assert_eq!(play(r#"{"q":3}"#), "odd");
        assert_eq!(play(r#"{"q":9}"#), "plain\n\n");
        assert_eq!(play(r#"{"q":9,"stream":true}"#), "stream");
        assert_eq!(play("no JSON"), "plain\n\n");
        let says = |body: &[u8]| cassettes.play("POST", "/chat", body).unwrap().0;
        assert_eq!(says(br#"{"q":1}"#), "cassettes/plain answers POST /chat with 200.");
        assert_eq!(
            says(br#"{"q":9}"#),
            "cassettes/plain answers POST /chat with 200, which was recorded for another question."
        );
        let says = cassettes.play("GET", "/models", b"").unwrap_err().to_string();
        assert_eq!(
            says,
            "No cassette has an answer to GET /models. The first line of cassettes/broken/request.http should be like \
             `POST /v1/chat HTTP/1.1`."
        );
    }

    #[test]
    fn a_failure_is_played_where_nothing_succeeds() {
        let request = "POST /chat HTTP/1.1\n\n{}";
        let (_dir, cassettes) =
            cassettes(&[("busy", request, "HTTP/1.1 429 Too Many\nretry-after: 3\n\nbusy")]);
        let (_, played) = cassettes.play("POST", "/chat", b"{}").unwrap();
        let headers = vec![("retry-after".to_owned(), "3".to_owned())];
        assert_eq!(played, Played { status: 429, headers, body: b"busy".into() });
        assert!(cassettes.play("POST", "/chat", b"{\"q\":1}").is_err());
    }
}
