//! A completion as Anthropic's stream of events.
//!
//! Of Anthropic's blocks only one is open at a time, and the contract has no event for a block's end.
//! So a block ends when another one begins. Arguments of a call that aren't whole yet keep their
//! block open: what other blocks say meanwhile is held back, because vendors mix the fragments of
//! several calls.

use std::collections::{BTreeSet, VecDeque};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{self, Frame};
use super::words;
use crate::api::door::{Failures, Speaks};
use crate::api::sse::Events;
use crate::api::stream::Renderer;
use crate::contract::{
    Completion, Event, Part, PartDelta, Start, TextDelta, ThinkingDelta, ToolUse, ToolUseDelta,
    Usage,
};
use crate::http::problem::Problem;
use crate::http::problem::dialect::Dialect;
use crate::plugin::CallError;

/// The event that keeps a silent stream alive.
const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// The renderer of the door.
pub(super) struct Blocks {
    frame: Frame,
    failures: Failures,
    open: Option<Open>,
    /// The number of blocks so far.
    next: u32,
    /// Events of other blocks than the open one, until that ends.
    held: VecDeque<Event>,
    /// Calls and whole blocks that have ended. Nothing more comes to them.
    ended: BTreeSet<u32>,
}

/// The block that is open.
struct Open {
    /// The contract's index of it.
    source: u32,
    /// Its number among the blocks that are told.
    number: u32,
    kind: Kind,
}

enum Kind {
    Text,
    Thinking {
        /// True if its signature was told.
        signed: bool,
    },
    /// The call, its arguments as far as they came.
    Call {
        call: ToolUse,
        /// True once its start was told: it waits for the next event, which may tell what the vendor
        /// keeps with the call.
        started: bool,
    },
}

impl Blocks {
    pub(super) fn new(frame: Frame, failures: Failures) -> Self {
        Self { frame, failures, open: None, next: 0, held: VecDeque::new(), ended: BTreeSet::new() }
    }

    /// Takes an event, or holds it back.
    fn take(&mut self, event: Event, out: &mut Events) {
        let source = match &event {
            Event::Text(delta) => delta.index,
            Event::Thinking(delta) => delta.index,
            Event::ToolUse(delta) => delta.index,
            Event::Part(delta) => delta.index,
            Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => return,
        };
        if self.ended.contains(&source) {
            return;
        }
        let fits = match (&self.open, &event) {
            (None, _) => false,
            (Some(open), Event::Part(_)) => open.source == source,
            (Some(open), event) => {
                let same_kind = matches!(
                    (&open.kind, event),
                    (Kind::Text, Event::Text(_))
                        | (Kind::Thinking { .. }, Event::Thinking(_))
                        | (Kind::Call { .. }, Event::ToolUse(_))
                );
                open.source == source && same_kind
            }
        };
        if !fits && self.open.as_ref().is_some_and(|open| !open.may_end()) {
            self.held.push_back(event);
            return;
        }
        if !fits {
            self.close(out);
        }
        match event {
            Event::Text(delta) => self.text(&delta, out),
            Event::Thinking(delta) => self.thinking(&delta, out),
            Event::ToolUse(delta) => self.tool_use(&delta, out),
            Event::Part(delta) => self.part(&delta, out),
            Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => {}
        }
        if !self.held.is_empty() && self.open.as_ref().is_none_or(Open::may_end) {
            self.close(out);
            for event in std::mem::take(&mut self.held) {
                self.take(event, out);
            }
        }
    }

    fn text(&mut self, delta: &TextDelta, out: &mut Events) {
        if delta.text.is_empty() {
            return;
        }
        let number = self.opened(delta.index, Kind::Text, out);
        let text = json!({ "type": "text_delta", "text": delta.text });
        push_delta(number, &text, out);
    }

    fn thinking(&mut self, delta: &ThinkingDelta, out: &mut Events) {
        let number = self.opened(delta.index, Kind::Thinking { signed: false }, out);
        if !delta.text.is_empty() {
            let thinking = json!({ "type": "thinking_delta", "thinking": delta.text });
            push_delta(number, &thinking, out);
        }
        if let Some(signature) = &delta.signature {
            self.sign(number, signature, out);
        }
    }

    fn sign(&mut self, number: u32, signature: &str, out: &mut Events) {
        if let Some(Open { kind: Kind::Thinking { signed }, .. }) = &mut self.open
            && !std::mem::replace(signed, true)
        {
            push_delta(number, &json!({ "type": "signature_delta", "signature": signature }), out);
        }
    }

    fn tool_use(&mut self, delta: &ToolUseDelta, out: &mut Events) {
        let call = ToolUse {
            id: delta.id.clone().unwrap_or_default(),
            name: delta.name.clone().unwrap_or_default(),
            input: String::new(),
            extra: None,
        };
        let begins = self.open.is_none();
        let number = self.opened(delta.index, Kind::Call { call, started: false }, out);
        if !begins {
            self.start_call(None, out);
        }
        let Some(Open { kind: Kind::Call { call, .. }, .. }) = &mut self.open else { return };
        call.input.push_str(&delta.input);
        if !begins {
            push_input(number, &delta.input, out);
        }
    }

    /// Tells the start of the open call, and the arguments that came with it.
    fn start_call(&mut self, extra: Option<String>, out: &mut Events) {
        let Some(Open { number, kind: Kind::Call { call, started }, .. }) = &mut self.open else {
            return;
        };
        if std::mem::replace(started, true) {
            return;
        }
        call.extra = extra;
        push_start(*number, &answer::tool_use(call, "{}"), out);
        push_input(*number, &call.input, out);
    }

