//! A block of a streamed answer while it grows: how it starts, what may be added to it, and what
//! its end has to tell.
//!
//! Text, thoughts and arguments go out as they come. What the contract has no delta for (citations,
//! fields that only the vendor knows, blocks of other kinds) goes out with the whole block at its
//! end, which replaces the deltas.

use arete_plugin::json::{self, LIST, Mismatch, OBJECT, Object, Raw, STRING};
use arete_plugin::llm::{
    Event, OtherPart, Part, PartDelta, Text, TextDelta, Thinking, ThinkingDelta, ToolUse,
    ToolUseDelta,
};
use arete_plugin::surrogates::PairJoiner;
use arete_plugin::tool_call::Arguments;
use arete_plugin::vendor_error::{self, Broken};
use serde_json::value::RawValue;

use crate::blocks;

/// A block that has started and not ended.
pub(crate) struct OpenBlock {
    index: u32,
    block: Block,
    /// Fields that only the vendor knows; for a block of another kind, the whole block.
    fields: Object<'static>,
    /// The text, thoughts or arguments as they come.
    pieces: PairJoiner,
    /// True if any delta told of the block. One that nobody heard of is told at its end.
    emitted: bool,
}

enum Block {
    Text { text: String, citations: Option<Vec<Box<RawValue>>> },
    Thinking { text: String, signature: Option<String> },
    ToolUse { id: String, name: String, input: Input },
    Other { kind: String, input: String },
}

/// The arguments of a tool call: given at once with the start, or bit by bit.
struct Input {
    given: Option<String>,
    text: String,
}

