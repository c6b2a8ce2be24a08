//! JSON in a plugin's answers, without halves of surrogate pairs: a model that is cut off in an
//! emoji, or a vendor that splits one, leaves them in the arguments of a call or in `extra`. Every
//! answer comes by here once, so doors, cache and log have the same JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::contract::{
    Completion, Event, Finish, Image, NativeBody, OtherPart, Part, PartDelta, ResultPart, Start,
    Text, Thinking, ToolResult, ToolUse, ToolUseDelta, Usage,
};
use crate::surrogates::{MendedPieces, mended};

/// Mends a whole answer.
pub(super) fn completion(completion: &mut Completion) {
    // Taken apart, so that JSON that joins the contract can't be left out.
    let Completion { id: _, model: _, parts, finish_reason: _, usage, native, extra } = completion;
    parts.iter_mut().for_each(part);
    self::usage(usage);
    if let Some(NativeBody { dialect: _, body }) = native {
        json(body);
    }
    optional(extra);
}

/// A streamed answer that is being mended.
#[derive(Debug, Default)]
pub(super) struct MendedEvents {
    /// The calls of which something is held back, by their indexes.
    calls: BTreeMap<u32, MendedPieces>,
}

impl MendedEvents {
    /// Mends the next event and adds it to `out`, behind what was held back if that can't change
    /// any more.
    pub(super) fn add(&mut self, mut event: Event, out: &mut Vec<Event>) {
        match &mut event {
            Event::Text(_) | Event::Thinking(_) => {}
            Event::ToolUse(ToolUseDelta { index, id: _, name: _, input }) => {
                let mut pieces = self.calls.remove(index).unwrap_or_default();
                *input = pieces.add(std::mem::take(input));
                if pieces.is_holding() {
                    self.calls.insert(*index, pieces);
                }
            }
            Event::Part(PartDelta { index, part }) => {
                // It replaces what there was of it.
                self.calls.remove(index);
                self::part(part);
            }
            Event::Start(Start { id: _, model: _, extra }) => optional(extra),
            Event::Usage(usage) => self::usage(usage),
            Event::Finish(Finish { reason: _, extra }) => {
                optional(extra);
                let held = std::mem::take(&mut self.calls).into_iter();
                out.extend(held.filter_map(|(index, pieces)| {
                    let delta = |input| ToolUseDelta { index, id: None, name: None, input };
                    pieces.end().map(delta).map(Event::ToolUse)
                }));
            }
            Event::Other(other) => other_part(other),
        }
        out.push(event);
    }
}

fn part(part: &mut Part) {
    match part {
        Part::Text(text) => self::text(text),
        Part::Image(image) => self::image(image),
        Part::ToolUse(ToolUse { id: _, name: _, input, extra }) => {
            json(input);
            optional(extra);
        }
        Part::ToolResult(ToolResult { tool_use_id: _, content, is_error: _, extra }) => {
            content.iter_mut().for_each(result_part);
            optional(extra);
        }
        Part::Thinking(Thinking { text: _, signature: _, extra }) => optional(extra),
        Part::Other(other) => other_part(other),
    }
}

fn result_part(part: &mut ResultPart) {
    match part {
        ResultPart::Text(text) => self::text(text),
        ResultPart::Image(image) => self::image(image),
        ResultPart::Other(other) => other_part(other),
    }
}

fn text(Text { text: _, extra }: &mut Text) {
    optional(extra);
}

fn image(Image { source: _, extra }: &mut Image) {
    optional(extra);
}

fn other_part(OtherPart { kind: _, json }: &mut OtherPart) {
    self::json(json);
}

fn usage(usage: &mut Usage) {
    let Usage {
        input_tokens: _,
        output_tokens: _,
        cache_read_tokens: _,
        cache_write_tokens: _,
        reasoning_tokens: _,
        extra,
    } = usage;
    optional(extra);
}

