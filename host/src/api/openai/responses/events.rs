//! A completion as the stream of events of the Responses API. Items may be open side by side: each
//! event names its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::output::{self, Frame, Status};
use crate::api::door::Failures;
use crate::api::sse::Events;
use crate::api::stream::Renderer;
use crate::contract::{Completion, Event, Part, Start, ToolUse};
use crate::http::problem::Problem;
use crate::http::problem::dialect::Dialect;
use crate::plugin::CallError;

/// The renderer of the route.
pub(super) struct ResponseEvents {
    frame: Frame,
    failures: Failures,
    sequence: u64,
    items: Vec<Item>,
    /// The place of each block's item.
    places: BTreeMap<u32, usize>,
}

/// An item as far as it was told.
struct Item {
    id: String,
    kind: Kind,
    closed: bool,
}

enum Kind {
    Message(String),
    Call(ToolUse),
    Reasoning { text: String, proof: Option<String> },
}

impl Item {
    /// Returns the whole item.
    fn whole(&self) -> Value {
        match &self.kind {
            Kind::Message(text) => output::message(&self.id, text),
            Kind::Call(call) => {
                output::function_call(&self.id, &call.id, &call.name, arguments(call))
            }
            Kind::Reasoning { text, proof } => output::reasoning(&self.id, text, proof.as_deref()),
        }
    }

    /// Returns the item as it begins.
    fn empty(&self) -> Value {
        let mut item = match &self.kind {
            Kind::Message(_) => {
                let mut item = output::message(&self.id, "");
                item["content"] = json!([]);
                item
            }
            Kind::Call(call) => output::function_call(&self.id, &call.id, &call.name, ""),
            Kind::Reasoning { .. } => return output::reasoning(&self.id, "", None),
        };
        item["status"] = "in_progress".into();
        item
    }
}

/// Every tool loop parses the arguments; no text at all isn't JSON.
fn arguments(call: &ToolUse) -> &str {
    if call.input.trim().is_empty() { "{}" } else { &call.input }
}

impl ResponseEvents {
    pub(super) fn new(frame: Frame, failures: Failures) -> Self {
        Self { frame, failures, sequence: 0, items: Vec::new(), places: BTreeMap::new() }
    }

