//! An answer of the service as a REST user sees it, and as it stands in `answer.json`.

use serde_json::{Map, Value, json};

/// Fields that differ from call to call, or say nothing of the plugin.
const LEFT_OUT: [&str; 4] = ["requestId", "cached", "type", "title"];

/// The response to a question.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The header `retry-after`, in seconds.
    pub(super) retry_after: Option<u64>,
    /// The body.
    pub(super) body: Body,
}

/// An answer's body.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// JSON: a whole answer or a problem.
    Json(Value),
    /// The events of a stream.
    Events(Vec<Event>),
    /// Something that the service's API doesn't know, and why it isn't one of the others.
    Strange(String),
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Such as `delta`.
    pub(super) name: String,
    /// Its data.
    pub(super) data: Value,
}

impl Answer {
    /// As `answer.json` has it: what differs from call to call left out, neighbouring deltas
    /// joined.
    pub(super) fn to_value(&self) -> Value {
        match &self.body {
            Body::Json(value) => {
                let mut value = value.clone();
                if let (Some(seconds), Some(fields)) = (self.retry_after, value.as_object_mut()) {
                    fields.insert("retryAfter".to_owned(), json!(seconds));
                }
                settled(value)
            }
            Body::Events(events) => {
                let events: Vec<Value> = events
                    .iter()
                    .map(|event| json!({ "event": event.name, "data": event.data }))
                    .collect();
                settled(json!({ "events": events }))
            }
            Body::Strange(why) => json!({ "strange": why }),
        }
    }

    /// The failure this answer is or ends in: its code and its detail.
    pub(super) fn problem(&self) -> Option<(&str, &str)> {
        let problem = match &self.body {
            Body::Json(value) if self.status >= 400 => value,
            Body::Events(events) => &events.last().filter(|event| event.name == "error")?.data,
            _ => return None,
        };
        Some((problem.get("code")?.as_str()?, problem.get("detail")?.as_str()?))
    }

    /// Returns true if it is whole: a 200 that is JSON, or a stream that ends in `done`.
    pub(super) fn is_done(&self) -> bool {
        match &self.body {
            Body::Json(_) => self.status == 200,
            Body::Events(events) => events.last().is_some_and(|event| event.name == "done"),
            Body::Strange(_) => false,
        }
    }

    /// Its text: the content, or the text deltas joined.
    pub(super) fn text(&self) -> String {
        match &self.body {
            Body::Json(value) => {
                value.get("content").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            Body::Events(events) => events.iter().filter_map(Event::text).collect(),
            Body::Strange(_) => String::new(),
        }
    }

    /// In a line, for a report.
    pub(super) fn brief(&self) -> String {
        let said = match (&self.body, self.problem()) {
            (_, Some((code, detail))) => format!("{code}: {detail}"),
            (Body::Strange(why), None) => why.clone(),
            (Body::Json(value), None) => value.to_string(),
            (Body::Events(events), None) => {
                let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
                format!("events {}", names.join(", "))
            }
        };
        super::compare::cut(format!("status {}, {said}", self.status))
    }
}

impl Event {
    /// The text of a text delta.
    pub(super) fn text(&self) -> Option<&str> {
        self.data.get("text").and_then(Value::as_str).filter(|_| self.name == "delta")
    }
}

/// An answer in the form in which two can be compared; the author's goes through it too.
pub(super) fn settled(mut answer: Value) -> Value {
    if let Some(fields) = answer.as_object_mut() {
        leave_out(fields);
    }
    if let Some(events) = answer.get_mut("events").and_then(Value::as_array_mut) {
        for event in events.iter_mut() {
            if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
                leave_out(data);
            }
        }
        let single = std::mem::take(events);
        for event in single {
            if !events.last_mut().is_some_and(|last| join(last, &event)) {
                events.push(event);
            }
        }
    }
    answer
}

fn leave_out(fields: &mut Map<String, Value>) {
    fields.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
}

/// Adds a delta to the one before it, if both are of the same block.
fn join(last: &mut Value, next: &Value) -> bool {
    let is_delta = |event: &Value| event.get("event").is_some_and(|name| name == "delta");
    if !is_delta(last) || !is_delta(next) {
        return false;
    }
    let (Some(last), Some(next)) = (last.get_mut("data"), next.get("data")) else { return false };
    for kind in ["text", "thinking"] {
        if append(last.get_mut(kind), next.get(kind)) {
            return true;
        }
    }
    let (Some(last), Some(next)) = (last.get_mut("toolUse"), next.get("toolUse")) else {
        return false;
    };
    let same = last.get("index") == next.get("index") && next.get("id").is_none();
    same && append(last.get_mut("input"), next.get("input"))
}

