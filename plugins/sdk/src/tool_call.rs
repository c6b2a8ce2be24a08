//! The arguments of tool calls, which vendors give as a JSON object or as a text that should hold
//! one, and which the end of an answer may cut off.

use serde_json::value::RawValue;

use crate::body::{JsonOut, ObjectWriter};
use crate::json::{self, Raw};
use crate::llm::{FinishReason, OtherPart, Part};

/// The kind of a part that is a tool call of which the arguments are cut off.
pub const INCOMPLETE: &str = "incomplete_tool_use";

/// Arguments as a vendor gives them.
#[derive(Debug, PartialEq)]
pub enum Arguments {
    /// The text of a JSON object.
    Object(String),
    /// A text that isn't one.
    Broken(String),
}

impl Arguments {
    /// Reads arguments. None are an empty object.
    pub fn read(value: Option<&RawValue>) -> Self {
        let Some(value) = value else { return Self::Object("{}".into()) };
        match json::string(value) {
            Some(text) => Self::of_text(text),
            None if value.get().starts_with('{') => Self::Object(value.get().to_owned()),
            None => Self::Broken(value.get().to_owned()),
        }
    }

    /// Takes a text that should hold an object. One that is blank holds none.
    pub fn of_text(text: String) -> Self {
        if text.trim().is_empty() {
            return Self::Object("{}".into());
        }
        match json::object(&text) {
            Ok(object) => Self::Object(object.get().to_owned()),
            Err(_) => Self::Broken(text),
        }
    }
}

/// Returns true if an answer that ends for this reason may end in the middle of a call.
pub fn may_be_cut(reason: &FinishReason) -> bool {
    match reason {
        FinishReason::MaxTokens
        | FinishReason::ContextWindowExceeded
        | FinishReason::StopSequence
        | FinishReason::Refusal
        | FinishReason::PauseTurn
        | FinishReason::Other(_) => true,
        FinishReason::EndTurn | FinishReason::ToolUse => false,
    }
}

/// A call of which the arguments are cut off, as the contract keeps it.
pub fn incomplete(id: &str, name: &str, input: &str, extra: Option<&str>) -> Part {
    let extra = extra.and_then(|extra| json::object(extra).ok());
    let call = ObjectWriter::default()
        .with("id", JsonOut::Text(id))
        .with("name", JsonOut::Text(name))
        .with("input", JsonOut::Text(input))
        .with_opt("extra", extra.map(|extra| JsonOut::Raw(Raw::Borrowed(extra))));
    Part::Other(OtherPart { kind: INCOMPLETE.into(), json: call.text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_taken_as_an_object_or_as_its_text() {
        let read = |json: &str| Arguments::read(json::value(json).ok());
        let object = |text: &str| Arguments::Object(text.to_owned());
        assert_eq!(Arguments::read(None), object("{}"));
        assert_eq!(read(r#"{"n":1.10}"#), object(r#"{"n":1.10}"#));
        assert_eq!(
            read(r#""{\"n\":2512292042121000001}""#),
            object(r#"{"n":2512292042121000001}"#)
        );
        assert_eq!(read(r#"" ""#), object("{}"));
        assert_eq!(read(r#""{\"a\"""#), Arguments::Broken(r#"{"a""#.into()));
        assert_eq!(read(r#""[1]""#), Arguments::Broken("[1]".into()));
        assert_eq!(read("[1]"), Arguments::Broken("[1]".into()));
        // Halves of characters inside are the arguments' own affair.
        assert_eq!(read(r#""{\"a\":\"\\ud83d\"}""#), object(r#"{"a":"\ud83d"}"#));
    }

    #[test]
    fn what_is_cut_off_is_kept_as_text() {
        let part = incomplete("t", "n", "{\"a\":\"b", Some(r#"{"x":1.10}"#));
        let Part::Other(other) = part else { panic!("{part:?}") };
        assert_eq!(other.kind, "incomplete_tool_use");
        assert_eq!(other.json, r#"{"id":"t","name":"n","input":"{\"a\":\"b","extra":{"x":1.10}}"#);
    }
}
