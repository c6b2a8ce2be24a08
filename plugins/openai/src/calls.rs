//! Calls of tools: whole ones, ones that come in fragments, and ones that are sent back.
//!
//! The vendor gives arguments as a string that should be JSON, and says itself that it may not be.
//! A call that the contract has no place for (arguments that aren't an object, tools that take
//! plain text) stays whole, as `other`.

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object, STRING};
use arete_plugin::llm::{Event, OtherPart, Part, PartDelta, ToolUse, ToolUseDelta};
use arete_plugin::vendor_error::string;
use serde_json::value::RawValue;

use crate::blocks::with_inner;
use crate::merge::Merged;

/// What a call is called that stays whole.
pub(crate) const KIND: &str = "tool_call";

/// A call of a tool as the contract's block.
pub(crate) fn write(call: &ToolUse) -> Result<JsonOut<'_>, Mismatch> {
    let input = json::object(&call.input).map_err(|mismatch| mismatch.within("input"))?;
    let function = ObjectWriter::default()
        .with("name", JsonOut::Text(&call.name))
        .with("arguments", JsonOut::Text(input.get()));
    let outer = ObjectWriter::default()
        .with("id", JsonOut::Text(&call.id))
        .with("type", JsonOut::Text("function"));
    with_inner(outer, "function", function, call.extra.as_deref()).map(JsonOut::Object)
}

/// The calls of a whole answer.
pub(crate) fn read(calls: &RawValue, answer_id: &str) -> Result<Vec<Part>, Mismatch> {
    let Ok(calls) = serde_json::from_str::<Vec<&RawValue>>(calls.get()) else {
        return Err(Mismatch::new("", "should be a list, but isn't"));
    };
    let calls = calls.into_iter().enumerate().map(|(number, call)| {
        let call =
            Object::parse(call.get()).and_then(|call| Call::start(0, number, answer_id, call));
        Ok(call.map_err(|mismatch| mismatch.within(format_args!("[{number}]")))?.0.into_part())
    });
    calls.collect()
}

/// A call of which there may be more to come.
pub(crate) struct Call {
    /// Its block in the answer.
    block: u32,
    /// The vendor's number of it, by which fragments are known.
    index: Option<u32>,
    /// The vendor's id, or one made up for servers that give none: without one, its result
    /// couldn't be sent back.
    id: String,
    name: String,
    arguments: String,
    /// Fields of the call that only the vendor knows.
    extra: Merged,
    /// True if the caller heard of it.
    emitted: bool,
}

impl Call {
    /// The first of a call. The event is what it tells already.
    pub(crate) fn start(
        block: u32,
        number: usize,
        answer_id: &str,
        mut first: Object,
    ) -> Result<(Self, Option<Event>), Mismatch> {
        let id = match (string(&mut first, "id"), answer_id) {
            (Some(id), _) => id,
            (None, "") => format!("call_{number}"),
            (None, answer_id) => format!("{answer_id}_call_{number}"),
        };
        let mut call = Self {
            block,
            index: None,
            id,
            name: String::new(),
            arguments: String::new(),
            extra: Merged::default(),
            emitted: false,
        };
        let event = call.add(first)?;
        Ok((call, event))
    }

    /// Returns true if a fragment belongs to this call. Some servers give every call the same
    /// index, and some none at all; then a name begins another call.
    pub(crate) fn takes(&self, fragment: &Object) -> bool {
        let id = fragment.get("id").and_then(|id| serde_json::from_str::<String>(id.get()).ok());
        let id = id.filter(|id| !id.trim().is_empty());
        let index = fragment.get("index").and_then(|index| index.get().parse().ok());
        match (index, id) {
            (Some(_), Some(id)) => index == self.index && id == self.id,
            (None, Some(id)) => id == self.id,
            (Some(_), None) => index == self.index,
            (None, None) => self.name.is_empty() || !names(fragment),
        }
    }