    /// A block in whole replaces what was told of it: only what wasn't told yet is new.
    fn part(&mut self, delta: &PartDelta, out: &mut Events) {
        let begins = self.open.is_none();
        match &delta.part {
            Part::Text(text) if begins => {
                self.text(&TextDelta { index: delta.index, text: text.text.clone() }, out);
            }
            Part::Thinking(thinking) => {
                let text = if begins { thinking.text.clone() } else { String::new() };
                let signature = thinking.signature.clone();
                self.thinking(&ThinkingDelta { index: delta.index, text, signature }, out);
            }
            Part::ToolUse(call) => {
                if begins {
                    self.opened(
                        delta.index,
                        Kind::Call { call: call.clone(), started: false },
                        out,
                    );
                }
                self.start_call(call.extra.clone(), out);
            }
            Part::Text(_) | Part::Image(_) | Part::ToolResult(_) | Part::Other(_) => {
                let block = answer::block(&delta.part, self.frame.speaks).filter(|_| begins);
                if let Some(block) = block {
                    let number = self.number();
                    push_start(number, &block, out);
                    push_stop(number, out);
                    self.ended.insert(delta.index);
                }
                return;
            }
        }
        self.close(out);
        self.ended.insert(delta.index);
    }

    /// Returns the number of the block that is open, and opens one first if none is.
    fn opened(&mut self, source: u32, kind: Kind, out: &mut Events) -> u32 {
        if let Some(open) = &self.open {
            return open.number;
        }
        let number = self.number();
        match &kind {
            Kind::Text => push_start(number, r#"{"type":"text","text":""}"#, out),
            Kind::Thinking { .. } => {
                push_start(number, r#"{"type":"thinking","thinking":"","signature":""}"#, out);
            }
            Kind::Call { .. } => {}
        }
        self.open = Some(Open { source, number, kind });
        number
    }

    fn number(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    fn close(&mut self, out: &mut Events) {
        self.start_call(None, out);
        if let Some(open) = self.open.take() {
            push_stop(open.number, out);
            if matches!(open.kind, Kind::Call { .. }) {
                self.ended.insert(open.source);
            }
        }
    }
}

impl Open {
    /// Returns true if another block may begin: text and thoughts can go on in a block of their own,
    /// arguments can't.
    fn may_end(&self) -> bool {
        match &self.kind {
            Kind::Text | Kind::Thinking { .. } => true,
            Kind::Call { call, .. } => serde_json::from_str::<&RawValue>(&call.input).is_ok(),
        }
    }
}

impl Renderer for Blocks {
    fn start(&mut self, start: &Start, _: bool, out: &mut Events) {
        let message = json!({
            "id": self.frame.id(&start.id),
            "type": "message",
            "role": "assistant",
            "model": self.frame.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            // Nothing is known yet; the last event tells all.
            "usage": words::usage(&Usage::default(), Speaks::Other),
        });
        push(&json!({ "type": "message_start", "message": message }), out);
    }

    fn event(&mut self, event: &Event, out: &mut Events) {
        self.take(event.clone(), out);
    }

    fn done(&mut self, completion: &Completion, out: &mut Events) {
        self.close(out);
        while !self.held.is_empty() {
            for event in std::mem::take(&mut self.held) {
                self.take(event, out);
            }
            self.close(out);
        }
        let stop_reason = words::stop_reason(&completion.finish_reason, &completion.parts);
        let delta = json!({
            "stop_reason": stop_reason,
            "stop_sequence": words::stop_sequence(completion),
        });
        let usage = words::usage(&completion.usage, self.frame.speaks);
        push(&json!({ "type": "message_delta", "delta": delta, "usage": usage }), out);
        push(&json!({ "type": "message_stop" }), out);
    }

    fn error(&mut self, problem: &Problem, request_id: &str, out: &mut Events) {
        out.push("error", &Dialect::Anthropic.body(problem, request_id));
    }

    fn heartbeat(&self) -> &'static [u8] {
        PING
    }

    fn failure(&self, error: &CallError) -> Problem {
        self.failures.problem(error)
    }
}

/// Adds an event, whose name is its type.
fn push(event: &Value, out: &mut Events) {
    out.push(event["type"].as_str().unwrap_or_default(), event);
}

fn push_start(number: u32, block: &str, out: &mut Events) {
    #[derive(serde::Serialize)]
    struct BlockStart<'a> {
        r#type: &'static str,
        index: u32,
        content_block: Option<&'a RawValue>,
    }
    // It is JSON: it was put together from JSON.
    let content_block = serde_json::from_str(block).ok();
    let event = BlockStart { r#type: "content_block_start", index: number, content_block };
    out.push("content_block_start", &event);
}

fn push_delta(number: u32, delta: &Value, out: &mut Events) {
    push(&json!({ "type": "content_block_delta", "index": number, "delta": delta }), out);
}

fn push_input(number: u32, partial_json: &str, out: &mut Events) {
    if !partial_json.is_empty() {
        let delta = json!({ "type": "input_json_delta", "partial_json": partial_json });
        push_delta(number, &delta, out);
    }
}

fn push_stop(number: u32, out: &mut Events) {
    push(&json!({ "type": "content_block_stop", "index": number }), out);
}
