//! Tool calls of which the arguments are cut off. The contract's `tool-use` promises an object, so
//! such a call is kept as an `other` part, its arguments as the text that came: streams get theirs
//! here, and plugins give it in whole answers. No vendor takes half a call back, so requests lose
//! it here too.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::contract::{FinishReason, Message, OtherPart, Part, ToolUse};

/// The kind of the part, as `wit/provider.wit` names it.
const KIND: &str = "incomplete_tool_use";

/// The JSON of the part.
#[derive(Serialize)]
struct IncompleteToolUse<'a> {
    id: &'a str,
    name: &'a str,
    input: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
}

/// The place of a tool call among the parts of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Other parts come after it, so its end was reached.
    Before,
    /// It is the last part: if the answer was cut off, then here.
    Last,
}

/// Returns a tool call whose arguments came as text as the part that it is, or nothing if they
/// aren't an object although the answer ended as an answer does.
pub(super) fn settled(call: ToolUse, place: Place, reason: &FinishReason) -> Option<Part> {
    let blank = call.input.trim().is_empty();
    if blank && !(place == Place::Last && is_out_of_tokens(reason)) {
        return Some(Part::ToolUse(ToolUse { input: "{}".into(), ..call }));
    }
    if is_object(&call.input) {
        return Some(Part::ToolUse(call));
    }
    may_cut(reason).then(|| part(&call)).flatten()
}

/// Takes the incomplete calls out of messages, and messages that hold nothing else.
pub(crate) fn take_out(messages: &mut Vec<Message>) {
    messages.retain_mut(|message| {
        let before = message.content.len();
        message.content.retain(|part| !matches!(part, Part::Other(other) if other.kind == KIND));
        before == message.content.len() || !message.content.is_empty()
    });
}

/// Returns true if an answer that ends for this reason may end in the middle of a call. No
/// wildcards: a new reason stops compiling until somebody decides.
fn may_cut(reason: &FinishReason) -> bool {
    match reason {
        FinishReason::MaxTokens
        | FinishReason::ContextWindowExceeded
        // The text that stops may stand in the arguments.
        | FinishReason::StopSequence
        | FinishReason::Refusal
        | FinishReason::PauseTurn
        | FinishReason::Other(_) => true,
        FinishReason::EndTurn | FinishReason::ToolUse => false,
    }
}

/// Returns true if the answer ended because no token was left for more.
fn is_out_of_tokens(reason: &FinishReason) -> bool {
    matches!(reason, FinishReason::MaxTokens | FinishReason::ContextWindowExceeded)
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|value| value.get().starts_with('{'))
}

fn part(call: &ToolUse) -> Option<Part> {
    let ToolUse { id, name, input, extra } = call;
    let extra = extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok());
    let json = serde_json::to_string(&IncompleteToolUse { id, name, input, extra }).ok()?;
    Some(Part::Other(OtherPart { kind: KIND.into(), json }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Role, Text};

    fn call(input: &str) -> ToolUse {
        ToolUse { id: "t".into(), name: "n".into(), input: input.into(), extra: None }
    }

    fn incomplete(input: &str) -> Option<Part> {
        let json = format!(r#"{{"id":"t","name":"n","input":{}}}"#, serde_json::json!(input));
        Some(Part::Other(OtherPart { kind: "incomplete_tool_use".into(), json }))
    }

    #[test]
    fn arguments_that_are_cut_off_are_kept_as_text_and_whole_ones_as_they_are() {
        for reason in [
            FinishReason::MaxTokens,
            FinishReason::ContextWindowExceeded,
            FinishReason::StopSequence,
            FinishReason::Refusal,
            FinishReason::PauseTurn,
            FinishReason::Other("new".into()),
        ] {
            for text in [r#"{"text":"it was a da"#, "[1]", "7", r#"{"a":1}}"#] {
                assert_eq!(settled(call(text), Place::Before, &reason), incomplete(text), "{text}");
            }
            let whole = r#" {"a":1.10}"#;
            assert_eq!(
                settled(call(whole), Place::Last, &reason),
                Some(Part::ToolUse(call(whole)))
            );
        }
    }

    #[test]
    fn arguments_that_are_no_object_contradict_an_answer_that_ended() {
        for reason in [FinishReason::EndTurn, FinishReason::ToolUse] {
            assert_eq!(settled(call(r#"{"a""#), Place::Last, &reason), None);
            assert_eq!(settled(call(" "), Place::Last, &reason), Some(Part::ToolUse(call("{}"))));
        }
    }

    #[test]
    fn a_last_call_that_no_tokens_were_left_for_is_not_one_without_arguments() {
        let reason = FinishReason::MaxTokens;
        assert_eq!(settled(call(""), Place::Last, &reason), incomplete(""));
        assert_eq!(settled(call(""), Place::Before, &reason), Some(Part::ToolUse(call("{}"))));
        let stop = FinishReason::StopSequence;
        assert_eq!(settled(call(""), Place::Last, &stop), Some(Part::ToolUse(call("{}"))));
    }

    #[test]
    fn what_the_vendor_keeps_with_a_call_stays_with_it() {
        let extra = Some(r#"{"caller":{"n":1.10}}"#.to_owned());
        let part = settled(ToolUse { extra, ..call("{") }, Place::Last, &FinishReason::MaxTokens);
        let Some(Part::Other(other)) = part else { panic!("{part:?}") };
        assert_eq!(
            other.json,
            r#"{"id":"t","name":"n","input":"{","extra":{"caller":{"n":1.10}}}"#
        );
    }

    #[test]
    fn an_incomplete_call_is_taken_out_of_requests_and_nothing_else_is() {
        let text = || Part::Text(Text { text: String::new(), extra: None });
        let other = |kind: &str| Part::Other(OtherPart { kind: kind.into(), json: "{}".into() });
        let message = |content| Message { role: Role::Assistant, content, extra: None };
        let mut messages = vec![
            message(vec![text(), other(KIND), other("document")]),
            message(vec![other(KIND), other(KIND)]),
            message(vec![text()]),
        ];
        take_out(&mut messages);
        assert_eq!(messages, [message(vec![text(), other("document")]), message(vec![text()])]);
    }
}
