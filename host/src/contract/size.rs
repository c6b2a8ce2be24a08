//! The size of a completion and of an event in memory, counted in one place for every bound on
//! them.
//!
//! Records are taken apart in full, so that a text that joins the contract can't be left out.

use super::{
    Completion, Event, Finish, FinishReason, Image, ImageData, ImageSource, NativeBody, OtherPart,
    Part, PartDelta, ResultPart, Start, Text, TextDelta, Thinking, ThinkingDelta, ToolResult,
    ToolUse, ToolUseDelta, Usage,
};

/// Returns the bytes of a completion: its texts and the records of its parts.
pub(crate) fn completion(completion: &Completion) -> usize {
    let Completion { id, model, parts, finish_reason, usage, native, extra } = completion;
    let native =
        native.as_ref().map_or(0, |NativeBody { dialect, body }| dialect.len() + body.len());
    let parts: usize = parts.iter().map(|one| size_of::<Part>() + part(one)).sum();
    id.len()
        + model.len()
        + parts
        + reason(finish_reason)
        + self::usage(usage)
        + native
        + optional(extra)
}

/// Returns the bytes of the texts in an event.
pub(crate) fn event(event: &Event) -> usize {
    match event {
        Event::Start(Start { id, model, extra }) => id.len() + model.len() + optional(extra),
        Event::Text(TextDelta { index: _, text }) => text.len(),
        Event::Thinking(ThinkingDelta { index: _, text, signature }) => {
            text.len() + optional(signature)
        }
        Event::ToolUse(ToolUseDelta { index: _, id, name, input }) => {
            input.len() + optional(id) + optional(name)
        }
        Event::Part(PartDelta { index: _, part }) => self::part(part),
        Event::Usage(usage) => self::usage(usage),
        Event::Finish(Finish { reason, extra }) => self::reason(reason) + optional(extra),
        Event::Other(other) => self::other(other),
    }
}

fn part(part: &Part) -> usize {
    match part {
        Part::Text(text) => self::text(text),
        Part::Image(image) => self::image(image),
        Part::ToolUse(ToolUse { id, name, input, extra }) => {
            id.len() + name.len() + input.len() + optional(extra)
        }
        Part::ToolResult(ToolResult { tool_use_id, content, is_error: _, extra }) => {
            let content: usize =
                content.iter().map(|part| size_of::<ResultPart>() + result_part(part)).sum();
            tool_use_id.len() + content + optional(extra)
        }
        Part::Thinking(Thinking { text, signature, extra }) => {
            text.len() + optional(signature) + optional(extra)
        }
        Part::Other(other) => self::other(other),
    }
}

fn result_part(part: &ResultPart) -> usize {
    match part {
        ResultPart::Text(text) => self::text(text),
        ResultPart::Image(image) => self::image(image),
        ResultPart::Other(other) => self::other(other),
    }
}

fn text(Text { text, extra }: &Text) -> usize {
    text.len() + optional(extra)
}

fn image(Image { source, extra }: &Image) -> usize {
    let source = match source {
        ImageSource::Data(ImageData { media_type, base64 }) => media_type.len() + base64.len(),
        ImageSource::Url(url) => url.len(),
    };
    source + optional(extra)
}

fn other(OtherPart { kind, json }: &OtherPart) -> usize {
    kind.len() + json.len()
}

fn usage(usage: &Usage) -> usize {
    let Usage {
        input_tokens: _,
        output_tokens: _,
        cache_read_tokens: _,
        cache_write_tokens: _,
        reasoning_tokens: _,
        extra,
    } = usage;
    optional(extra)
}

fn reason(reason: &FinishReason) -> usize {
    match reason {
        FinishReason::Other(reason) => reason.len(),
        FinishReason::EndTurn
        | FinishReason::MaxTokens
        | FinishReason::StopSequence
        | FinishReason::ToolUse
        | FinishReason::Refusal
        | FinishReason::PauseTurn
        | FinishReason::ContextWindowExceeded => 0,
    }
}

fn optional(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}