    /// More of it comes.
    pub(crate) fn add(&mut self, mut fragment: Object) -> Result<Option<Event>, Mismatch> {
        string(&mut fragment, "id");
        self.index =
            fragment.take("index").and_then(|index| index.get().parse().ok()).or(self.index);
        if fragment.get("type").is_some_and(|kind| matches!(kind.get(), r#""function""# | r#""""#))
        {
            fragment.take("type");
        }
        let mut more = String::new();
        if let Some(function) = fragment.take("function") {
            let mut function =
                Object::parse(function.get()).map_err(|mismatch| mismatch.within("function"))?;
            if let Some(name) = string(&mut function, "name").filter(|_| self.name.is_empty()) {
                self.name = name;
            }
            more = arguments(&mut function).map_err(|mismatch| mismatch.within("function"))?;
            if !function.is_empty() {
                self.extra
                    .add(Object::parse(&format!("{{\"function\":{}}}", json::text(&function)))?);
            }
        }
        self.extra.add(fragment);
        self.arguments.push_str(&more);
        Ok(self.tell(more))
    }

    /// What is left to tell when the answer is whole.
    pub(crate) fn end(self) -> Option<Event> {
        let index = self.block;
        let fits = self.input().is_some() && extra(&self.extra).is_none();
        (!self.emitted || !fits).then(|| Event::Part(PartDelta { index, part: self.into_part() }))
    }

    /// The first that the caller hears has the name, and what had come before the name did.
    fn tell(&mut self, more: String) -> Option<Event> {
        let first = !self.emitted && !self.name.is_empty();
        if !first && (more.is_empty() || !self.emitted) {
            return None;
        }
        self.emitted = true;
        Some(Event::ToolUse(ToolUseDelta {
            index: self.block,
            id: first.then(|| self.id.clone()),
            name: first.then(|| self.name.clone()),
            input: if first { self.arguments.clone() } else { more },
        }))
    }

    /// The arguments, if the contract has a place for them.
    fn input(&self) -> Option<&str> {
        if self.name.is_empty() {
            return None;
        }
        let arguments = if self.arguments.trim().is_empty() { "{}" } else { &self.arguments };
        json::object(arguments).ok().map(RawValue::get)
    }

    fn into_part(self) -> Part {
        let extra = extra(&self.extra);
        match self.input().map(str::to_owned) {
            Some(input) => Part::ToolUse(ToolUse { id: self.id, name: self.name, input, extra }),
            None => {
                Part::Other(OtherPart { kind: KIND.into(), json: self.whole(extra.as_deref()) })
            }
        }
    }

    /// As the vendor has it.
    fn whole(&self, extra: Option<&str>) -> String {
        let outer = ObjectWriter::default().with("id", JsonOut::Text(&self.id));
        let call = if self.name.is_empty() {
            outer.with_extra(extra)
        } else {
            let function = ObjectWriter::default()
                .with("name", JsonOut::Text(&self.name))
                .with("arguments", JsonOut::Text(&self.arguments));
            let outer = outer.with("type", JsonOut::Text("function"));
            with_inner(outer, "function", function, extra).map(JsonOut::Object)
        };
        call.map_or_else(|_| "{}".into(), |call| call.text())
    }
}

/// A string that should hold JSON; some servers give the JSON itself.
fn arguments(function: &mut Object) -> Result<String, Mismatch> {
    let Some(arguments) = function.take("arguments") else { return Ok(String::new()) };
    match arguments.get() {
        object if object.starts_with('{') => Ok(object.to_owned()),
        text => serde_json::from_str(text)
            .map_err(|_| Mismatch::new("arguments", format!("should be {STRING}"))),
    }
}

fn extra(fields: &Merged) -> Option<String> {
    Object::parse(&json::text(fields)).unwrap_or_default().into_extra()
}

fn names(fragment: &Object) -> bool {
    let function = fragment.get("function").and_then(|function| Object::parse(function.get()).ok());
    function.is_some_and(|mut function| string(&mut function, "name").is_some())
}
