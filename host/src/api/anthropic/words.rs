//! The contract's finish reasons and counts in Anthropic's words.

use serde_json::{Map, Value, json};

use crate::api::door::Speaks;
use crate::contract::{Completion, FinishReason, Part, Usage};

/// Anthropic's own words for why an answer ended.
const REASONS: [&str; 8] = [
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
];

/// Returns the word for why an answer of these parts ended. An answer that calls tools waits for
/// them, whatever else the vendor says.
pub(super) fn stop_reason(reason: &FinishReason, parts: &[Part]) -> &'static str {
    let calls = parts.iter().any(|part| matches!(part, Part::ToolUse(_)));
    let word = match reason {
        FinishReason::EndTurn => "end_turn",
        FinishReason::MaxTokens => "max_tokens",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::ToolUse => "tool_use",
        FinishReason::Refusal => "refusal",
        FinishReason::PauseTurn => "pause_turn",
        FinishReason::ContextWindowExceeded => "model_context_window_exceeded",
        FinishReason::Other(word) => {
            REASONS.into_iter().find(|reason| reason == word).unwrap_or("end_turn")
        }
    };
    if word == "end_turn" && calls { "tool_use" } else { word }
}

/// Returns the text that stopped the model, where the vendor names it.
pub(super) fn stop_sequence(completion: &Completion) -> Value {
    let extra = completion.extra.as_deref();
    let mut extra: Map<String, Value> =
        extra.and_then(|extra| serde_json::from_str(extra).ok()).unwrap_or_default();
    // vLLM's name for it is the second.
    let named = ["stop_sequence", "stop_reason"].into_iter().find_map(|name| extra.remove(name));
    let at_sequence = completion.finish_reason == FinishReason::StopSequence;
    named.filter(|text| at_sequence && text.is_string()).unwrap_or_default()
}

/// Returns the counts; 0 where the vendor gave none. The first leaves out what went through the
/// vendor's prompt cache, which the contract's includes.
pub(super) fn usage(usage: &Usage, speaks: Speaks) -> Value {
    let read = usage.cache_read_tokens.unwrap_or_default();
    let written = usage.cache_write_tokens.unwrap_or_default();
    let input = usage.input_tokens.unwrap_or_default();
    let mut counts = Map::new();
    // What else Anthropic counts; another vendor's counts mean nothing here.
    if let Some(extra) = usage.extra.as_deref().filter(|_| speaks == Speaks::Anthropic) {
        counts = serde_json::from_str(extra).unwrap_or_default();
    }
    counts.insert("input_tokens".into(), input.saturating_sub(read).saturating_sub(written).into());
    counts.insert("cache_creation_input_tokens".into(), written.into());
    counts.insert("cache_read_input_tokens".into(), read.into());
    counts.insert("output_tokens".into(), usage.output_tokens.unwrap_or_default().into());
    if let Some(thinking) = usage.reasoning_tokens {
        counts.insert("output_tokens_details".into(), json!({ "thinking_tokens": thinking }));
    }
    Value::Object(counts)
}
