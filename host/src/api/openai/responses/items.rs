//! The input of a Responses request: a text, or items that come to messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};

use super::output::REDACTED;
use crate::api::door::{Fate, Fates, ObjectText, Speaks, decide, quoted};
use crate::api::openai::content::{document, image, text_part};
use crate::api::openai::messages::{Arguments, Said, at_least_one, joined, results};
use crate::contract::{Message, OtherPart, Part, Role, Thinking, ToolResult, ToolUse};
use crate::http::json::{At, Json, List, Shape, Text, read_fields};

/// Returns the messages that these items come to. What the model said in several items is one
/// message.
pub(super) fn spoken(said: Vec<Said>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for mut message in joined(said) {
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant && message.role == Role::Assistant => {
                last.content.append(&mut message.content);
            }
            _ => messages.push(message),
        }
    }
    messages.retain(|message| !message.content.is_empty());
    messages
}

/// The input, for a provider of this API.
pub(super) struct Input {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for Input {
    type Value = Vec<Said>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of items".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<Said>> {
        Some(vec![said(Role::User, vec![text_part(text.to_owned())])])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        items: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<Said>>, A::Error> {
        let speaks = self.speaks;
        List::of(|| ItemShape { speaks }).array(items, at)
    }
}

fn said(role: Role, content: Vec<Part>) -> Said {
    Said::Message(Message { role, content, extra: None })
}

struct ItemShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for ItemShape {
    type Value = Said;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type or a role".into()
    }

    fn object<A: MapAccess<'de>>(self, mut item: A, at: &At<'_>) -> Result<Option<Said>, A::Error> {
        const OTHERS: &Fates = &[
            ("id", Fate::Dropped),
            ("status", Fate::Dropped),
            ("phase", Fate::Dropped),
            ("namespace", Fate::Dropped),
        ];
        let speaks = self.speaks;
        read_fields!(item, at, {
            "type" => kind: Text,
            "role" => role: Text,
            "content" => content: Content { speaks },
            "call_id" => call_id: Text,
            "name" => name: Text,
            "arguments" => arguments: Arguments,
            "output" => output: Content { speaks },
            "summary" => summary: List::of(|| Json),
            "encrypted_content" => encrypted_content: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let kind = kind.optional().unwrap_or_else(|| "message".to_owned());
        Ok(match kind.as_str() {
            "message" => {
                let place = at.field("role");
                let role = role.required(&place).and_then(|role| match role.as_str() {
                    "system" | "developer" => Some(Role::System),
                    "user" => Some(Role::User),
                    "assistant" => Some(Role::Assistant),
                    other => place.unknown_word(
                        other,
                        ["system", "developer", "user", "assistant"].into_iter(),
                    ),
                });
                let place = at.field("content");
                let content =
                    content.required(&place).and_then(|parts| at_least_one(parts, &place));
                role.zip(content).map(|(role, content)| said(role, content))
            }
            "function_call" => {
                let named =
                    call_id.required(&at.field("call_id")).zip(name.required(&at.field("name")));
                let input = arguments.required(&at.field("arguments"));
                named.zip(input).map(|((id, name), input)| {
                    let call = ToolUse { id, name, input, extra: None };
                    said(Role::Assistant, vec![Part::ToolUse(call)])
                })
            }
            "function_call_output" => {
                let id = call_id.required(&at.field("call_id"));
                let place = at.field("output");
                let content = output.required(&place).map(|parts| results(parts, &place));
                id.zip(content).map(|(tool_use_id, content)| {
                    Said::Result(ToolResult { tool_use_id, content, is_error: false, extra: None })
                })
            }
            "reasoning" => {
                let summary = summary.optional().unwrap_or_default();
                let proof = encrypted_content.optional().filter(|proof| !proof.is_empty());
                let parts = thought(&summary, proof, speaks).into_iter().collect();
                Some(said(Role::Assistant, parts))
            }
            _ => at
                .field("type")
                .wrong("can't be passed on to this provider, whose API is another one"),
        })
    }
}

#[derive(Deserialize)]
struct SummaryText {
    text: String,
}

/// Returns the thought of an earlier answer. Claude takes only what it has signed.
fn thought(summary: &[String], proof: Option<String>, speaks: Speaks) -> Option<Part> {
    let texts = summary.iter().filter_map(|part| serde_json::from_str::<SummaryText>(part).ok());
    let text: String = texts.map(|part| part.text).collect();
    if let Some(data) = proof.as_deref().and_then(|proof| proof.strip_prefix(REDACTED)) {
        let json = ObjectText::default()
            .with("type", r#""redacted_thinking""#)
            .with("data", &quoted(data))
            .text();
        let part = Part::Other(OtherPart { kind: "redacted_thinking".into(), json });
        return (speaks == Speaks::Anthropic).then_some(part);
    }
    (proof.is_some() || speaks != Speaks::Anthropic).then_some(Part::Thinking(Thinking {
        text,
        signature: proof,
        extra: None,
    }))
}

/// The content of a message or of a tool's result.
struct Content {
    speaks: Speaks,
}

impl<'de> Shape<'de> for Content {
    type Value = Vec<Part>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of parts".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<Part>> {
        Some(vec![text_part(text.to_owned())])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        parts: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<Part>>, A::Error> {
        let speaks = self.speaks;
        List::of(|| PartShape { speaks }).array(parts, at)
    }
}

struct PartShape {
    speaks: Speaks,
}

/// The types of parts.
const TYPES: [&str; 5] = ["input_text", "output_text", "input_image", "input_file", "refusal"];

impl<'de> Shape<'de> for PartShape {
    type Value = Part;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(self, mut part: A, at: &At<'_>) -> Result<Option<Part>, A::Error> {
        const OTHERS: &Fates = &[
            ("annotations", Fate::Dropped),
            ("logprobs", Fate::Dropped),
            ("detail", Fate::Dropped),
            ("file_id", Fate::RefusedUnless(&[])),
            ("file_url", Fate::RefusedUnless(&[])),
        ];
        read_fields!(part, at, {
            "type" => kind: Text,
            "text" => text: Text,
            "refusal" => refusal: Text,
            "image_url" => image_url: Text,
            "file_data" => file_data: Text,
            "filename" => filename: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let place = at.field("type");
        let Some(kind) = kind.required(&place) else { return Ok(None) };
        Ok(match kind.as_str() {
            "input_text" | "output_text" | "text" => {
                text.required(&at.field("text")).map(text_part)
            }
            "refusal" => refusal.required(&at.field("refusal")).map(text_part),
            "input_image" => {
                let place = at.field("image_url");
                image_url.required(&place).and_then(|url| image(&url, &place)).map(Part::Image)
            }
            "input_file" => {
                let data = file_data.required(&at.field("file_data"));
                data.and_then(|data| {
                    let file = ObjectText::default()
                        .with_text("filename", filename.optional().as_deref())
                        .with("file_data", &quoted(&data))
                        .text();
                    document(&file, self.speaks, at)
                })
            }
            other => place.unknown_word(other, TYPES.into_iter()),
        })
    }
}
