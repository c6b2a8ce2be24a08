//! What the contract's records hold, as JSON for people: absent fields are left out, and JSON texts
//! stand as they are.

use std::borrow::Cow;

use crate::llm::{
    Completion, Event, FinishReason, ImageSource, OtherPart, Part, ProviderError, Text, Thinking,
    ToolUse, Usage,
};

use crate::body::{Fields, Value};
use crate::json;

pub(super) fn completion(completion: &Completion) -> String {
    let shown = object()
        .with("id", Value::Text(&completion.id))
        .with("model", Value::Text(&completion.model))
        .with("parts", Value::List(completion.parts.iter().map(part).collect()))
        .with("finishReason", finish_reason(&completion.finish_reason))
        .with("usage", usage(&completion.usage))
        .with_some("extra", raw(&completion.extra));
    shown.text()
}

pub(super) fn event(event: &Event) -> String {
    let (name, shown) = match event {
        Event::Start(start) => {
            let shown = object()
                .with("id", Value::Text(&start.id))
                .with("model", Value::Text(&start.model));
            ("start", shown.with_some("extra", raw(&start.extra)))
        }
        Event::Text(delta) => ("text", at(delta.index).with("text", Value::Text(&delta.text))),
        Event::Thinking(delta) => {
            let shown = at(delta.index).with("text", Value::Text(&delta.text));
            ("thinking", shown.with_some("signature", text(&delta.signature)))
        }
        Event::ToolUse(delta) => {
            let shown = at(delta.index)
                .with_some("id", text(&delta.id))
                .with_some("name", text(&delta.name));
            ("toolUse", shown.with("input", Value::Text(&delta.input)))
        }
        Event::Part(delta) => ("part", at(delta.index).with("part", part(&delta.part))),
        Event::Usage(counts) => return object().with("usage", usage(counts)).text(),
        Event::Finish(finish) => (
            "finish",
            object()
                .with("reason", finish_reason(&finish.reason))
                .with_some("extra", raw(&finish.extra)),
        ),
        Event::Other(event) => ("other", other(event)),
    };
    object().with(name, Value::Fields(shown)).text()
}

pub(super) fn error(error: &ProviderError) -> String {
    let kind = format!("{:?}", error.kind).replace("ErrorKind::", "");
    let shown = object()
        .with("kind", Value::Text(&kind))
        .with("message", Value::Text(&error.message))
        .with_some("status", error.status.map(|status| Value::Count(status.into())))
        .with_some("code", text(&error.code))
        .with_some("field", text(&error.field))
        .with_some("requestId", text(&error.request_id))
        .with_some("retryAfterMs", error.retry_after_ms.map(Value::Count))
        .with_some("extra", raw(&error.extra));
    object().with("error", Value::Fields(shown)).text()
}

pub(super) fn empty_text() -> Part {
    Part::Text(Text { text: String::new(), extra: None })
}

pub(super) fn empty_thinking() -> Part {
    Part::Thinking(Thinking { text: String::new(), signature: None, extra: None })
}

pub(super) fn empty_tool_use() -> Part {
    Part::ToolUse(ToolUse {
        id: String::new(),
        name: String::new(),
        input: String::new(),
        extra: None,
    })
}

fn part(part: &Part) -> Value<'_> {
    let shown = match part {
        Part::Text(it) => {
            let shown = Fields::of_type("text").with("text", Value::Text(&it.text));
            shown.with_some("extra", raw(&it.extra))
        }
        Part::Thinking(it) => {
            let shown = Fields::of_type("thinking").with("text", Value::Text(&it.text));
            shown.with_some("signature", text(&it.signature)).with_some("extra", raw(&it.extra))
        }
        Part::ToolUse(it) => Fields::of_type("tool_use")
            .with("id", Value::Text(&it.id))
            .with("name", Value::Text(&it.name))
            .with("input", json_text(&it.input))
            .with_some("extra", raw(&it.extra)),
        Part::Image(it) => {
            let shown = match &it.source {
                ImageSource::Url(url) => Fields::of_type("image").with("url", Value::Text(url)),
                ImageSource::Data(data) => Fields::of_type("image")
                    .with("mediaType", Value::Text(&data.media_type))
                    .with("data", Value::Text(&data.base64)),
            };
            shown.with_some("extra", raw(&it.extra))
        }
        Part::ToolResult(it) => panic!("no answer holds the result of a tool: {it:?}"),
        Part::Other(it) => {
            return Value::Fields(Fields::of_type("other").with("other", Value::Fields(other(it))));
        }
    };
    Value::Fields(shown)
}

fn usage(usage: &Usage) -> Value<'_> {
    let count = |count: Option<u32>| count.map(Value::Count);
    let shown = object()
        .with_some("inputTokens", count(usage.input_tokens))
        .with_some("outputTokens", count(usage.output_tokens))
        .with_some("cacheReadTokens", count(usage.cache_read_tokens))
        .with_some("cacheWriteTokens", count(usage.cache_write_tokens))
        .with_some("reasoningTokens", count(usage.reasoning_tokens))
        .with_some("extra", raw(&usage.extra));
    Value::Fields(shown)
}

fn finish_reason(reason: &FinishReason) -> Value<'static> {
    Value::Raw(json::raw(&format!("{reason:?}").replace("FinishReason::", "")))
}

fn other(part: &OtherPart) -> Fields<'_> {
    object().with("kind", Value::Text(&part.kind)).with("json", json_text(&part.json))
}

fn object<'a>() -> Fields<'a> {
    Fields::default()
}

fn at<'a>(index: u32) -> Fields<'a> {
    object().with("index", Value::Count(index))
}

fn text(text: &Option<String>) -> Option<Value<'_>> {
    text.as_deref().map(Value::Text)
}

fn raw(json: &Option<String>) -> Option<Value<'_>> {
    json.as_deref().map(json_text)
}

fn json_text(json: &str) -> Value<'_> {
    Value::Raw(Cow::Borrowed(json::value(json).expect("the contract says JSON")))
}
