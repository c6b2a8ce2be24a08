//! The contract's request as the body of `POST /v1/messages`.
//!
//! Nothing is set that the caller didn't set, `max_tokens` apart, which the vendor demands: what a
//! model accepts changes from one to the next, and only the caller knows what was meant.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::{
    ErrorKind, Message, NativeBody, Part, ProviderError, Request, Role, Tool, ToolChoice,
};
use arete_plugin::request::{self, invalid, list, number, role, with_field};

use arete_plugin::wishes::WishList;

use crate::{DIALECT, blocks, wishes};

/// What the vendor may generate when the caller set no limit.
const DEFAULT_MAX_TOKENS: u32 = 1024;

/// The body to send.
pub(crate) fn body(
    request: &Request,
    wishes: &WishList,
    stream: bool,
) -> Result<String, ProviderError> {
    match native(request) {
        Some(native) => request::native_body(native, request, stream),
        None => mapped_body(request, wishes, stream),
    }
}

/// The request in the vendor's own dialect, if the caller spoke it.
pub(crate) fn native(request: &Request) -> Option<&NativeBody> {
    request::native(request, DIALECT)
}

fn mapped_body(
    request: &Request,
    wishes: &WishList,
    stream: bool,
) -> Result<String, ProviderError> {
    let body = fields(request, wishes, stream).map_err(invalid)?;
    if !body.has("messages") {
        let only_system =
            "`messages` needs a message of the user: system messages alone are no question.";
        return Err(with_field(
            "messages",
            ProviderError::new(ErrorKind::InvalidRequest, only_system),
        ));
    }
    let body = wishes::write(body, wishes)?;
    let body = request::with_extra(body, request, |_, key| key == "stream", field_of)?;
    Ok(body.text())
}

fn fields<'a>(
    request: &'a Request,
    wishes: &WishList,
    stream: bool,
) -> Result<ObjectWriter<'a>, Mismatch> {
    let stops = request.stop_sequences.iter().map(|stop| JsonOut::Text(stop)).collect();
    let body = ObjectWriter::default()
        .with("model", JsonOut::Text(&request.model))
        .with("max_tokens", JsonOut::Count(request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)))
        .with_opt("stream", stream.then_some(JsonOut::Flag(true)))
        .with_opt("system", system(&request.messages)?)
        .with_opt("messages", list(messages(&request.messages)?))
        .with_opt("temperature", number("temperature", request.temperature)?)
        .with_opt("top_p", number("topP", request.top_p)?)
        .with_opt("top_k", request.top_k.map(JsonOut::Count))
        .with_opt("stop_sequences", list(stops))
        .with_opt("tools", list(tools(&request.tools)?))
        .with_opt("tool_choice", tool_choice(request, wishes)?);
    Ok(body)
}

/// All system messages, wherever they stand: the vendor keeps them apart. It refuses texts that say
/// nothing.
fn system(messages: &[Message]) -> Result<Option<JsonOut<'_>>, Mismatch> {
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
            let block = blocks::write_text(text).map_err(|mismatch| mismatch.within(here()))?;
            if !blocks::is_blank_text(text) {
                texts.push(text);
                blocks.push(block);
            }
        }
    }
    Ok(blocks::plain_text(texts.into_iter().map(Some)).or_else(|| list(blocks)))
}

fn messages(messages: &[Message]) -> Result<Vec<JsonOut<'_>>, Mismatch> {
    let rest = messages.iter().enumerate().filter(|(_, message)| message.role != Role::System);
    rest.filter_map(|(index, message)| {
        self::message(message)
            .map_err(|mismatch| mismatch.within(format_args!("messages[{index}]")))
            .transpose()
    })
    .collect()
}

/// A message, without the blocks that say nothing, which the vendor refuses although it gives some
/// itself. Nothing is left of an answer that had no others. Whoever else says nothing hears of it
/// from the vendor.
fn message(message: &Message) -> Result<Option<JsonOut<'_>>, Mismatch> {
    let says_nothing = message.content.iter().all(blocks::is_blank);
    if says_nothing && message.role == Role::Assistant {
        return Ok(None);
    }
    let said = || {
        let parts = message.content.iter().enumerate();
        parts.filter(|(_, part)| says_nothing || !blocks::is_blank(part))
    };
    let texts = said().map(|(_, part)| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    let content = match blocks::plain_text(texts) {
        Some(text) => text,
        None => JsonOut::List(said().map(block).collect::<Result<_, _>>()?),
    };
    ObjectWriter::default()
        .with("role", JsonOut::Text(role(&message.role)))
        .with("content", content)
        .with_extra(message.extra.as_deref())
        .map(Some)
}

fn block((place, part): (usize, &Part)) -> Result<JsonOut<'_>, Mismatch> {
    blocks::write(part).map_err(|mismatch| mismatch.within(format_args!("content[{place}]")))
}

fn tools(tools: &[Tool]) -> Result<Vec<JsonOut<'_>>, Mismatch> {
    let tools = tools.iter().enumerate();
    tools
        .map(|(index, it)| {
            tool(it).map_err(|mismatch| mismatch.within(format_args!("tools[{index}]")))
        })
        .collect()
}

/// A tool that the vendor runs itself says so by a `type` and has no schema: an empty one isn't
/// sent with it, because the vendor would refuse the tool for it.
fn tool(tool: &Tool) -> Result<JsonOut<'_>, Mismatch> {
    let schema =
        json::object(&tool.input_schema).map_err(|mismatch| mismatch.within("inputSchema"))?;
    let extra =
        tool.extra.as_deref().and_then(|extra| Object::parse(extra).ok()).unwrap_or_default();
    let of_vendor = extra.get("type").is_some_and(|kind| kind.get() != r#""custom""#);
    let empty = Object::parse(schema.get()).is_ok_and(|schema| schema.is_empty());
    ObjectWriter::default()
        .with("name", JsonOut::Text(&tool.name))
        .with_opt("description", tool.description.as_deref().map(JsonOut::Text))
        .with_opt(
            "input_schema",
            (!(of_vendor && empty)).then_some(JsonOut::Raw(Cow::Borrowed(schema))),
        )
        .with_extra(tool.extra.as_deref())
}

/// The choice of tools. The wish for one call at a time is a part of it.
fn tool_choice<'a>(
    request: &'a Request,
    wishes: &WishList,
) -> Result<Option<JsonOut<'a>>, Mismatch> {
    let one = wishes.parallel_tool_calls == Some(false) && !request.tools.is_empty();
    let choice = match &request.tool_choice {
        None if one => ObjectWriter::of_type("auto"),
        None => return Ok(None),
        Some(ToolChoice::Auto) => ObjectWriter::of_type("auto"),
        Some(ToolChoice::Any) => ObjectWriter::of_type("any"),
        Some(ToolChoice::None) => {
            return Ok(Some(JsonOut::Object(ObjectWriter::of_type("none"))));
        }
        Some(ToolChoice::Tool(name)) => {
            ObjectWriter::of_type("tool").with("name", JsonOut::Text(name))
        }
        Some(ToolChoice::Other(choice)) => {
            let choice = json::value(choice).map_err(|mismatch| mismatch.within("toolChoice"))?;
            return Ok(Some(JsonOut::Raw(Cow::Borrowed(choice))));
        }
    };
    let one = one.then_some(JsonOut::Flag(true));
    Ok(Some(JsonOut::Object(choice.with_opt("disable_parallel_tool_use", one))))
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
        "output_config" => "responseFormat",
        "thinking" => "thinkingTokens",
        "metadata" => "endUser",
        "service_tier" => "serviceTier",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