    /// Adds an event, which has a number and is named by its type.
    fn push(&mut self, kind: &str, mut event: Value, out: &mut Events) {
        event["type"] = kind.into();
        event["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        out.push(kind, &event);
    }

    /// Adds an event of an item.
    fn push_of(&mut self, place: usize, kind: &str, mut event: Value, out: &mut Events) {
        let Some(item) = self.items.get(place) else { return };
        event["item_id"] = item.id.clone().into();
        event["output_index"] = place.into();
        self.push(kind, event, out);
    }

    /// Returns the place of a block's item. It is made if there is none, and the items of text and
    /// thoughts before it end.
    fn place(&mut self, index: u32, kind: impl FnOnce() -> Kind, out: &mut Events) -> usize {
        if let Some(place) = self.places.get(&index) {
            return *place;
        }
        for place in 0..self.items.len() {
            if self.items.get(place).is_some_and(|item| !matches!(item.kind, Kind::Call(_))) {
                self.close(place, out);
            }
        }
        let (place, kind) = (self.items.len(), kind());
        let name = match kind {
            Kind::Message(_) => "msg",
            Kind::Call(_) => "fc",
            Kind::Reasoning { .. } => "rs",
        };
        let item = Item { id: self.frame.item_id(name, place), kind, closed: false };
        let added = item.empty();
        self.places.insert(index, place);
        self.items.push(item);
        self.push(
            "response.output_item.added",
            json!({ "output_index": place, "item": added }),
            out,
        );
        match name {
            "msg" => {
                let part = output::text_part("");
                let event = json!({ "content_index": 0, "part": part });
                self.push_of(place, "response.content_part.added", event, out);
            }
            "rs" => {
                let event = json!({ "summary_index": 0, "part": output::summary("") });
                self.push_of(place, "response.reasoning_summary_part.added", event, out);
            }
            _ => {}
        }
        place
    }

    /// Ends an item, if it is open.
    fn close(&mut self, place: usize, out: &mut Events) {
        let Some(item) = self.items.get_mut(place).filter(|item| !item.closed) else { return };
        item.closed = true;
        let whole = item.whole();
        match &item.kind {
            Kind::Message(text) => {
                let text = text.clone();
                let event = json!({ "content_index": 0, "text": text, "logprobs": [] });
                self.push_of(place, "response.output_text.done", event, out);
                let event = json!({ "content_index": 0, "part": output::text_part(&text) });
                self.push_of(place, "response.content_part.done", event, out);
            }
            Kind::Call(call) => {
                let event = json!({ "name": call.name, "arguments": arguments(call) });
                self.push_of(place, "response.function_call_arguments.done", event, out);
            }
            Kind::Reasoning { text, .. } => {
                let text = text.clone();
                let event = json!({ "summary_index": 0, "text": text });
                self.push_of(place, "response.reasoning_summary_text.done", event, out);
                let event = json!({ "summary_index": 0, "part": output::summary(&text) });
                self.push_of(place, "response.reasoning_summary_part.done", event, out);
            }
        }
        let event = json!({ "output_index": place, "item": whole });
        self.push("response.output_item.done", event, out);
    }

    fn text(&mut self, index: u32, more: &str, out: &mut Events) {
        let place = self.place(index, || Kind::Message(String::new()), out);
        if let Some(Item { kind: Kind::Message(text), closed: false, .. }) =
            self.items.get_mut(place)
        {
            text.push_str(more);
            let event = json!({ "content_index": 0, "delta": more, "logprobs": [] });
            self.push_of(place, "response.output_text.delta", event, out);
        }
    }

    fn thinking(&mut self, index: u32, more: &str, proof: Option<&String>, out: &mut Events) {
        let new = || Kind::Reasoning { text: String::new(), proof: None };
        let place = self.place(index, new, out);
        if let Some(Item { kind: Kind::Reasoning { text, proof: known }, closed: false, .. }) =
            self.items.get_mut(place)
        {
            text.push_str(more);
            if proof.is_some() {
                *known = proof.cloned();
            }
            if !more.is_empty() {
                let event = json!({ "summary_index": 0, "delta": more });
                self.push_of(place, "response.reasoning_summary_text.delta", event, out);
            }
        }
    }

    fn call(&mut self, index: u32, call: &ToolUse, out: &mut Events) {
        let new = || Kind::Call(ToolUse { input: String::new(), ..call.clone() });
        let place = self.place(index, new, out);
        if let Some(Item { kind: Kind::Call(known), closed: false, .. }) = self.items.get_mut(place)
            && !call.input.is_empty()
        {
            known.input.push_str(&call.input);
            let event = json!({ "delta": call.input });
            self.push_of(place, "response.function_call_arguments.delta", event, out);
        }
    }

    /// A block in whole replaces what was told of it: only what wasn't told yet is new.
    fn part(&mut self, index: u32, part: &Part, out: &mut Events) {
        let told = self.places.contains_key(&index);
        match part {
            Part::Text(text) if !told => self.text(index, &text.text, out),
            Part::Thinking(thinking) => {
                let text = if told { "" } else { thinking.text.as_str() };
                self.thinking(index, text, thinking.signature.as_ref(), out);
            }
            Part::ToolUse(call) if !told => self.call(index, call, out),
            Part::Other(_) if !told => {
                if let Some(data) = output::redacted(part) {
                    self.thinking(index, "", Some(&data), out);
                }
            }
            Part::Text(_)
            | Part::ToolUse(_)
            | Part::Other(_)
            | Part::Image(_)
            | Part::ToolResult(_) => {}
        }
    }

    fn output(&self) -> Vec<Value> {
        self.items.iter().map(Item::whole).collect()
    }
}

impl Renderer for ResponseEvents {
    fn start(&mut self, _: &Start, _: bool, out: &mut Events) {
        for kind in ["response.created", "response.in_progress"] {
            let response = self.frame.response(&Status::InProgress, vec![]);
            self.push(kind, json!({ "response": response }), out);
        }
    }

    fn event(&mut self, event: &Event, out: &mut Events) {
        match event {
            Event::Text(delta) if delta.text.is_empty() => {}
            Event::Text(delta) => self.text(delta.index, &delta.text, out),
            Event::Thinking(delta) => {
                self.thinking(delta.index, &delta.text, delta.signature.as_ref(), out);
            }
            Event::ToolUse(delta) => {
                let call = ToolUse {
                    id: delta.id.clone().unwrap_or_default(),
                    name: delta.name.clone().unwrap_or_default(),
                    input: delta.input.clone(),
                    extra: None,
                };
                self.call(delta.index, &call, out);
            }
            Event::Part(delta) => self.part(delta.index, &delta.part, out),
            Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => {}
        }
    }

    fn done(&mut self, completion: &Completion, out: &mut Events) {
        for place in 0..self.items.len() {
            self.close(place, out);
        }
        let response = self.frame.response(&Status::Ended(completion), self.output());
        let kind = match output::cut_off(&completion.finish_reason) {
            Some(_) => "response.incomplete",
            None => "response.completed",
        };
        self.push(kind, json!({ "response": response }), out);
    }

    fn error(&mut self, problem: &Problem, request_id: &str, out: &mut Events) {
        let mut body = Dialect::OpenAi.body(problem, request_id);
        let error = body["error"].take();
        let mut event = error.clone();
        if let Some(fields) = event.as_object_mut() {
            fields.remove("type");
        }
        self.push("error", event, out);
        let response = self.frame.response(&Status::Failed(error), self.output());
        self.push("response.failed", json!({ "response": response }), out);
    }

    fn failure(&self, error: &CallError) -> Problem {
        self.failures.problem(error)
    }
}
