//! An answer as JSON, whole or as events, in the original service's names.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::parts::PartBody;
use crate::contract::{Completion, Event, FinishReason, Part, Start, Usage};

/// Room for what is around the text of an answer.
const ANSWER_ROOM: usize = 512;

/// A whole answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatResponse)]
pub(crate) struct ChatAnswer<'a> {
    /// The vendor's id of this answer.
    pub(crate) id: &'a str,
    /// The text blocks, joined with nothing between.
    #[schema(value_type = String)]
    pub(crate) content: Cow<'a, str>,
    /// The model that answered.
    pub(crate) model: &'a str,
    /// What it cost.
    pub(crate) usage: UsageBody,
    /// Why the model stopped.
    #[schema(example = "end_turn")]
    pub(crate) finish_reason: &'a str,
    /// The vendor whose model answered.
    #[schema(example = "anthropic")]
    pub(crate) provider: &'a str,
    /// Whether it is an answer of before.
    pub(crate) cached: bool,
    /// The blocks, when there is more to them than text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<Vec<PartBody>>,
}

/// Tokens, as the vendor counted them; 0 where it didn't say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    /// Of the question, cached ones included.
    pub(crate) input_tokens: u32,
    /// Of the answer, thinking included.
    pub(crate) output_tokens: u32,
    /// Both together.
    pub(crate) total_tokens: u64,
    /// Of the question, those read from the vendor's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_read_tokens: Option<u32>,
    /// Of the question, those written to the vendor's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_write_tokens: Option<u32>,
    /// Of the answer, those that were thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_tokens: Option<u32>,
}

/// The `start` event of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamStart)]
pub(crate) struct StartBody<'a> {
    /// The vendor's id of this answer.
    id: &'a str,
    /// The model that answers.
    model: &'a str,
    /// The vendor.
    provider: &'a str,
    /// Whether it is an answer of before.
    cached: bool,
}

/// A `delta` event of a stream: one of these.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StreamDelta)]
pub(crate) enum DeltaBody<'a> {
    /// More text.
    #[serde(rename = "text")]
    Text(&'a str),
    /// More thoughts.
    #[serde(rename = "thinking")]
    Thinking(&'a str),
    /// More of a tool call.
    #[serde(rename = "toolUse")]
    ToolUse {
        /// Which block.
        index: u32,
        /// The call's id, in its first delta.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        /// The tool's name, in its first delta.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        /// What to append to the arguments' JSON text.
        input: &'a str,
    },
}

/// The `done` event of a stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StreamDone)]
pub(crate) struct DoneBody<'a> {
    /// Why the model stopped.
    finish_reason: &'a str,
    /// What it cost.
    usage: UsageBody,
    /// The blocks, when there is more to them than text.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartBody>>,
}

impl<'a> ChatAnswer<'a> {
    /// A completion of this vendor.
    pub(crate) fn new(completion: &'a Completion, vendor: &'a str, cached: bool) -> Self {
        Self {
            id: &completion.id,
            content: text(&completion.parts),
            model: &completion.model,
            usage: UsageBody::new(&completion.usage),
            finish_reason: finish_reason(&completion.finish_reason),
            provider: vendor,
            cached,
            parts: parts(&completion.parts),
        }
    }

    /// As it is sent.
    pub(crate) fn json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(self.content.len() + ANSWER_ROOM);
        serde_json::to_writer(&mut json, self)?;
        Ok(json)
    }
}

impl UsageBody {
    fn new(usage: &Usage) -> Self {
        let input_tokens = usage.input_tokens.unwrap_or_default();
        let output_tokens = usage.output_tokens.unwrap_or_default();
        Self {
            input_tokens,
            output_tokens,
            total_tokens: u64::from(input_tokens) + u64::from(output_tokens),
            cache_read_tokens: usage.cache_read_tokens,
            cache_write_tokens: usage.cache_write_tokens,
            reasoning_tokens: usage.reasoning_tokens,
        }
    }
}

impl<'a> StartBody<'a> {
    pub(crate) fn new(start: &'a Start, vendor: &'a str, cached: bool) -> Self {
        Self { id: &start.id, model: &start.model, provider: vendor, cached }
    }
}

impl<'a> DeltaBody<'a> {
    /// What a caller sees of an event before the answer's end, if anything.
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

/// The text blocks, joined with nothing between.
fn text(parts: &[Part]) -> Cow<'_, str> {
    let mut texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    match (texts.next(), texts.next()) {
        (first, None) => first.unwrap_or_default().into(),
        (first, second) => first.into_iter().chain(second).chain(texts).collect(),
    }
}

/// The blocks, if text alone wouldn't say it all.
fn parts(parts: &[Part]) -> Option<Vec<PartBody>> {
    let plain = |part: &Part| matches!(part, Part::Text(text) if text.extra.is_none());
    (!parts.iter().all(plain)).then(|| parts.iter().map(PartBody::from_part).collect())
}

/// Claude's words for every vendor; a word with no equal as the vendor said it.
fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::EndTurn => "end_turn",
        FinishReason::MaxTokens => "max_tokens",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::ToolUse => "tool_use",
        FinishReason::Refusal => "refusal",
        FinishReason::PauseTurn => "pause_turn",
        FinishReason::ContextWindowExceeded => "model_context_window_exceeded",
        FinishReason::Other(word) => word,
    }
}
