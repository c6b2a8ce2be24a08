//! A completion as OpenAI's `response`: its items, its status, its counts.

use serde_json::{Value, json};

use super::echo::Echo;
use crate::contract::{Completion, FinishReason, Part, Usage};

/// Comes before what a vendor keeps of its thoughts to itself, where only proofs have a place.
pub(super) const REDACTED: &str = "redacted_thinking:";

/// The facts of a response beside its items.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The model, as the caller spelled it.
    pub(super) model: String,
    /// The id of the request, from which the ids of the response and its items are made.
    pub(super) id: String,
    /// The moment of the answer, in seconds since 1970.
    pub(super) created: i64,
    pub(super) echo: Echo,
}

/// The state of a response.
pub(super) enum Status<'a> {
    InProgress,
    /// It ended as this completion did.
    Ended(&'a Completion),
    /// It failed: OpenAI's error object.
    Failed(Value),
}

impl Frame {
    /// Returns the id of an item, the `number`th.
    pub(super) fn item_id(&self, kind: &str, number: usize) -> String {
        format!("{kind}_{}_{number}", self.id)
    }

    /// Returns a response with these items.
    pub(super) fn response(&self, status: &Status<'_>, output: Vec<Value>) -> Value {
        let (word, incomplete, error) = match status {
            Status::InProgress => ("in_progress", Value::Null, Value::Null),
            Status::Failed(error) => {
                let code = error.get("code").filter(|code| code.is_string());
                let code = code.cloned().unwrap_or_else(|| "server_error".into());
                let message = error.get("message").cloned().unwrap_or_default();
                ("failed", Value::Null, json!({ "code": code, "message": message }))
            }
            Status::Ended(completion) => match cut_off(&completion.finish_reason) {
                Some(reason) => ("incomplete", json!({ "reason": reason }), Value::Null),
                None => ("completed", Value::Null, Value::Null),
            },
        };
        let usage = match status {
            Status::Ended(completion) => self::usage(&completion.usage),
            Status::InProgress | Status::Failed(_) => Value::Null,
        };
        let echo = |name: &str, default: Value| self.echo.get(name, default);
        json!({
            "id": format!("resp_{}", self.id),
            "object": "response",
            "created_at": self.created,
            "status": word,
            "background": false,
            "error": error,
            "incomplete_details": incomplete,
            "instructions": echo("instructions", Value::Null),
            "max_output_tokens": echo("max_output_tokens", Value::Null),
            "model": self.model,
            "output": output,
            "parallel_tool_calls": echo("parallel_tool_calls", true.into()),
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": echo("temperature", Value::Null),
            "text": echo("text", json!({ "format": { "type": "text" } })),
            "tool_choice": echo("tool_choice", "auto".into()),
            "tools": echo("tools", json!([])),
            "top_p": echo("top_p", Value::Null),
            "truncation": "disabled",
            "usage": usage,
            "metadata": echo("metadata", json!({})),
        })
    }
}

/// Returns a whole completion as a response.
pub(super) fn whole(completion: &Completion, frame: &Frame) -> Value {
    let mut output: Vec<Value> = Vec::new();
    for part in &completion.parts {
        let number = output.len();
        output.extend(item(part, frame, number));
    }
    frame.response(&Status::Ended(completion), output)
}

/// Returns a part as an item, if OpenAI has one of its kind.
fn item(part: &Part, frame: &Frame, number: usize) -> Option<Value> {
    match part {
        Part::Text(text) => Some(message(&frame.item_id("msg", number), &text.text)),
        Part::ToolUse(call) => {
            let id = frame.item_id("fc", number);
            Some(function_call(&id, &call.id, &call.name, &call.input))
        }
        Part::Thinking(thinking) => {
            let id = frame.item_id("rs", number);
            Some(reasoning(&id, &thinking.text, thinking.signature.as_deref()))
        }
        Part::Other(_) => {
            let data = redacted(part)?;
            Some(reasoning(&frame.item_id("rs", number), "", Some(&data)))
        }
        Part::Image(_) | Part::ToolResult(_) => None,
    }
}

/// Returns what a vendor keeps of its thoughts to itself, if this part is that.
pub(super) fn redacted(part: &Part) -> Option<String> {
    let Part::Other(other) = part else { return None };
    if other.kind != "redacted_thinking" {
        return None;
    }
    let block: Value = serde_json::from_str(&other.json).ok()?;
    Some(format!("{REDACTED}{}", block.get("data")?.as_str()?))
}

pub(super) fn message(id: &str, text: &str) -> Value {
    json!({
        "id": id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [text_part(text)],
    })
}

pub(super) fn text_part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

pub(super) fn function_call(id: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": id,
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    })
}

pub(super) fn reasoning(id: &str, text: &str, proof: Option<&str>) -> Value {
    let summary = if text.is_empty() { json!([]) } else { json!([summary(text)]) };
    json!({ "id": id, "type": "reasoning", "summary": summary, "encrypted_content": proof })
}

pub(super) fn summary(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}

/// Returns OpenAI's word for why an answer isn't whole, if it isn't.
pub(super) fn cut_off(reason: &FinishReason) -> Option<&'static str> {
    match reason {
        FinishReason::MaxTokens | FinishReason::ContextWindowExceeded => Some("max_output_tokens"),
        FinishReason::Refusal => Some("content_filter"),
        FinishReason::EndTurn
        | FinishReason::StopSequence
        | FinishReason::ToolUse
        | FinishReason::PauseTurn
        | FinishReason::Other(_) => None,
    }
}

fn usage(usage: &Usage) -> Value {
    let input = usage.input_tokens.unwrap_or_default();
    let output = usage.output_tokens.unwrap_or_default();
    json!({
        "input_tokens": input,
        "input_tokens_details": { "cached_tokens": usage.cache_read_tokens.unwrap_or_default() },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning_tokens.unwrap_or_default() },
        "total_tokens": u64::from(input) + u64::from(output),
    })
}
