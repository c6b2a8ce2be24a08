//! A whole completion as Anthropic's `message`.

use serde_json::Value;

use super::words;
use crate::api::door::{ObjectText, Speaks, quoted};
use crate::contract::{Completion, Part, Text, Thinking, ToolUse};

/// The facts of an answer beside its content.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The model, as the caller spelled it.
    pub(super) model: String,
    /// The id of an answer to which the vendor gave none.
    pub(super) id: String,
    /// The API of the vendor that answers.
    pub(super) speaks: Speaks,
}

impl Frame {
    /// Returns the answer's id, of which the vendor's is `id`.
    pub(super) fn id(&self, id: &str) -> String {
        if id.is_empty() { self.id.clone() } else { id.to_owned() }
    }
}

/// Returns the JSON text of a completion.
pub(super) fn write(completion: &Completion, frame: &Frame) -> Vec<u8> {
    let blocks: Vec<String> =
        completion.parts.iter().filter_map(|part| block(part, frame.speaks)).collect();
    let stop_reason = words::stop_reason(&completion.finish_reason, &completion.parts);
    let message = ObjectText::default()
        .with_text("id", Some(&frame.id(&completion.id)))
        .with("type", r#""message""#)
        .with("role", r#""assistant""#)
        .with_text("model", Some(&frame.model))
        .with("content", &format!("[{}]", blocks.join(",")))
        .with("stop_reason", &quoted(stop_reason))
        .with("stop_sequence", &words::stop_sequence(completion).to_string())
        .with("usage", &words::usage(&completion.usage, frame.speaks).to_string());
    message.text().into_bytes()
}

/// Returns a part as a block, if Anthropic has one of its kind: clients that check what they get take
/// no others.
pub(super) fn block(part: &Part, speaks: Speaks) -> Option<String> {
    Some(match part {
        Part::Text(Text { text, extra }) => {
            let block = ObjectText::default().with("type", r#""text""#).with("text", &quoted(text));
            let extra = extra.as_deref().filter(|_| speaks == Speaks::Anthropic);
            with_fields(block, extra).text()
        }
        Part::Thinking(Thinking { text, signature, extra }) => {
            let block = ObjectText::default()
                .with("type", r#""thinking""#)
                .with("thinking", &quoted(text))
                .with("signature", &quoted(signature.as_deref().unwrap_or_default()));
            let extra = extra.as_deref().filter(|_| speaks == Speaks::Anthropic);
            with_fields(block, extra).text()
        }
        Part::ToolUse(call) => tool_use(call, &call.input),
        Part::Other(other) if speaks == Speaks::Anthropic || other.kind == "redacted_thinking" => {
            (other.kind != "incomplete_tool_use").then(|| other.json.clone())?
        }
        Part::Other(_) | Part::Image(_) | Part::ToolResult(_) => return None,
    })
}

/// Returns the block of a call with these arguments. What the vendor keeps with it goes along: clients
/// send it back.
pub(super) fn tool_use(call: &ToolUse, input: &str) -> String {
    let block = ObjectText::default()
        .with("type", r#""tool_use""#)
        .with_text("id", Some(&call.id))
        .with_text("name", Some(&call.name))
        .with("input", input);
    with_fields(block, call.extra.as_deref()).text()
}

/// Adds the fields of an object, but those that the block has.
fn with_fields(mut block: ObjectText, extra: Option<&str>) -> ObjectText {
    let fields =
        extra.and_then(|extra| serde_json::from_str::<serde_json::Map<String, Value>>(extra).ok());
    for (name, value) in fields.unwrap_or_default() {
        let own = ["type", "id", "name", "input", "text", "thinking", "signature"];
        if !own.contains(&name.as_str()) {
            block = block.with(&name, &value.to_string());
        }
    }
    block
}
