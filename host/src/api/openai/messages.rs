//! The messages of a Chat Completions request as the contract's.
//!
//! OpenAI has the results of tools as messages of their own; in the contract those of one turn are
//! the parts of one message of the user, and what the user says next is in it too.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::MapAccess;

use super::content::{Content, text_part};
use crate::api::door::{Fate, Fates, ObjectText, Speaks, decide, quoted};
use crate::contract::{Message, OtherPart, Part, ResultPart, Role, Thinking, ToolResult, ToolUse};
use crate::http::json::{At, Json, List, Shape, Slot, Text, Words, read_fields};

/// Fields of a message that have no place in the contract.
const OTHERS: &Fates = &[
    ("name", Fate::Dropped),
    // Of answers that are sent back.
    ("annotations", Fate::Dropped),
    ("parsed", Fate::Dropped),
    ("audio", Fate::RefusedUnless(&[])),
    ("cache_control", Fate::Dropped),
    ("provider_specific_fields", Fate::Dropped),
    ("thinking_blocks", Fate::Dropped),
];

/// A message as it is read.
pub(super) enum Said {
    Message(Message),
    /// The result of a tool, a message of its own here.
    Result(ToolResult),
    /// The result of a function in the API of 2023, which has no ids.
    FunctionResult(Vec<ResultPart>),
}

/// The id of a call in the API of 2023, until `joined` makes one.
const NO_ID: &str = "";

/// Puts the results of tools that follow each other into one message of the user, together with
/// what the user says behind them, and gives the calls of 2023 their ids.
pub(super) fn joined(said: Vec<Said>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::with_capacity(said.len());
    let mut functions = 0_u32;
    // True while the last message is one of results.
    let mut results = false;
    for said in said {
        let result = match said {
            Said::Result(result) => result,
            Said::FunctionResult(content) => ToolResult {
                tool_use_id: function_id(functions),
                content,
                is_error: false,
                extra: None,
            },
            Said::Message(mut message) => {
                for part in &mut message.content {
                    if let Part::ToolUse(call) = part
                        && call.id == NO_ID
                    {
                        functions += 1;
                        call.id = function_id(functions);
                    }
                }
                match messages.last_mut() {
                    Some(last) if results && message.role == Role::User => {
                        last.content.append(&mut message.content);
                    }
                    _ => messages.push(message),
                }
                results = false;
                continue;
            }
        };
        let part = Part::ToolResult(result);
        match messages.last_mut() {
            Some(last) if results => last.content.push(part),
            _ => messages.push(Message { role: Role::User, content: vec![part], extra: None }),
        }
        results = true;
    }
    messages
}

fn function_id(number: u32) -> String {
    format!("call_{number}")
}

/// A message of the conversation.
pub(super) struct MessageShape {
    pub(super) speaks: Speaks,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Speaker {
    System,
    User,
    Assistant,
    Tool,
    Function,
}

impl<'de> Shape<'de> for MessageShape {
    type Value = Said;

