//! A completion as events, in the native door's words: `start`, then `delta`s, then `done`, or
//! `error`.

use serde::Serialize;
use utoipa::ToSchema;

use super::parts::PartBody;
use super::response::{UsageBody, finish_reason, parts};
use crate::api::sse::Events;
use crate::api::stream::Renderer;
use crate::contract::{Completion, Event, Start};
use crate::http::problem::Problem;

/// The native door's renderer.
pub(super) struct ChatEvents {
    vendor: String,
}

impl ChatEvents {
    /// Makes the renderer for a completion of this vendor.
    pub(super) fn new(vendor: &str) -> Self {
        Self { vendor: vendor.to_owned() }
    }
}

impl Renderer for ChatEvents {
    fn start(&mut self, start: &Start, cached: bool, out: &mut Events) {
        out.push("start", &StartBody::new(start, &self.vendor, cached));
    }

    fn event(&mut self, event: &Event, out: &mut Events) {
        if let Some(delta) = DeltaBody::new(event) {
            out.push("delta", &delta);
        }
    }

    fn done(&mut self, completion: &Completion, out: &mut Events) {
        out.push("done", &DoneBody::new(completion));
    }

    fn error(&mut self, problem: &Problem, request_id: &str, out: &mut Events) {
        out.push("error", &problem.body(Some(request_id.to_owned())));
    }
}

/// The `start` event of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamStart)]
pub(crate) struct StartBody<'a> {
    /// The vendor's id of this completion.
    id: &'a str,
    /// The model that answers the request.
    model: &'a str,
    /// The vendor whose model answers.
    provider: &'a str,
    /// True if the completion came out of the cache.
    cached: bool,
}

/// A `delta` event of a stream: one of these.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StreamDelta)]
pub(crate) enum DeltaBody<'a> {
    /// More text of the completion.
    #[serde(rename = "text")]
    Text(&'a str),
    /// More of the thinking.
    #[serde(rename = "thinking")]
    Thinking(&'a str),
    /// More of a tool call, by the model.
    #[serde(rename = "toolUse")]
    ToolUse {
        /// The index of the part.
        index: u32,
        /// The call's id, in its first delta.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// The tool's name, in its first delta.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        /// The text to append to the JSON of the arguments.
        input: &'a str,
    },
}

/// The `done` event of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StreamDone)]
pub(crate) struct DoneBody<'a> {
    /// The reason why the model stopped.
    finish_reason: &'a str,
    /// The tokens that the request took.
    usage: UsageBody,
    /// The parts, if there are others than plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartBody>>,
}

impl<'a> StartBody<'a> {
    pub(crate) fn new(start: &'a Start, vendor: &'a str, cached: bool) -> Self {
        Self { id: &start.id, model: &start.model, provider: vendor, cached }
    }
}

impl<'a> DeltaBody<'a> {
    /// Returns what a caller sees of an event before the end, if anything.
    pub(crate) fn new(event: &'a Event) -> Option<Self> {
        match event {
            Event::Text(delta) if delta.text.is_empty() => None,
            Event::Text(delta) => Some(Self::Text(&delta.text)),
            Event::Thinking(delta) if delta.text.is_empty() => None,
            Event::Thinking(delta) => Some(Self::Thinking(&delta.text)),
            Event::ToolUse(delta) => Some(Self::ToolUse {
                index: delta.index,
                id: delta.id.as_deref(),
                name: delta.name.as_deref(),
                input: &delta.input,
            }),
            Event::Start(_)
            | Event::Part(_)
            | Event::Usage(_)
            | Event::Finish(_)
            | Event::Other(_) => None,
        }
    }
}

impl<'a> DoneBody<'a> {
    pub(crate) fn new(completion: &'a Completion) -> Self {
        Self {
            finish_reason: finish_reason(&completion.finish_reason),
            usage: UsageBody::new(&completion.usage),
            parts: parts(&completion.parts),
        }
    }
}
