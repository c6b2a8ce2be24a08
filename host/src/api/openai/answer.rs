//! A whole completion as OpenAI's `chat.completion`.

use serde::Serialize;
use serde_json::Value;

use super::messages::CLAUDE_FORMAT;
use super::signature::{self, ExtraContent};
use super::words::{UsageBody, finish_reason};
use crate::contract::{Completion, Part, ToolUse};

/// The facts of an answer beside its content.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The model, as the caller spelled it.
    pub(super) model: String,
    /// The id of an answer to which the vendor gave none.
    pub(super) id: String,
    /// The moment of the answer, in seconds since 1970.
    pub(super) created: u64,
    /// True if Claude answers, whose thoughts are signed.
    pub(super) is_claude: bool,
}

impl Frame {
    /// Returns the answer's id, of which the vendor's is `id`.
    pub(super) fn id(&self, id: &str) -> String {
        if id.is_empty() { self.id.clone() } else { id.to_owned() }
    }
}

#[derive(Serialize)]
struct ChatCompletion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice; 1],
    usage: UsageBody,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: MessageBody,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageBody {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Detail>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
}

/// A call of a tool, whole or its first or a further fragment.
#[derive(Debug, Default, Serialize)]
pub(super) struct Call {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) function: Function,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) extra_content: Option<ExtraContent>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Function {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) arguments: String,
}

/// A thought with its signature, in OpenRouter's shape.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    format: &'static str,
    index: u32,
}

impl Call {
    /// Returns a whole call.
    pub(super) fn whole(call: &ToolUse, index: Option<u32>) -> Self {
        Self {
            index,
            id: Some(call.id.clone()),
            kind: Some("function"),
            function: Function { name: Some(call.name.clone()), arguments: call.input.clone() },
            extra_content: signature::write(call.extra.as_deref()),
        }
    }
}

impl Detail {
    /// Returns a thought, the `index`th of the answer.
    pub(super) fn text(
        text: Option<String>,
        signature: Option<String>,
        frame: &Frame,
        index: u32,
    ) -> Self {
        let format = format(frame);
        Self { kind: "reasoning.text", text, signature, data: None, format, index }
    }

    /// Returns a thought that the vendor keeps to itself, if this part is one.
    pub(super) fn redacted(part: &Part, frame: &Frame, index: u32) -> Option<Self> {
        let Part::Other(other) = part else { return None };
        if other.kind != "redacted_thinking" {
            return None;
        }
        let block: Value = serde_json::from_str(&other.json).ok()?;
        let data = Some(block.get("data")?.as_str()?.to_owned());
        let format = format(frame);
        Some(Self { kind: "reasoning.encrypted", text: None, signature: None, data, format, index })
    }
}

fn format(frame: &Frame) -> &'static str {
    if frame.is_claude { CLAUDE_FORMAT } else { "unknown" }
}

/// Returns the JSON text of a completion.
pub(super) fn write(completion: &Completion, frame: &Frame) -> serde_json::Result<Vec<u8>> {
    let finish_reason = finish_reason(&completion.finish_reason, &completion.parts);
    let message = message(&completion.parts, frame);
    serde_json::to_vec(&ChatCompletion {
        id: frame.id(&completion.id),
        object: "chat.completion",
        created: frame.created,
        model: &frame.model,
        choices: [Choice { index: 0, message, logprobs: None, finish_reason }],
        usage: UsageBody::new(&completion.usage),
    })
}

/// Parts that OpenAI has no word for are left out: blocks of tools that the vendor ran itself are no
/// calls for the caller.
fn message(parts: &[Part], frame: &Frame) -> MessageBody {
    let (mut content, mut thoughts) = (None::<String>, None::<String>);
    let (mut details, mut tool_calls) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(text) => content.get_or_insert_default().push_str(&text.text),
            Part::Thinking(thinking) => {
                thoughts.get_or_insert_default().push_str(&thinking.text);
                let text = Some(thinking.text.clone());
                let index = number(details.len());
                details.push(Detail::text(text, thinking.signature.clone(), frame, index));
            }
            Part::ToolUse(call) => tool_calls.push(Call::whole(call, None)),
            Part::Other(_) => details.extend(Detail::redacted(part, frame, number(details.len()))),
            Part::Image(_) | Part::ToolResult(_) => {}
        }
    }
    MessageBody {
        role: "assistant",
        content: content.or_else(|| tool_calls.is_empty().then(String::new)),
        refusal: None,
        reasoning_content: thoughts.filter(|thoughts| !thoughts.is_empty()),
        reasoning_details: details,
        annotations: [],
        tool_calls,
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