fn append(last: Option<&mut Value>, next: Option<&Value>) -> bool {
    match (last, next) {
        (Some(Value::String(text)), Some(Value::String(more))) => {
            text.push_str(more);
            true
        }
        _ => false,
    }
}

/// Reads the text of an event stream that the service wrote: strictly, because it is ours.
pub(super) fn events(text: &str) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for block in text.split_inclusive("\n\n") {
        let lines: Vec<&str> = block.trim_end_matches('\n').split('\n').collect();
        let event = match lines.as_slice() {
            [comment] if comment.starts_with(':') && block.ends_with("\n\n") => continue,
            [name, data] if block.ends_with("\n\n") => {
                name.strip_prefix("event: ").zip(data.strip_prefix("data: "))
            }
            _ => None,
        };
        let Some((name, data)) = event else { return Err(format!("not an event: {block:?}")) };
        let data = serde_json::from_str(data)
            .map_err(|error| format!("data isn't JSON ({error}): {data}"))?;
        events.push(Event { name: name.to_owned(), data });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(data: Value) -> Value {
        json!({ "event": "delta", "data": data })
    }

    #[test]
    fn neighbouring_deltas_of_a_block_are_one() {
        let answer = settled(json!({ "events": [
            { "event": "start", "data": { "id": "1", "cached": false } },
            delta(json!({ "thinking": "h" })), delta(json!({ "thinking": "m" })),
            delta(json!({ "text": "a" })), delta(json!({ "text": "b" })),
            delta(json!({ "toolUse": { "index": 1, "id": "t", "name": "n", "input": "" } })),
            delta(json!({ "toolUse": { "index": 1, "input": "{" } })),
            delta(json!({ "toolUse": { "index": 1, "input": "}" } })),
            delta(json!({ "toolUse": { "index": 2, "id": "u", "name": "n", "input": "{}" } })),
            { "event": "done", "data": {} },
        ] }));
        assert_eq!(
            answer,
            json!({ "events": [
                { "event": "start", "data": { "id": "1" } },
                delta(json!({ "thinking": "hm" })),
                delta(json!({ "text": "ab" })),
                delta(json!({ "toolUse": { "index": 1, "id": "t", "name": "n", "input": "{}" } })),
                delta(json!({ "toolUse": { "index": 2, "id": "u", "name": "n", "input": "{}" } })),
                { "event": "done", "data": {} },
            ] })
        );
        assert_eq!(settled(answer.clone()), answer);
    }

    #[test]
    fn what_differs_from_call_to_call_is_left_out() {
        let problem = json!({ "type": "about:blank", "title": "T", "status": 429, "code": "c", "requestId": "r" });
        let answer = Answer { status: 429, retry_after: Some(7), body: Body::Json(problem) };
        assert_eq!(answer.to_value(), json!({ "status": 429, "code": "c", "retryAfter": 7 }));
    }

    #[test]
    fn a_stream_is_read_as_the_service_writes_it() {
        let read = events(": ping\n\nevent: start\ndata: {\"a\":1}\n\n").unwrap();
        assert_eq!(read, [Event { name: "start".into(), data: json!({ "a": 1 }) }]);
        for broken in [
            "event: start\ndata: {\n\n",
            "event: start\n\n",
            "event: a\ndata: {}\n",
            "data: {}\n\n",
        ] {
            assert!(events(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_stream_that_fails_has_its_error_as_problem() {
        let event = |name: &str, data: Value| Event { name: name.into(), data };
        let error = event("error", json!({ "code": "provider-failed", "detail": "gone" }));
        let answer = |events| Answer { status: 200, retry_after: None, body: Body::Events(events) };
        let failed = answer(vec![event("start", json!({})), error]);
        assert_eq!(failed.problem(), Some(("provider-failed", "gone")));
        assert!(!failed.is_done());
        let done = answer(vec![event("delta", json!({ "text": "a" })), event("done", json!({}))]);
        assert!(done.is_done() && done.problem().is_none());
        assert_eq!(done.text(), "a");
    }
}
