//! What the contract's records hold, as JSON for people: absent fields are left out, and JSON texts
//! stand as they are.

use std::borrow::Cow;

use crate::llm::{
    Completion, Event, FinishReason, ImageSource, OtherPart, Part, ProviderError, Text, Thinking,
    ToolUse, Usage,
};

use crate::body::{JsonOut, ObjectWriter};
use crate::json;

pub(super) fn completion(completion: &Completion) -> String {
    let shown = object()
        .with("id", JsonOut::Text(&completion.id))
        .with("model", JsonOut::Text(&completion.model))
        .with("parts", JsonOut::List(completion.parts.iter().map(part).collect()))
        .with("finishReason", finish_reason(&completion.finish_reason))
        .with("usage", usage(&completion.usage))
        .with_opt("extra", raw(&completion.extra));
    shown.text()
}

pub(super) fn event(event: &Event) -> String {
    let (name, shown) = match event {
        Event::Start(start) => {
            let shown = object()
                .with("id", JsonOut::Text(&start.id))
                .with("model", JsonOut::Text(&start.model));
            ("start", shown.with_opt("extra", raw(&start.extra)))
        }
        Event::Text(delta) => ("text", at(delta.index).with("text", JsonOut::Text(&delta.text))),
        Event::Thinking(delta) => {
            let shown = at(delta.index).with("text", JsonOut::Text(&delta.text));
            ("thinking", shown.with_opt("signature", text(&delta.signature)))
        }
        Event::ToolUse(delta) => {
            let shown =
                at(delta.index).with_opt("id", text(&delta.id)).with_opt("name", text(&delta.name));
            ("toolUse", shown.with("input", JsonOut::Text(&delta.input)))
        }
        Event::Part(delta) => ("part", at(delta.index).with("part", part(&delta.part))),
        Event::Usage(counts) => return object().with("usage", usage(counts)).text(),
        Event::Finish(finish) => (
            "finish",
            object()
                .with("reason", finish_reason(&finish.reason))
                .with_opt("extra", raw(&finish.extra)),
        ),
        Event::Other(event) => ("other", other(event)),
    };
    object().with(name, JsonOut::Object(shown)).text()
}

pub(super) fn error(error: &ProviderError) -> String {
    let kind = format!("{:?}", error.kind).replace("ErrorKind::", "");
    let shown = object()
        .with("kind", JsonOut::Text(&kind))
        .with("message", JsonOut::Text(&error.message))
        .with_opt("status", error.status.map(|status| JsonOut::Count(status.into())))
        .with_opt("code", text(&error.code))
        .with_opt("field", text(&error.field))
        .with_opt("requestId", text(&error.request_id))
        .with_opt("retryAfterMs", error.retry_after_ms.map(JsonOut::Count))
        .with_opt("extra", raw(&error.extra));
    object().with("error", JsonOut::Object(shown)).text()
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

fn part(part: &Part) -> JsonOut<'_> {
    let shown = match part {
        Part::Text(it) => {
            let shown = ObjectWriter::of_type("text").with("text", JsonOut::Text(&it.text));
            shown.with_opt("extra", raw(&it.extra))
        }
        Part::Thinking(it) => {
            let shown = ObjectWriter::of_type("thinking").with("text", JsonOut::Text(&it.text));
            shown.with_opt("signature", text(&it.signature)).with_opt("extra", raw(&it.extra))
        }
        Part::ToolUse(it) => ObjectWriter::of_type("tool_use")
            .with("id", JsonOut::Text(&it.id))
            .with("name", JsonOut::Text(&it.name))
            .with("input", json_text(&it.input))
            .with_opt("extra", raw(&it.extra)),
        Part::Image(it) => {
            let shown = match &it.source {
                ImageSource::Url(url) => {
                    ObjectWriter::of_type("image").with("url", JsonOut::Text(url))
                }
                ImageSource::Data(data) => ObjectWriter::of_type("image")
                    .with("mediaType", JsonOut::Text(&data.media_type))
                    .with("data", JsonOut::Text(&data.base64)),
            };
            shown.with_opt("extra", raw(&it.extra))
        }
        Part::ToolResult(it) => panic!("no answer holds the result of a tool: {it:?}"),
        Part::Other(it) => {
            return JsonOut::Object(
                ObjectWriter::of_type("other").with("other", JsonOut::Object(other(it))),
            );
        }
    };
    JsonOut::Object(shown)
}

fn usage(usage: &Usage) -> JsonOut<'_> {
    let count = |count: Option<u32>| count.map(JsonOut::Count);
    let shown = object()
        .with_opt("inputTokens", count(usage.input_tokens))
        .with_opt("outputTokens", count(usage.output_tokens))
        .with_opt("cacheReadTokens", count(usage.cache_read_tokens))
        .with_opt("cacheWriteTokens", count(usage.cache_write_tokens))
        .with_opt("reasoningTokens", count(usage.reasoning_tokens))
        .with_opt("extra", raw(&usage.extra));
    JsonOut::Object(shown)
}

fn finish_reason(reason: &FinishReason) -> JsonOut<'static> {
    JsonOut::Raw(json::raw(&format!("{reason:?}").replace("FinishReason::", "")))
}

fn other(part: &OtherPart) -> ObjectWriter<'_> {
    object().with("kind", JsonOut::Text(&part.kind)).with("json", json_text(&part.json))
}

fn object<'a>() -> ObjectWriter<'a> {
    ObjectWriter::default()
}

fn at<'a>(index: u32) -> ObjectWriter<'a> {
    object().with("index", JsonOut::Count(index))
}

fn text(text: &Option<String>) -> Option<JsonOut<'_>> {
    text.as_deref().map(JsonOut::Text)
}

fn raw(json: &Option<String>) -> Option<JsonOut<'_>> {
    json.as_deref().map(json_text)
}

fn json_text(json: &str) -> JsonOut<'_> {
    JsonOut::Raw(Cow::Borrowed(json::value(json).expect("the contract says JSON")))
}