    fn expected(&self) -> Cow<'static, str> {
        "an object with role and content".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut message: A,
        at: &At<'_>,
    ) -> Result<Option<Said>, A::Error> {
        const ROLES: Words<Speaker> = Words(&[
            ("system", Speaker::System),
            ("developer", Speaker::System),
            ("user", Speaker::User),
            ("assistant", Speaker::Assistant),
            ("tool", Speaker::Tool),
            ("function", Speaker::Function),
        ]);
        let speaks = self.speaks;
        read_fields!(message, at, {
            "role" => role: ROLES,
            "content" => content: Content { speaks },
            "tool_calls" => tool_calls: List::of(|| CallShape),
            "function_call" => function_call: FunctionCallShape,
            "tool_call_id" => tool_call_id: Text,
            "refusal" => refusal: Text,
            "reasoning_content" => reasoning_content: Text,
            "reasoning" => reasoning: Text,
            "reasoning_details" => reasoning_details: List::of(|| Json),
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let Some(speaker) = role.required(&at.field("role")) else { return Ok(None) };
        let only_of_model =
            [("tool_calls", tool_calls.is_there()), ("function_call", function_call.is_there())];
        for (name, there) in only_of_model {
            if there && speaker != Speaker::Assistant {
                at.field(name).wrong::<()>("is a field of messages of the role `assistant`");
            }
        }
        let place = at.field("content");
        let wrong = matches!(content, Slot::Wrong);
        Ok(match speaker {
            Speaker::System | Speaker::User => {
                let content =
                    content.required(&place).and_then(|parts| at_least_one(parts, &place));
                let role = if speaker == Speaker::User { Role::User } else { Role::System };
                content.map(|content| Said::Message(Message { role, content, extra: None }))
            }
            Speaker::Tool => {
                let id = tool_call_id.required(&at.field("tool_call_id"));
                let content = content.required(&place).map(|parts| results(parts, &place));
                id.zip(content).map(|(tool_use_id, content)| {
                    Said::Result(ToolResult { tool_use_id, content, is_error: false, extra: None })
                })
            }
            Speaker::Function => {
                let parts = content.optional().unwrap_or_default();
                (!wrong).then(|| Said::FunctionResult(results(parts, &place)))
            }
            Speaker::Assistant => {
                let details = reasoning_details.optional().unwrap_or_default();
                let plain = reasoning_content.optional().or(reasoning.optional());
                let mut parts = thoughts(plain, &details, speaks);
                parts.extend(content.optional().unwrap_or_default());
                let refusal = refusal.optional().filter(|refusal| !refusal.is_empty());
                parts.extend(refusal.map(text_part));
                let calls = tool_calls.optional().unwrap_or_default();
                parts.extend(calls.into_iter().chain(function_call.optional()).map(Part::ToolUse));
                if parts.is_empty() {
                    parts.push(text_part(String::new()));
                }
                let role = Role::Assistant;
                (!wrong).then_some(Said::Message(Message { role, content: parts, extra: None }))
            }
        })
    }
}

pub(super) fn at_least_one(parts: Vec<Part>, at: &At<'_>) -> Option<Vec<Part>> {
    if parts.is_empty() { at.wrong("must have at least one part") } else { Some(parts) }
}

pub(super) fn results(parts: Vec<Part>, at: &At<'_>) -> Vec<ResultPart> {
    let parts = parts.into_iter().enumerate();
    let converted = parts.filter_map(|(index, part)| match part {
        Part::Text(text) => Some(ResultPart::Text(text)),
        Part::Image(image) => Some(ResultPart::Image(image)),
        Part::Other(other) => Some(ResultPart::Other(other)),
        Part::ToolUse(_) | Part::ToolResult(_) | Part::Thinking(_) => {
            at.index(index).field("type").wrong("can't stand in a tool's result")
        }
    });
    converted.collect()
}

/// A thought that came in an answer, in OpenRouter's shape.
#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    format: Option<String>,
}

/// The format of thoughts that Claude signed.
pub(super) const CLAUDE_FORMAT: &str = "anthropic-claude-v1";

/// Returns the thoughts of an earlier answer. Claude takes only those that it signed, and no other
/// vendor takes those; without their signature they are left out where it is demanded.
fn thoughts(plain: Option<String>, details: &[String], speaks: Speaks) -> Vec<Part> {
    let details = details.iter().filter_map(|detail| serde_json::from_str::<Detail>(detail).ok());
    let mut parts = Vec::new();
    let mut told = false;
    for detail in details {
        let of_claude =
            detail.format.as_deref().is_none_or(|format| format.starts_with(CLAUDE_FORMAT));
        match (detail.kind.as_str(), detail.text, detail.data) {
            ("reasoning.text", Some(text), _) => {
                told = true;
                let signature = detail.signature.filter(|signature| !signature.is_empty());
                let signature = signature.filter(|_| of_claude == (speaks == Speaks::Anthropic));
                if signature.is_some() || speaks != Speaks::Anthropic {
                    parts.push(Part::Thinking(Thinking { text, signature, extra: None }));
                }
            }
            ("reasoning.encrypted", _, Some(data)) if of_claude && speaks == Speaks::Anthropic => {
                let json = ObjectText::default()
                    .with("type", r#""redacted_thinking""#)
                    .with("data", &quoted(&data))
                    .text();
                parts.push(Part::Other(OtherPart { kind: "redacted_thinking".into(), json }));
            }
            _ => {}
        }
    }
    let plain = plain.filter(|text| !text.is_empty() && !told && speaks != Speaks::Anthropic);
    let plain = plain.map(|text| Part::Thinking(Thinking { text, signature: None, extra: None }));
    plain.into_iter().chain(parts).collect()
}

/// A call of a tool in an earlier answer.
struct CallShape;

impl<'de> Shape<'de> for CallShape {
    type Value = ToolUse;

    fn expected(&self) -> Cow<'static, str> {
        "an object with id and function".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut call: A,
        at: &At<'_>,
    ) -> Result<Option<ToolUse>, A::Error> {
        const OTHERS: &Fates = &[
            ("index", Fate::Dropped),
            ("cache_control", Fate::Dropped),
            ("custom", Fate::RefusedUnless(&[])),
        ];
        read_fields!(call, at, {
            "id" => id: Text,
            "type" => kind: Text,
            "function" => function: FunctionCallShape,
            "extra_content" => extra_content: Json,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        if kind.optional().is_some_and(|kind| kind != "function") {
            return Ok(at.field("type").wrong("must be `function`"));
        }
        let id = id.required(&at.field("id"));
        let extra = extra_content.optional().as_deref().and_then(super::signature::read);
        let function = function.required(&at.field("function"));
        Ok(id.zip(function).map(|(id, function)| ToolUse { id, extra, ..function }))
    }
}

/// The name and the arguments of a call. The id is still missing.
struct FunctionCallShape;

impl<'de> Shape<'de> for FunctionCallShape {
    type Value = ToolUse;

    fn expected(&self) -> Cow<'static, str> {
        "an object with name and arguments".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut function: A,
        at: &At<'_>,
    ) -> Result<Option<ToolUse>, A::Error> {
        const OTHERS: &Fates = &[("parsed_arguments", Fate::Dropped)];
        read_fields!(function, at, {
            "name" => name: Text,
            "arguments" => arguments: Arguments,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let name = name.required(&at.field("name"));
        let input = arguments.required(&at.field("arguments"));
        Ok(name.zip(input).map(|(name, input)| ToolUse {
            id: NO_ID.into(),
            name,
            input,
            extra: None,
        }))
    }
}

/// Arguments: a JSON object, as text.
pub(super) struct Arguments;

impl Shape<'_> for Arguments {
    type Value = String;

    fn expected(&self) -> Cow<'static, str> {
        "a string that holds a JSON object".into()
    }

    fn text(self, text: &str, at: &At<'_>) -> Option<String> {
        if text.trim().is_empty() {
            return Some("{}".into());
        }
        let object = serde_json::from_str::<&serde_json::value::RawValue>(text)
            .ok()
            .filter(|value| value.get().starts_with('{'));
        match object {
            Some(object) => Some(object.get().to_owned()),
            None => at.wrong(format_args!("must be {}", self.expected())),
        }
    }
}
