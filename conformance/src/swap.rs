//! A cassette's answer with another text in it: the text is found in the vendor's JSON and replaced
//! there.

use serde_json::Value;

use super::answer::{Answer, Body, Event};
use super::exchange::Response;

/// The place of an answer's text in the vendor's response.
#[derive(Debug, Clone)]
pub(super) struct Swap {
    response: Response,
    /// The string of the vendor's JSON that is replaced.
    old: String,
    /// The pieces in which the caller gets the text; those that equal `old` change.
    pieces: Vec<String>,
}

impl Swap {
    /// Finds the text of this answer, given as it came, in the response that it was made of.
    /// Nothing if it isn't one string of the vendor's JSON.
    pub(super) fn find(response: &Response, answer: &Answer) -> Option<Self> {
        let pieces: Vec<String> = match &answer.body {
            Body::Json(_) => vec![answer.text()],
            Body::Events(events) => {
                events.iter().filter_map(Event::text).map(str::to_owned).collect()
            }
            Body::Strange(_) => return None,
        };
        let old = pieces
            .iter()
            .max_by_key(|piece| piece.len())
            .filter(|piece| !piece.is_empty())?
            .clone();
        let swap = Self { response: response.clone(), old, pieces };
        swap.place("").map(|_| swap.clone())
    }

    /// The response with this text instead, and the text that the caller has to get.
    pub(super) fn place(&self, text: &str) -> Option<(Response, String)> {
        let mut found = false;
        let response = self.response.map_json(|value| found |= replace(value, &self.old, text))?;
        let pieces = self.pieces.iter().map(|piece| if *piece == self.old { text } else { piece });
        found.then(|| (response, pieces.collect()))
    }
}

/// Replaces every string that equals `old`; says whether there was one.
fn replace(value: &mut Value, old: &str, new: &str) -> bool {
    match value {
        Value::String(text) if text == old => {
            new.clone_into(text);
            true
        }
        Value::Array(items) => {
            items.iter_mut().fold(false, |found, item| replace(item, old, new) | found)
        }
        Value::Object(fields) => {
            fields.values_mut().fold(false, |found, item| replace(item, old, new) | found)
        }
        _ => false,
    }
}

/// Returns true if a string of this JSON holds the text.
pub(super) fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(said) => said.contains(text),
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(fields) => fields.values().any(|item| holds(item, text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(kind: &str, body: &str) -> Response {
        Response::parse(format!("HTTP/1.1 200 OK\ncontent-type: {kind}\n\n{body}").as_bytes())
            .unwrap()
    }

    #[test]
    fn a_whole_answers_text_is_replaced() {
        let answer = Answer {
            status: 200,
            retry_after: None,
            body: Body::Json(json!({ "content": "Hi!" })),
        };
        let vendor = response("application/json", r#"{"c": [{"text": "Hi!"}], "n": "Hi"}"#);
        let (swapped, text) = Swap::find(&vendor, &answer).unwrap().place("é\u{1}").unwrap();
        assert_eq!(text, "é\u{1}");
        assert_eq!(
            serde_json::from_slice::<Value>(&swapped.body).unwrap(),
            json!({"c": [{"text": "é\u{1}"}], "n": "Hi"})
        );
        assert!(Swap::find(&response("application/json", r#"{"c": "H"}"#), &answer).is_none());
    }

    #[test]
    fn of_a_stream_the_longest_delta_is_replaced() {
        let delta = |text: &str| Event { name: "delta".into(), data: json!({ "text": text }) };
        let answer = Answer {
            status: 200,
            retry_after: None,
            body: Body::Events(vec![delta("a"), delta("bcd"), delta("e")]),
        };
        let vendor = response(
            "text/event-stream",
            "data: {\"t\":\"a\"}\n\ndata: {\"t\":\"bcd\"}\n\ndata: {\"t\":\"e\"}\n\n",
        );
        let (swapped, text) = Swap::find(&vendor, &answer).unwrap().place("X").unwrap();
        assert_eq!(text, "aXe");
        assert!(String::from_utf8(swapped.body).unwrap().contains("data: {\"t\":\"X\"}\n\n"));
    }
}