impl OpenBlock {
    /// A block starts. The event is what its start tells already.
    pub(crate) fn start(index: u32, block: &RawValue) -> Result<(Self, Option<Event>), Mismatch> {
        let mut fields = Object::parse(block.get())?.into_owned();
        let kind: String = fields.require_as("type", STRING)?;
        let (block, event) = match kind.as_str() {
            "text" => start_text(index, &mut fields)?,
            "thinking" => start_thinking(index, &mut fields)?,
            "tool_use" => start_tool_use(index, &mut fields)?,
            _ => {
                fields = Object::parse(block.get())?.into_owned();
                (Block::Other { kind, input: String::new() }, None)
            }
        };
        let emitted = event.is_some();
        let open = Self { index, block, fields, pieces: PairJoiner::default(), emitted };
        Ok((open, event))
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// More text comes, which isn't empty. Absent if it isn't a block of text.
    pub(crate) fn add_text(&mut self, mut more: String) -> Option<Event> {
        let Block::Text { text, .. } = &mut self.block else { return None };
        if let Some(lost) = self.pieces.end() {
            more.insert_str(0, &lost);
        }
        text.push_str(&more);
        self.emitted = true;
        Some(Event::Text(TextDelta { index: self.index, text: more }))
    }

    /// More of it comes. `whole` is the vendor's event, passed on where the kind of delta isn't
    /// known.
    pub(crate) fn add(&mut self, mut delta: Object, whole: &str) -> Result<Option<Event>, Broken> {
        let index = self.index;
        let kind: String = delta.require_as("type", STRING)?;
        let event = match (&mut self.block, kind.as_str()) {
            (Block::Text { text, .. }, "text_delta") => {
                let more = delta.require_piece("text", &mut self.pieces)?;
                text.push_str(&more);
                is_not_empty(&more).then_some(Event::Text(TextDelta { index, text: more }))
            }
            (Block::Text { citations, .. }, "citations_delta") => {
                let citation = delta.require("citation", OBJECT)?.into_owned();
                citations.get_or_insert_default().push(citation);
                None
            }
            (Block::Thinking { text, .. }, "thinking_delta") => {
                let more = delta.require_piece("thinking", &mut self.pieces)?;
                text.push_str(&more);
                is_not_empty(&more).then_some(Event::Thinking(ThinkingDelta {
                    index,
                    text: more,
                    signature: None,
                }))
            }
            (Block::Thinking { signature, .. }, "signature_delta") => {
                let proof: String = delta.require_as("signature", STRING)?;
                *signature = Some(proof.clone());
                Some(Event::Thinking(ThinkingDelta {
                    index,
                    text: String::new(),
                    signature: Some(proof),
                }))
            }
            (Block::ToolUse { input, .. }, "input_json_delta") => {
                let more = arguments(&mut delta, &mut self.pieces)?;
                input.text.push_str(&more);
                is_not_empty(&more).then_some(Event::ToolUse(ToolUseDelta {
                    index,
                    id: None,
                    name: None,
                    input: more,
                }))
            }
            (Block::Other { input, .. }, "input_json_delta") => {
                input.push_str(&arguments(&mut delta, &mut self.pieces)?);
                None
            }
            (Block::Other { kind: block, .. }, _) if is_own(block, &kind, &self.fields) => {
                grow(&mut self.fields, delta);
                None
            }
            (
                block,
                "text_delta" | "citations_delta" | "thinking_delta" | "signature_delta"
                | "input_json_delta",
            ) => {
                let block = vendor_error::word(block.kind());
                return Err(Broken(format!("a `{kind}` doesn't fit a block of type `{block}`")));
            }
            _ => return Ok(Some(Event::Other(OtherPart { kind, json: whole.to_owned() }))),
        };
        self.emitted |= event.is_some();
        Ok(event)
    }

    /// Returns true if it calls a tool.
    pub(crate) fn is_call(&self) -> bool {
        blocks::names_call(self.block.kind())
    }

    /// It is whole. The events are what the deltas left untold.
    pub(crate) fn end(mut self) -> Vec<Event> {
        let lost = self.pieces.end().and_then(|lost| self.add_lost(lost));
        lost.into_iter().chain(self.untold()).collect()
    }

    /// The character in the place of half of one of which the other half never came.
    fn add_lost(&mut self, lost: String) -> Option<Event> {
        let index = self.index;
        self.emitted = true;
        match &mut self.block {
            Block::Text { text, .. } => {
                text.push_str(&lost);
                Some(Event::Text(TextDelta { index, text: lost }))
            }
            Block::Thinking { text, .. } => {
                text.push_str(&lost);
                Some(Event::Thinking(ThinkingDelta { index, text: lost, signature: None }))
            }
            Block::ToolUse { input, .. } => {
                input.text.push_str(&lost);
                Some(Event::ToolUse(ToolUseDelta { index, id: None, name: None, input: lost }))
            }
            Block::Other { input, .. } => {
                input.push_str(&lost);
                None
            }
        }
    }

    fn untold(self) -> Option<Event> {
        let Self { index, block, mut fields, pieces: _, emitted } = self;
        let part = match block {
            Block::Text { text, citations } => {
                if let Some(citations) = citations {
                    fields.set("citations", json::raw(&citations));
                }
                let extra = fields.into_extra();
                (extra.is_some() || !emitted).then_some(Part::Text(Text { text, extra }))
            }
            Block::Thinking { text, signature } => {
                let extra = fields.into_extra();
                (extra.is_some() || !emitted).then_some(Part::Thinking(Thinking {
                    text,
                    signature,
                    extra,
                }))
            }
            Block::ToolUse { id, name, input } => {
                let extra = fields.into_extra();
                let untold = extra.is_some() || (input.text.is_empty() && input.given.is_some());
                // Arguments that the limit of tokens cut off are no JSON; then the deltas are all
                // there is to say.
                let input = untold.then(|| input.whole()).flatten();
                input.map(|input| Part::ToolUse(ToolUse { id, name, input, extra }))
            }
            Block::Other { kind, input } => {
                if !input.is_empty() {
                    fields.set("input", input_value(&input));
                }
                Some(Part::Other(OtherPart { kind, json: json::text(&fields) }))
            }
        };
        part.map(|part| Event::Part(PartDelta { index, part }))
    }
}

impl Block {
    fn kind(&self) -> &str {
        match self {
            Self::Text { .. } => "text",
            Self::Thinking { .. } => "thinking",
            Self::ToolUse { .. } => "tool_use",
            Self::Other { kind, .. } => kind,
        }
    }
}

impl Input {
    /// Absent when it isn't whole.
    fn whole(self) -> Option<String> {
        let text = if self.text.is_empty() {
            self.given.unwrap_or_else(|| "{}".into())
        } else {
            self.text
        };
        json::object(&text).is_ok().then_some(text)
    }
}

fn start_text(index: u32, fields: &mut Object) -> Result<(Block, Option<Event>), Mismatch> {
    let text: String = fields.read("text", STRING)?.unwrap_or_default();
    let citations = fields.read("citations", LIST)?;
    let event = is_not_empty(&text).then(|| Event::Text(TextDelta { index, text: text.clone() }));
    Ok((Block::Text { text, citations }, event))
}

fn start_thinking(index: u32, fields: &mut Object) -> Result<(Block, Option<Event>), Mismatch> {
    let text: String = fields.read("thinking", STRING)?.unwrap_or_default();
    let signature: Option<String> =
        fields.read("signature", STRING)?.filter(|signature: &String| is_not_empty(signature));
    let event = (is_not_empty(&text) || signature.is_some()).then(|| {
        Event::Thinking(ThinkingDelta { index, text: text.clone(), signature: signature.clone() })
    });
    Ok((Block::Thinking { text, signature }, event))
}

fn start_tool_use(index: u32, fields: &mut Object) -> Result<(Block, Option<Event>), Mismatch> {
    let id: String = fields.require_as("id", STRING)?;
    let name: String = fields.require_as("name", STRING)?;
    let (given, text) = match Arguments::read(fields.take("input").as_deref()) {
        Arguments::Object(input) => (Some(input), String::new()),
        Arguments::Broken(text) => (None, text),
    };
    let given = given.filter(|input| Object::parse(input).is_ok_and(|input| !input.is_empty()));
    let first =
        ToolUseDelta { index, id: Some(id.clone()), name: Some(name.clone()), input: text.clone() };
    Ok((Block::ToolUse { id, name, input: Input { given, text } }, Some(Event::ToolUse(first))))
}

/// A piece of arguments; or all of them, from servers that give the object itself.
fn arguments(delta: &mut Object, pieces: &mut PairJoiner) -> Result<String, Mismatch> {
    const KEY: &str = "partial_json";
    match delta.get(KEY).filter(|input| input.get().starts_with('{')) {
        Some(object) => Ok(object.get().to_owned()),
        None => delta.require_piece(KEY, pieces),
    }
}

/// Vendors send empty pieces to mark a start; there is nothing in them to pass on.
fn is_not_empty(text: &str) -> bool {
    !text.is_empty()
}

/// Returns true if a delta adds to a block that the contract has no case for: it is named after the
/// block, as `compaction_delta` is after `compaction`, or it is one of the known deltas and the
/// block has the field that such a delta adds to.
fn is_own(block: &str, delta: &str, fields: &Object) -> bool {
    let field = match delta {
        "text_delta" => "text",
        "thinking_delta" => "thinking",
        "signature_delta" => "signature",
        _ => return delta.strip_suffix("_delta") == Some(block),
    };
    fields.get(field).is_some()
}

/// Adds as all known deltas do: a string goes to the end of the field of the same name, anything
/// else takes its place.
fn grow(fields: &mut Object<'static>, delta: Object) {
    let string = |value: &RawValue| json::string(value);
    for (key, value) in delta.into_owned() {
        let longer = match (fields.get(&key).and_then(string), string(&value)) {
            (Some(text), Some(more)) => json::raw(&(text + &more)),
            _ => value,
        };
        fields.set(&key, longer);
    }
}

/// What was cut off is no JSON. It is kept as text rather than lost.
fn input_value(input: &str) -> Raw<'static> {
    match json::value(input) {
        Ok(input) => Raw::Owned(input.to_owned()),
        Err(_) => json::raw(&input),
    }
}
