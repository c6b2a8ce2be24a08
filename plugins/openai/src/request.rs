//! The contract's request as the body of `POST /chat/completions`.
//!
//! Nothing is set that the caller didn't set, but for a stream's wish to be told what it cost: what
//! a model accepts changes from one to the next, and only the caller knows what was meant.

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{Mismatch, Object};
use arete_plugin::llm::{ErrorKind, NativeBody, ProviderError, Request};
use arete_plugin::request::{self, invalid, list, number, with_field};

use arete_plugin::wishes::WishList;

use crate::settings::{Habits, MAX_TOKENS_FIELDS};
use crate::{DIALECT, messages, tools, wishes};

/// The body to send.
pub(crate) fn body(
    request: &Request,
    wishes: &WishList,
    stream: bool,
    habits: &Habits,
) -> Result<String, ProviderError> {
    match native(request) {
        Some(native) => request::native_body(native, request, stream),
        None => mapped_body(request, wishes, stream, habits),
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
    habits: &Habits,
) -> Result<String, ProviderError> {
    if request.top_k.is_some() && !habits.top_k {
        let says = "`topK` isn't part of the Chat Completions API. Where a server takes it all the same, the operator can \
                    set `top-k = \"true\"` for this provider, or the caller `extra.top_k`.";
        return Err(with_field("topK", ProviderError::new(ErrorKind::Unsupported, says)));
    }
    if wants_several(request) {
        let says = "`extra.n` asks for several answers, and there is room for one.";
        return Err(with_field("extra.n", ProviderError::new(ErrorKind::Unsupported, says)));
    }
    let body = fields(request, stream, habits).map_err(invalid)?;
    let body = wishes::write(body, wishes, !request.tools.is_empty())?;
    let limited = request.max_tokens.is_some();
    let taken = |_: &ObjectWriter, key: &str| {
        key == "stream" || (limited && MAX_TOKENS_FIELDS.contains(&key))
    };
    let body = request::with_extra(body, request, taken, field_of)?;
    Ok(body.text())
}

fn fields<'a>(
    request: &'a Request,
    stream: bool,
    habits: &Habits,
) -> Result<ObjectWriter<'a>, Mismatch> {
    let stops = request.stop_sequences.iter().map(|stop| JsonOut::Text(stop)).collect();
    let usage =
        || JsonOut::Object(ObjectWriter::default().with("include_usage", JsonOut::Flag(true)));
    let body = ObjectWriter::default()
        .with("model", JsonOut::Text(&request.model))
        .with("messages", JsonOut::List(messages::write(&request.messages, habits)?))
        .with_opt("stream", stream.then_some(JsonOut::Flag(true)))
        .with_opt("stream_options", (stream && habits.stream_usage).then(usage))
        .with_opt(habits.max_tokens_field, request.max_tokens.map(JsonOut::Count))
        .with_opt("temperature", number("temperature", request.temperature)?)
        .with_opt("top_p", number("topP", request.top_p)?)
        .with_opt("top_k", request.top_k.map(JsonOut::Count))
        .with_opt("stop", list(stops))
        .with_opt("tools", list(tools::write(&request.tools)?))
        .with_opt(
            "tool_choice",
            request.tool_choice.as_ref().map(tools::write_choice).transpose()?,
        );
    Ok(body)
}

/// All but one of several answers would be paid for and thrown away.
fn wants_several(request: &Request) -> bool {
    let extra =
        request.extra.as_deref().and_then(|extra| Object::parse(extra).ok()).unwrap_or_default();
    extra.get("n").is_some_and(|n| !matches!(n.get(), "1" | "null"))
}

/// What the caller calls a field of the vendor's body.
pub(crate) fn field_of(key: &str) -> Option<&'static str> {
    Some(match key {
        "model" => "model",
        "messages" => "messages",
        "stream" | "stream_options" => "stream",
        "max_tokens" | "max_completion_tokens" => "maxTokens",
        "temperature" => "temperature",
        "top_p" => "topP",
        "top_k" => "topK",
        "stop" => "stopSequences",
        "tools" => "tools",
        "tool_choice" => "toolChoice",
        "response_format" => "responseFormat",
        "parallel_tool_calls" => "parallelToolCalls",
        "reasoning_effort" => "effort",
        "seed" => "seed",
        "frequency_penalty" => "frequencyPenalty",
        "presence_penalty" => "presencePenalty",
        "user" => "endUser",
        "service_tier" => "serviceTier",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
