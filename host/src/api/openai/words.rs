//! The contract's finish reasons and counts in OpenAI's words.

use serde::Serialize;

use crate::contract::{FinishReason, Part, Usage};

/// OpenAI's own words for why an answer ended.
const REASONS: [&str; 5] = ["stop", "length", "tool_calls", "content_filter", "function_call"];

/// Returns the word for why an answer of these parts ended. An answer that calls tools waits for
/// them, whatever else the vendor says: clients look for the calls only then.
pub(super) fn finish_reason(reason: &FinishReason, parts: &[Part]) -> &'static str {
    let calls = parts.iter().any(|part| matches!(part, Part::ToolUse(_)));
    let word = match reason {
        FinishReason::EndTurn | FinishReason::StopSequence | FinishReason::PauseTurn => "stop",
        FinishReason::MaxTokens | FinishReason::ContextWindowExceeded => "length",
        FinishReason::ToolUse => "tool_calls",
        FinishReason::Refusal => "content_filter",
        FinishReason::Other(word) => {
            REASONS.into_iter().find(|reason| reason == word).unwrap_or("stop")
        }
    };
    if word == "stop" && calls { "tool_calls" } else { word }
}

/// The tokens of an answer.
#[derive(Debug, Serialize)]
pub(super) struct UsageBody {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u32>,
}

#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u32,
}

impl UsageBody {
    /// Returns the counts; 0 where the vendor gave none. As in the contract, all tokens of the
    /// prompt are in the first count, cached ones included.
    pub(super) fn new(usage: &Usage) -> Self {
        let prompt_tokens = usage.input_tokens.unwrap_or_default();
        let completion_tokens = usage.output_tokens.unwrap_or_default();
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: u64::from(prompt_tokens) + u64::from(completion_tokens),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cache_read_tokens.unwrap_or_default(),
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning_tokens.unwrap_or_default(),
            },
        }
    }
}
