//! The conversation in the vendor's words.
//!
//! The contract has one list of blocks for each message. The vendor spreads them: the results of
//! tools are messages of their own, tool calls stand beside the content, and so do thoughts, where
//! a server takes them at all.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::{Message, OtherPart, Part, ResultPart, Role, Text, ToolResult};
use arete_plugin::request::role;
use serde_json::value::RawValue;

use crate::settings::Habits;
use crate::{blocks, calls};

/// All messages, in order.
pub(crate) fn write<'a>(
    messages: &'a [Message],
    habits: &Habits,
) -> Result<Vec<JsonOut<'a>>, Mismatch> {
    let mut written = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        write_message(message, habits, &mut written)
            .map_err(|mismatch| mismatch.within(format_args!("messages[{index}]")))?;
    }
    Ok(written)
}

/// Results of tools go first: the vendor wants them right behind the calls that they answer, and
/// what else the user says behind them.
fn write_message<'a>(
    message: &'a Message,
    habits: &Habits,
    written: &mut Vec<JsonOut<'a>>,
) -> Result<(), Mismatch> {
    let results = message.content.iter().filter(|part| matches!(part, Part::ToolResult(_))).count();
    let alone = 0 < results && results == message.content.len();
    if message.extra.is_some() && alone && results != 1 {
        let says = "can't be sent: it could belong to each of the results, which are messages of their own";
        return Err(Mismatch::new("extra", says));
    }

    for (place, part) in message.content.iter().enumerate() {
        let Part::ToolResult(result) = part else { continue };
        let extra = message.extra.as_deref().filter(|_| alone);
        let result = match message.role {
            Role::System | Role::Assistant => Err(misplaced("the result of a tool", "user")),
            Role::User | Role::Other(_) => write_result(result),
        };
        let result =
            result.map_err(|mismatch| mismatch.within(format_args!("content[{place}]")))?;
        written.push(JsonOut::Object(with_extra(result, extra)?));
    }
    if !alone {
        let said = Said::read(message, habits)?.write(message, habits);
        written.push(JsonOut::Object(with_extra(said?, message.extra.as_deref())?));
    }
    Ok(())
}

/// A message without its results of tools.
#[derive(Default)]
struct Said<'a> {
    content: Vec<JsonOut<'a>>,
    /// The content, if it is one text and nothing else; the vendor takes it without a list around
    /// it.
    plain: Option<&'a str>,
    thoughts: Vec<&'a str>,
    calls: Vec<JsonOut<'a>>,
    /// Fields of the message that only the vendor knows.
    fields: Vec<Object<'a>>,
}

impl<'a> Said<'a> {
    fn read(message: &'a Message, habits: &Habits) -> Result<Self, Mismatch> {
        let mut said = Self::default();
        for (place, part) in message.content.iter().enumerate() {
            said.add(part, message, habits)
                .map_err(|mismatch| mismatch.within(format_args!("content[{place}]")))?;
        }
        Ok(said)
    }

    fn add(&mut self, part: &'a Part, message: &Message, habits: &Habits) -> Result<(), Mismatch> {
        let of_model = !matches!(message.role, Role::System | Role::User);
        match part {
            Part::ToolResult(_) => {}
            // Some servers refuse a text that says nothing; beside anything else it isn't missed.
            Part::Text(text) if blocks::is_blank(text) && 1 < message.content.len() => {}
            Part::Text(text) => {
                self.plain = plain(text).filter(|_| self.content.is_empty());
                self.content.push(blocks::write_text(text)?);
            }
            Part::Image(image) => self.push(blocks::write_image(image)?),
            Part::ToolUse(call) if of_model => self.calls.push(calls::write(call)?),
            Part::ToolUse(_) => return Err(misplaced("the call of a tool", "assistant")),
            Part::Thinking(thinking) if of_model => {
                self.thoughts.extend(habits.thinking_field.map(|_| thinking.text.as_str()));
            }
            Part::Thinking(_) => return Err(misplaced("a thought of the model", "assistant")),
            Part::Other(other) => self.add_other(other)?,
        }
        Ok(())
    }

