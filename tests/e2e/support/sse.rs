//! A streamed answer as a client reads it: one event at a time, as soon as it is there.

use std::collections::VecDeque;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::client::{Answer, assert_problem};
use super::within;

/// An open stream. Dropping it is hanging up.
#[derive(Debug)]
pub struct EventStream {
    pub headers: HeaderMap,
    response: Response,
    /// Bytes of an event that isn't whole yet.
    pending: Vec<u8>,
    ready: VecDeque<Block>,
}

#[derive(Debug)]
enum Block {
    Comment,
    Event(String, Value),
}

impl EventStream {
    /// Sends a request whose answer has to be a stream.
    pub async fn open(request: RequestBuilder) -> Self {
        let response = within("a stream", request.send()).await.expect("the server answers");
        let content_type =
            response.headers().get("content-type").and_then(|value| value.to_str().ok());
        if response.status() != 200 || content_type != Some("text/event-stream") {
            panic!("this should be a stream: {:?}", Answer::read(response).await);
        }
        let (headers, pending, ready) = (response.headers().clone(), Vec::new(), VecDeque::new());
        Self { headers, response, pending, ready }
    }

    /// The id by which the server knows this request.
    pub fn id(&self) -> String {
        self.headers["x-request-id"].to_str().expect("an id is text").to_owned()
    }

    /// The next event, as its name and its data; nothing at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        within("an event", async {
            loop {
                match self.block().await? {
                    Block::Comment => {}
                    Block::Event(name, data) => return Some((name, data)),
                }
            }
        })
        .await
    }

    /// Waits for a comment. Fails if an event comes first.
    pub async fn comment(&mut self) {
        match within("a comment", self.block()).await {
            Some(Block::Comment) => {}
            other => panic!("a comment should have come, not {other:?}"),
        }
    }

    /// The next event, which has to be a delta of text.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Some((name, data)) if name == "delta" && data["text"].is_string() => {
                data["text"].as_str().unwrap_or_default().to_owned()
            }
            other => panic!("a delta of text should have come, not {other:?}"),
        }
    }

    /// All events up to the end.
    pub async fn rest(&mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// All of the text, and the data of `done`. Fails unless the rest of the stream is deltas, one
    /// `done` and the end.
    pub async fn finish(&mut self) -> (String, Value) {
        let mut events = self.rest().await;
        match events.pop() {
            Some((name, done)) if name == "done" => {
                assert!(
                    events.iter().all(|(name, _)| name == "start" || name == "delta"),
                    "{events:?}"
                );
                (text(&events), done)
            }
            last => panic!("the stream should end with done, not {last:?}, after {events:?}"),
        }
    }

    /// The problem by which the stream fails: `error` has to be its last event, and no `done` may
    /// come before it.
    pub async fn fail(&mut self, status: u16, code: &str) -> Value {
        let mut events = self.rest().await;
        match events.pop() {
            Some((name, problem)) if name == "error" => {
                assert!(
                    events.iter().all(|(name, _)| name == "start" || name == "delta"),
                    "{events:?}"
                );
                assert_problem(&problem);
                assert_eq!(
                    json!([problem["status"], problem["code"]]),
                    json!([status, code]),
                    "{problem}"
                );
                assert_eq!(problem["requestId"], self.id());
                problem
            }
            last => panic!("the stream should end with an error, not {last:?}, after {events:?}"),
        }
    }

    async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Some(block);
            }
            match self.response.chunk().await.expect("the stream isn't cut") {
                Some(chunk) => self.pending.extend_from_slice(&chunk),
                None => {
                    assert!(
                        self.pending.is_empty(),
                        "half an event at the end: {:?}",
                        self.pending
                    );
                    return None;
                }
            }
            while let Some(end) = self.pending.windows(2).position(|window| window == b"\n\n") {
                let block: Vec<u8> = self.pending.drain(..end + 2).collect();
                self.ready
                    .push_back(Block::read(&String::from_utf8(block).expect("events are text")));
            }
        }
    }
}

impl Block {
    /// Strict: an event is a name and one line of JSON, and nothing else stands in a stream but
    /// comments.
    fn read(text: &str) -> Self {
        let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
        match lines.as_slice() {
            [comment] if comment.starts_with(':') => Self::Comment,
            [name, data] => {
                let name =
                    name.strip_prefix("event: ").unwrap_or_else(|| panic!("no name in {text:?}"));
                let data =
                    data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data in {text:?}"));
                Self::Event(name.to_owned(), serde_json::from_str(data).expect("data is JSON"))
            }
            _ => panic!("not an event: {text:?}"),
        }
    }
}

/// The text that deltas have brought, joined.
pub fn text(events: &[(String, Value)]) -> String {
    events.iter().filter_map(|(_, data)| data["text"].as_str()).collect()
}
