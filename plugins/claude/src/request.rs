//! The contract's request as the body of `POST /v1/messages`.
//!
//! Nothing is set that the caller didn't set, `max_tokens` apart, which the vendor demands: what a
//! model accepts changes from one to the next, and only the caller knows what was meant.

use std::borrow::Cow;

use arete_plugin::asking::{self, at, invalid, list, number, role};
use arete_plugin::body::{Fields, Value};
use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::{
    ErrorKind, Message, NativeBody, Part, ProviderError, Request, Role, Tool, ToolChoice,
};

use crate::DIALECT;
use crate::blocks;

/// What the vendor may generate when the caller set no limit.
const DEFAULT_MAX_TOKENS: u32 = 1024;

/// The body to send.
pub(crate) fn body(request: &Request, stream: bool) -> Result<String, ProviderError> {
    match native(request) {
        Some(native) => asking::native_body(native, request, stream),
        None => mapped_body(request, stream),
    }
}

/// The request in the vendor's own dialect, if the caller spoke it.
pub(crate) fn native(request: &Request) -> Option<&NativeBody> {
    asking::native(request, DIALECT)
}

fn mapped_body(request: &Request, stream: bool) -> Result<String, ProviderError> {
    let body = fields(request, stream).map_err(invalid)?;
    if !body.has("messages") {
        let only_system =
            "`messages` needs a message of the user: system messages alone are no question.";
        return Err(at("messages", ProviderError::new(ErrorKind::InvalidRequest, only_system)));
    }
    let body = asking::with_extra(body, request, |_, key| key == "stream", field_of)?;
    Ok(body.text())
}

fn fields(request: &Request, stream: bool) -> Result<Fields<'_>, Mismatch> {
    let stops = request.stop_sequences.iter().map(|stop| Value::Text(stop)).collect();
    let body = Fields::default()
        .with("model", Value::Text(&request.model))
        .with("max_tokens", Value::Count(request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)))
        .with_some("stream", stream.then_some(Value::Flag(true)))
        .with_some("system", system(&request.messages)?)
        .with_some("messages", list(messages(&request.messages)?))
        .with_some("temperature", number("temperature", request.temperature)?)
        .with_some("top_p", number("topP", request.top_p)?)
        .with_some("top_k", request.top_k.map(Value::Count))
        .with_some("stop_sequences", list(stops))
        .with_some("tools", list(tools(&request.tools)?))
        .with_some("tool_choice", request.tool_choice.as_ref().map(tool_choice).transpose()?);
    Ok(body)
}

/// All system messages, wherever they stand: the vendor keeps them apart.
fn system(messages: &[Message]) -> Result<Option<Value<'_>>, Mismatch> {
    let mut texts = Vec::new();
    let mut blocks = Vec::new();
    for (index, message) in
        messages.iter().enumerate().filter(|(_, message)| message.role == Role::System)
    {
        if message.extra.is_some() {
            let says = "can't be sent: the vendor knows no system messages, only one system prompt";
            return Err(Mismatch::new(format!("messages[{index}].extra"), says));
        }
        for (place, part) in message.content.iter().enumerate() {
            let here = || format!("messages[{index}].content[{place}]");
            let Part::Text(text) = part else {
                return Err(Mismatch::new(
                    here(),
                    "is in a system message and should be text, which is all the vendor takes there",
                ));
            };
            texts.push(text);
            blocks.push(blocks::write_text(text).map_err(|mismatch| mismatch.within(here()))?);
        }
    }
    Ok(blocks::plain_text(texts.into_iter().map(Some)).or_else(|| list(blocks)))
}

fn messages(messages: &[Message]) -> Result<Vec<Value<'_>>, Mismatch> {
    let rest = messages.iter().enumerate().filter(|(_, message)| message.role != Role::System);
    rest.map(|(index, message)| {
        self::message(message)
            .map_err(|mismatch| mismatch.within(format_args!("messages[{index}]")))
    })
    .collect()
}

fn message(message: &Message) -> Result<Value<'_>, Mismatch> {
    let texts = message.content.iter().map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    let content = match blocks::plain_text(texts) {
        Some(text) => text,
        None => {
            Value::List(message.content.iter().enumerate().map(block).collect::<Result<_, _>>()?)
        }
    };
    Fields::default()
        .with("role", Value::Text(role(&message.role)))
        .with("content", content)
        .with_extra(message.extra.as_deref())
}

fn block((place, part): (usize, &Part)) -> Result<Value<'_>, Mismatch> {
    blocks::write(part).map_err(|mismatch| mismatch.within(format_args!("content[{place}]")))
}

fn tools(tools: &[Tool]) -> Result<Vec<Value<'_>>, Mismatch> {
    let tools = tools.iter().enumerate();
    tools
        .map(|(index, it)| {
            tool(it).map_err(|mismatch| mismatch.within(format_args!("tools[{index}]")))
        })
        .collect()
}

/// A tool that the vendor runs itself says so by a `type` and has no schema: an empty one isn't
/// sent with it, because the vendor would refuse the tool for it.
fn tool(tool: &Tool) -> Result<Value<'_>, Mismatch> {
    let schema =
        json::object(&tool.input_schema).map_err(|mismatch| mismatch.within("inputSchema"))?;
    let extra =
        tool.extra.as_deref().and_then(|extra| Object::parse(extra).ok()).unwrap_or_default();
    let of_vendor = extra.get("type").is_some_and(|kind| kind.get() != r#""custom""#);
    let empty = Object::parse(schema.get()).is_ok_and(|schema| schema.is_empty());
    Fields::default()
        .with("name", Value::Text(&tool.name))
        .with_some("description", tool.description.as_deref().map(Value::Text))
        .with_some(
            "input_schema",
            (!(of_vendor && empty)).then_some(Value::Raw(Cow::Borrowed(schema))),
        )
        .with_extra(tool.extra.as_deref())
}

fn tool_choice(choice: &ToolChoice) -> Result<Value<'_>, Mismatch> {
    Ok(match choice {
        ToolChoice::Auto => Value::Fields(Fields::of_type("auto")),
        ToolChoice::Any => Value::Fields(Fields::of_type("any")),
        ToolChoice::None => Value::Fields(Fields::of_type("none")),
        ToolChoice::Tool(name) => {
            Value::Fields(Fields::of_type("tool").with("name", Value::Text(name)))
        }
        ToolChoice::Other(choice) => {
            let choice = json::value(choice).map_err(|mismatch| mismatch.within("toolChoice"))?;
            Value::Raw(Cow::Borrowed(choice))
        }
    })
}

/// What the caller calls a field of the vendor's body.
fn field_of(key: &str) -> Option<&'static str> {
    Some(match key {
        "max_tokens" => "maxTokens",
        "top_p" => "topP",
        "top_k" => "topK",
        "stop_sequences" => "stopSequences",
        "tool_choice" => "toolChoice",
        "system" => "messages",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