    /// A call goes to the calls. Of the rest, what is part of the content says its `type`, and
    /// anything else is fields of the message itself.
    fn add_other(&mut self, other: &'a OtherPart) -> Result<(), Mismatch> {
        let value = json::object(&other.json).map_err(|mismatch| mismatch.within("json"))?;
        let fields = Object::parse(value.get()).map_err(|mismatch| mismatch.within("json"))?;
        if other.kind == calls::KIND {
            self.calls.push(JsonOut::Raw(Cow::Borrowed(value)));
        } else if fields.get("type").is_some() {
            self.push(JsonOut::Raw(Cow::Borrowed(value)));
        } else {
            self.fields.push(fields);
        }
        Ok(())
    }

    fn push(&mut self, block: JsonOut<'a>) {
        self.plain = None;
        self.content.push(block);
    }

    fn write(self, message: &'a Message, habits: &Habits) -> Result<ObjectWriter<'a>, Mismatch> {
        let content = match self.plain {
            Some(text) => JsonOut::Text(text),
            None if !self.content.is_empty() => JsonOut::List(self.content),
            // The vendor wants the field, and takes nothing in it beside a call.
            None if self.calls.is_empty() && self.fields.is_empty() => JsonOut::Text(""),
            None => JsonOut::Raw(Cow::Borrowed(RawValue::NULL)),
        };
        let thoughts = (!self.thoughts.is_empty()).then_some(JsonOut::Joined(self.thoughts));
        let mut fields = ObjectWriter::default()
            .with("role", JsonOut::Text(role(&message.role)))
            .with("content", content);
        if let Some(field) = habits.thinking_field {
            fields = fields.with_opt(field, thoughts);
        }
        if !self.calls.is_empty() {
            fields = fields.with("tool_calls", JsonOut::List(self.calls));
        }
        for more in self.fields {
            fields = fields.merge(more)?;
        }
        Ok(fields)
    }
}

/// The vendor has no mark for a tool that failed, but the model should know; so it is told in
/// words.
fn write_result(result: &ToolResult) -> Result<ObjectWriter<'_>, Mismatch> {
    let plain = match result.content.as_slice() {
        [] => Some(""),
        [ResultPart::Text(text)] => plain(text),
        _ => None,
    };
    let content = match plain {
        Some("") if result.is_error => JsonOut::Text("Error"),
        Some(text) if result.is_error => JsonOut::Joined(vec!["Error: ", text]),
        Some(text) => JsonOut::Text(text),
        None => match result_blocks(result)? {
            blocks if blocks.is_empty() => JsonOut::Text(""),
            blocks => JsonOut::List(blocks),
        },
    };
    let fields = ObjectWriter::default()
        .with("role", JsonOut::Text("tool"))
        .with("tool_call_id", JsonOut::Text(&result.tool_use_id))
        .with("content", content);
    with_extra(fields, result.extra.as_deref())
}

fn result_blocks(result: &ToolResult) -> Result<Vec<JsonOut<'_>>, Mismatch> {
    let failed = ObjectWriter::of_type("text").with("text", JsonOut::Text("Error:"));
    let mut blocks = Vec::from_iter(result.is_error.then_some(JsonOut::Object(failed)));
    for (place, part) in result.content.iter().enumerate() {
        let block = match part {
            ResultPart::Text(text) if blocks::is_blank(text) => continue,
            ResultPart::Text(text) => blocks::write_text(text),
            ResultPart::Image(_) => {
                let says = "is a picture, which the Chat Completions API doesn't take from a tool; a message of the user \
                            behind the result can hold it";
                Err(Mismatch::new("", says))
            }
            ResultPart::Other(other) => blocks::write_other(other),
        };
        blocks.push(block.map_err(|mismatch| mismatch.within(format_args!("content[{place}]")))?);
    }
    Ok(blocks)
}

fn with_extra<'a>(
    fields: ObjectWriter<'a>,
    extra: Option<&'a str>,
) -> Result<ObjectWriter<'a>, Mismatch> {
    let Some(extra) = extra else { return Ok(fields) };
    let merged = Object::parse(extra).and_then(|extra| fields.merge(extra));
    merged.map_err(|mismatch| mismatch.within("extra"))
}

fn plain(text: &Text) -> Option<&str> {
    text.extra.is_none().then_some(text.text.as_str())
}

fn misplaced(what: &str, role: &str) -> Mismatch {
    Mismatch::new("", format!("is {what} and belongs into a message of the role `{role}`"))
}