fn optional(text: &mut Option<String>) {
    text.iter_mut().for_each(json);
}

fn json(text: &mut String) {
    if let Cow::Owned(mended) = mended(text) {
        *text = mended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::FinishReason;

    const HALF: &str = r#"{"a":"\ud83d"}"#;
    const MENDED: &str = r#"{"a":"\ufffd"}"#;

    fn parts(json: &str) -> Vec<Part> {
        let extra = || Some(json.to_owned());
        let text = || Text { text: r"\ud83d".into(), extra: extra() };
        let other = || OtherPart { kind: "document".into(), json: json.into() };
        vec![
            Part::Text(text()),
            Part::ToolUse(ToolUse {
                id: "t".into(),
                name: "n".into(),
                input: json.into(),
                extra: extra(),
            }),
            Part::ToolResult(ToolResult {
                tool_use_id: "t".into(),
                content: vec![ResultPart::Text(text()), ResultPart::Other(other())],
                is_error: false,
                extra: extra(),
            }),
            Part::Thinking(Thinking { text: "hm".into(), signature: None, extra: extra() }),
            Part::Other(other()),
        ]
    }

    fn whole(json: &str) -> Completion {
        let extra = || Some(json.to_owned());
        Completion {
            id: "m".into(),
            model: "m".into(),
            parts: parts(json),
            finish_reason: FinishReason::ToolUse,
            usage: Usage { extra: extra(), ..Usage::default() },
            native: Some(NativeBody { dialect: "d".into(), body: json.into() }),
            extra: extra(),
        }
    }

    fn call(index: u32, input: &str) -> Event {
        Event::ToolUse(ToolUseDelta { index, id: None, name: None, input: input.into() })
    }

    fn finish(extra: Option<&str>) -> Event {
        let reason = FinishReason::ToolUse;
        Event::Finish(Finish { reason, extra: extra.map(str::to_owned) })
    }

    fn mended_events(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
        let (mut mended, mut out) = (MendedEvents::default(), Vec::new());
        events.into_iter().for_each(|event| mended.add(event, &mut out));
        out
    }

    #[test]
    fn halves_are_mended_in_every_json_and_texts_stay() {
        let mut answer = whole(HALF);
        completion(&mut answer);
        assert_eq!(answer, whole(MENDED));
    }

    #[test]
    fn halves_are_mended_in_every_event() {
        let events = |json: &str| {
            let extra = || Some(json.to_owned());
            let start = Start { id: "m".into(), model: "m".into(), extra: extra() };
            let mut events = vec![Event::Start(start)];
            let parts = parts(json).into_iter().map(|part| PartDelta { index: 1, part });
            events.extend(parts.map(Event::Part));
            events.push(Event::Usage(Usage { extra: extra(), ..Usage::default() }));
            events.push(Event::Other(OtherPart { kind: "k".into(), json: json.into() }));
            events.push(finish(Some(json)));
            events
        };
        assert_eq!(mended_events(events(HALF)), events(MENDED));
    }

    #[test]
    fn arguments_are_mended_across_their_deltas_and_calls_are_not_mixed_up() {
        let came = [
            call(0, r#"{"a":"\ud83d"#),
            call(1, r#"{"b":"\ud83d"#),
            call(0, r#"\ude00"}"#),
            call(1, r#""}"#),
            finish(None),
        ];
        let told = [
            call(0, r#"{"a":""#),
            call(1, r#"{"b":""#),
            call(0, r#"\ud83d\ude00"}"#),
            call(1, r#"\ufffd"}"#),
            finish(None),
        ];
        assert_eq!(mended_events(came), told);
    }

    #[test]
    fn arguments_that_break_off_are_told_to_their_end() {
        let came = [call(0, r#"{"a":"b\ud83d"#), finish(None)];
        let told = [call(0, r#"{"a":"b"#), call(0, r"\ufffd"), finish(None)];
        assert_eq!(mended_events(came), told);
    }
}
