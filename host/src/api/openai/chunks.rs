//! A completion as OpenAI's stream of `chat.completion.chunk`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::{Call, Detail, Frame, Function};
use super::signature;
use super::words::{UsageBody, finish_reason};
use crate::api::door::Failures;
use crate::api::sse::Events;
use crate::api::stream::Renderer;
use crate::contract::{Completion, Event, Part, Start, ToolUseDelta};
use crate::http::problem::Problem;
use crate::http::problem::dialect::Dialect;
use crate::plugin::CallError;

/// The mark of the end.
const DONE: &str = "[DONE]";

/// The renderer of the door.
pub(super) struct Chunks {
    frame: Frame,
    id: String,
    include_usage: bool,
    failures: Failures,
    /// The calls that were told, by the index of their block: clients count calls, not blocks.
    calls: BTreeMap<u32, ToldCall>,
    /// Blocks of other kinds that were told, and what was told of them.
    blocks: BTreeMap<u32, Told>,
    /// The number of thoughts.
    thoughts: u32,
}

struct ToldCall {
    number: u32,
    /// True if any of the arguments were told.
    arguments: bool,
}

#[derive(Default)]
struct Told {
    /// The number of the thought, if it is one.
    thought: u32,
    signature: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageBody>>,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[Detail; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call; 1]>,
}

impl Chunks {
    pub(super) fn new(frame: Frame, include_usage: bool, failures: Failures) -> Self {
        let id = frame.id.clone();
        let (calls, blocks) = (BTreeMap::new(), BTreeMap::new());
        Self { frame, id, include_usage, failures, calls, blocks, thoughts: 0 }
    }

    fn push(&self, delta: Delta, finish_reason: Option<&'static str>, out: &mut Events) {
        let choice = Choice { index: 0, delta, logprobs: None, finish_reason };
        // All chunks but the last say that the counts are still to come.
        self.push_chunk(vec![choice], self.include_usage.then_some(None), out);
    }

    fn push_chunk(&self, choices: Vec<Choice>, usage: Option<Option<UsageBody>>, out: &mut Events) {
        out.push_data(&Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.frame.created,
            model: &self.frame.model,
            choices,
            usage,
        });
    }

    fn thought(&mut self, index: u32, text: &str, signature: Option<&String>, out: &mut Events) {
        let thoughts = &mut self.thoughts;
        let told = self.blocks.entry(index).or_insert_with(|| {
            let thought = *thoughts;
            *thoughts += 1;
            Told { thought, signature: false }
        });
        told.signature |= signature.is_some();
        let text = (!text.is_empty()).then(|| text.to_owned());
        if text.is_none() && signature.is_none() {
            return;
        }
        let detail = Detail::text(text.clone(), signature.cloned(), &self.frame, told.thought);
        let delta = Delta {
            reasoning_content: text,
            reasoning_details: Some([detail]),
            ..Delta::default()
        };
        self.push(delta, None, out);
    }

    fn tool_use(&mut self, delta: &ToolUseDelta, out: &mut Events) {
        let next = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let begins = !self.calls.contains_key(&delta.index);
        let told = self.calls.entry(delta.index);
        let told = told.or_insert(ToldCall { number: next, arguments: false });
        told.arguments |= !delta.input.is_empty();
        let arguments = delta.input.clone();
        // Clients put fragments together: what comes twice is in it twice.
        let call = if begins {
            Call {
                index: Some(told.number),
                id: Some(delta.id.clone().unwrap_or_default()),
                kind: Some("function"),
                function: Function {
                    name: Some(delta.name.clone().unwrap_or_default()),
                    arguments,
                },
                extra_content: None,
            }
        } else if arguments.is_empty() {
            return;
        } else {
            let function = Function { name: None, arguments };
            Call { index: Some(told.number), function, ..Call::default() }
        };
        self.push(Delta { tool_calls: Some([call]), ..Delta::default() }, None, out);
    }

    /// A block in whole replaces what was told of it: only what wasn't told yet is new.
    fn part(&mut self, index: u32, part: &Part, out: &mut Events) {
        let told = self.blocks.contains_key(&index);
        match part {
            Part::Text(text) if !told => {
                self.blocks.insert(index, Told::default());
                self.push(
                    Delta { content: Some(text.text.clone()), ..Delta::default() },
                    None,
                    out,
                );
            }
            Part::Thinking(thinking) => {
                let signed = self.blocks.get(&index).is_some_and(|told| told.signature);
                let text = if told { "" } else { thinking.text.as_str() };
                self.thought(index, text, thinking.signature.as_ref().filter(|_| !signed), out);
            }
            Part::ToolUse(call) => match self.calls.get(&index) {
                None => {
                    let number = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
                    self.calls.insert(index, ToldCall { number, arguments: true });
                    let call = Call::whole(call, Some(number));
                    self.push(Delta { tool_calls: Some([call]), ..Delta::default() }, None, out);
                }
                Some(told) => {
                    let Some(extra) = signature::write(call.extra.as_deref()) else { return };
                    let call = Call {
                        index: Some(told.number),
                        extra_content: Some(extra),
                        ..Call::default()
                    };
                    self.push(Delta { tool_calls: Some([call]), ..Delta::default() }, None, out);
                }
            },
            Part::Other(_) => {
                if let Some(detail) = Detail::redacted(part, &self.frame, self.thoughts) {
                    self.thoughts += 1;
                    let delta = Delta { reasoning_details: Some([detail]), ..Delta::default() };
                    self.push(delta, None, out);
                }
            }
            Part::Text(_) | Part::Image(_) | Part::ToolResult(_) => {}
        }
    }
}

impl Renderer for Chunks {
    fn start(&mut self, start: &Start, _: bool, out: &mut Events) {
        self.id = self.frame.id(&start.id);
        let delta =
            Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        self.push(delta, None, out);
    }

    fn event(&mut self, event: &Event, out: &mut Events) {
        match event {
            Event::Text(delta) => {
                self.blocks.entry(delta.index).or_default();
                if !delta.text.is_empty() {
                    let content = Some(delta.text.clone());
                    self.push(Delta { content, ..Delta::default() }, None, out);
                }
            }
            Event::Thinking(delta) => {
                self.thought(delta.index, &delta.text, delta.signature.as_ref(), out);
            }
            Event::ToolUse(delta) => self.tool_use(delta, out),
            Event::Part(delta) => self.part(delta.index, &delta.part, out),
            Event::Start(_) | Event::Usage(_) | Event::Finish(_) | Event::Other(_) => {}
        }
    }

    fn done(&mut self, completion: &Completion, out: &mut Events) {
        let word = finish_reason(&completion.finish_reason, &completion.parts);
        if word == "tool_calls" {
            // Every tool loop parses the arguments; no text at all isn't JSON.
            let empty: Vec<u32> = self
                .calls
                .values()
                .filter(|told| !told.arguments)
                .map(|told| told.number)
                .collect();
            for number in empty {
                let function = Function { name: None, arguments: "{}".into() };
                let call = Call { index: Some(number), function, ..Call::default() };
                self.push(Delta { tool_calls: Some([call]), ..Delta::default() }, None, out);
            }
        }
        self.push(Delta::default(), Some(word), out);
        if self.include_usage {
            let usage = Some(Some(UsageBody::new(&completion.usage)));
            self.push_chunk(Vec::new(), usage, out);
        }
        out.push_word(DONE);
    }

    fn error(&mut self, problem: &Problem, request_id: &str, out: &mut Events) {
        out.push_data(&Dialect::OpenAi.body(problem, request_id));
    }

    fn failure(&self, error: &CallError) -> Problem {
        self.failures.problem(error)
    }
}
