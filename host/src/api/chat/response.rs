//! A whole completion as JSON, in the original service's names.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::parts::PartBody;
use crate::contract::{Completion, FinishReason, Part, Usage};

/// The bytes reserved for what is around the text of a completion.
const AROUND: usize = 512;

/// The completion of a request, as a whole.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatResponse)]
pub(crate) struct ChatResponse<'a> {
    /// The vendor's id of this completion.
    pub(crate) id: &'a str,
    /// The text parts, joined with nothing between.
    #[schema(value_type = String)]
    pub(crate) content: Cow<'a, str>,
    /// The model that answered the request.
    pub(crate) model: &'a str,
    /// The tokens that the request took.
    pub(crate) usage: UsageBody,
    /// The reason why the model stopped.
    #[schema(example = "end_turn")]
    pub(crate) finish_reason: &'a str,
    /// The vendor whose model answered.
    #[schema(example = "anthropic")]
    pub(crate) provider: &'a str,
    /// True if the completion came out of the cache.
    pub(crate) cached: bool,
    /// The parts, if there are others than plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<Vec<PartBody>>,
}

/// Tokens, as the vendor counted them; 0 where it gave no count.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    /// The tokens of the request, cached ones included.
    pub(crate) input_tokens: u32,
    /// The tokens of the completion, thinking included.
    pub(crate) output_tokens: u32,
    /// The tokens of request and completion together.
    pub(crate) total_tokens: u64,
    /// The tokens of the request that were read from the vendor's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_read_tokens: Option<u32>,
    /// The tokens of the request that were written to the vendor's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_write_tokens: Option<u32>,
    /// The tokens of the completion that were thinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_tokens: Option<u32>,
}

impl<'a> ChatResponse<'a> {
    /// Returns a completion of this vendor as a response.
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

    /// Returns the JSON text.
    pub(crate) fn json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(self.content.len() + AROUND);
        serde_json::to_writer(&mut json, self)?;
        Ok(json)
    }
}

impl UsageBody {
    pub(super) fn new(usage: &Usage) -> Self {
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

/// Returns the text parts, joined with nothing between.
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

/// Returns the parts, if plain text alone wouldn't say it all.
pub(super) fn parts(parts: &[Part]) -> Option<Vec<PartBody>> {
    let plain = |part: &Part| matches!(part, Part::Text(text) if text.extra.is_none());
    (!parts.iter().all(plain)).then(|| parts.iter().map(PartBody::from_part).collect())
}

/// Returns Claude's word for a finish reason, whoever the vendor; one without such a word as the
/// vendor gave it.
pub(super) fn finish_reason(reason: &FinishReason) -> &str {
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
