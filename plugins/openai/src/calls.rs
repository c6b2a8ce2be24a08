//! Calls of tools: whole ones, ones that come in fragments, and ones that are sent back.
//!
//! The vendor gives arguments as a string that should be JSON, and says itself that it may not be.
//! A call that the contract has no place for (arguments that aren't an object, tools that take
//! plain text) stays whole, as `other`; one that the end of the answer cut off is kept as the
//! contract keeps those.

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object, Raw, STRING};
use arete_plugin::llm::{Event, FinishReason, OtherPart, Part, PartDelta, ToolUse, ToolUseDelta};
use arete_plugin::surrogates::PairJoiner;
use arete_plugin::tool_call;
use arete_plugin::vendor_error::string;
use serde_json::value::RawValue;

use crate::blocks::with_inner;
use crate::merge::{Merged, is_nothing};

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
pub(crate) fn read(calls: &RawValue, answer_id: &str) -> Result<Vec<Call>, Mismatch> {
    let Ok(calls) = serde_json::from_str::<Vec<&RawValue>>(calls.get()) else {
        return Err(Mismatch::new("", "should be a list, but isn't"));
    };
    let calls = calls.into_iter().enumerate().map(|(number, call)| {
        let call =
            Object::parse(call.get()).and_then(|call| Call::start(0, number, answer_id, call));
        Ok(call.map_err(|mismatch| mismatch.within(format_args!("[{number}]")))?.0)
    });
    calls.collect()
}

/// The call of the only function there was in 2023, as one of today.
pub(crate) fn of_function(function: Raw<'_>) -> Object<'_> {
    let mut call = Object::default();
    call.set("function", function);
    call
}

/// The parts of calls, in the order in which they stand in the answer, which ended for this reason.
pub(crate) fn parts(calls: Vec<Call>, reason: &FinishReason) -> Vec<Part> {
    let last = calls.len().saturating_sub(1);
    let cut = |place| Cut::of(reason, place == last);
    calls.into_iter().enumerate().map(|(place, call)| call.into_part(cut(place))).collect()
}

/// The effect that the end of an answer may have had on a call.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cut {
    /// Nothing: the answer ended as it should.
    Nowhere,
    /// It may have cut the arguments off.
    InArguments,
    /// It may even have come before them: no token was left, and the call was the last.
    BeforeArguments,
}

impl Cut {
    pub(crate) fn of(reason: &FinishReason, is_last: bool) -> Self {
        match reason {
            FinishReason::MaxTokens | FinishReason::ContextWindowExceeded if is_last => {
                Self::BeforeArguments
            }
            reason if tool_call::may_be_cut(reason) => Self::InArguments,
            _ => Self::Nowhere,
        }
    }
}

/// The calls of an answer, as they come in fragments.
#[derive(Default)]
pub(crate) struct Calls(Vec<Call>);

impl Calls {
    /// Takes a fragment. `new_block` gives the block of a call that begins with it. The event is
    /// what it tells already.
    pub(crate) fn add(
        &mut self,
        fragment: Object,
        answer_id: &str,
        new_block: impl FnOnce() -> u32,
    ) -> Result<Option<Event>, Mismatch> {
        if let Some(known) = self.known(&fragment).and_then(|place| self.0.get_mut(place)) {
            return known.add(fragment);
        }
        let (call, event) = Call::start(new_block(), self.0.len(), answer_id, fragment)?;
        self.0.push(call);
        Ok(event)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Call> {
        self.0
    }

    /// The place of the call that a fragment belongs to. The vendor marks the fragments of a call by
    /// an index and the first one by an id and a name. Some servers give every call the same index,
    /// some none at all, and some every fragment an id of its own; a name is what only the
    /// beginning of a call has.
    fn known(&self, fragment: &Object) -> Option<usize> {
        let Marks { index, id, name, has_arguments } = Marks::of(fragment);
        let latest = self.0.len().checked_sub(1)?;
        let of_index = || self.0.iter().rposition(|call| index.is_some() && call.index == index);
        let marked = self.0.iter().rposition(|call| match (index, &id) {
            (Some(_), Some(id)) => call.index == index && call.id == *id,
            (None, Some(id)) => call.id == *id,
            (Some(_), None) => call.index == index,
            (None, None) => false,
        });
        let Some(name) = name else {
            return match index {
                Some(_) => marked.or_else(of_index),
                None => marked.or(Some(latest)),
            };
        };
        let nameless = |place: &usize| self.0.get(*place).is_some_and(|call| call.name.is_empty());
        match marked {
            Some(place) => {
                let another = self
                    .0
                    .get(place)
                    .is_some_and(|call| call.is_followed_by(&name, has_arguments, id.is_some()));
                (!another).then_some(place)
            }
            // Its name comes after its arguments.
            None if index.is_some() => of_index().filter(nameless),
            None if id.is_none() => Some(latest).filter(nameless),
            None => None,
        }
    }
}

/// The marks of a fragment.
struct Marks {
    index: Option<u32>,
    id: Option<String>,
    name: Option<String>,
    has_arguments: bool,
}

impl Marks {
    fn of(fragment: &Object) -> Self {
        let inner = ["function", "custom"]
            .iter()
            .find_map(|key| Some(Object::parse(fragment.get(key)?.get()).ok()?.into_owned()));
        let mut inner = inner.unwrap_or_default();
        Self {
            index: fragment.get("index").and_then(|index| index.get().parse().ok()),
            id: fragment.get("id").and_then(json::string).filter(|id| !id.trim().is_empty()),
            name: string(&mut inner, "name"),
            has_arguments: inner.get("arguments").is_some_and(|it| !is_nothing(it.get())),
        }
    }
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
    pieces: PairJoiner,
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
            pieces: PairJoiner::default(),
            extra: Merged::default(),
            emitted: false,
        };
        let event = call.add(first)?;
        Ok((call, event))
    }

    /// Returns true if a fragment with this call's marks and a name begins another call all the
    /// same: servers that count no calls mark them alike.
    fn is_followed_by(&self, name: &str, has_arguments: bool, has_id: bool) -> bool {
        let is_whole = json::object(&self.arguments).is_ok();
        match self.name.as_str() {
            "" => false,
            known if known == name => is_whole && has_arguments,
            _ => is_whole || !has_id,
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
            more = arguments(&mut function, &mut self.pieces)
                .map_err(|mismatch| mismatch.within("function"))?;
            if !function.is_empty() {
                self.extra
                    .add(Object::parse(&format!("{{\"function\":{}}}", json::text(&function)))?);
            }
        }
        self.extra.add(fragment);
        self.arguments.push_str(&more);
        Ok(self.tell(more))
    }

    /// Returns the rest to tell when the answer is whole, or as whole as `cut` says.
    pub(crate) fn end(mut self, cut: Cut) -> Vec<Event> {
        let lost = self.pieces.end();
        let lost = lost.and_then(|lost| {
            self.arguments.push_str(&lost);
            self.tell(lost)
        });
        let index = self.block;
        let fits = self.input(cut).is_some() && extra(&self.extra).is_none();
        let whole = (!self.emitted || !fits)
            .then(|| Event::Part(PartDelta { index, part: self.into_part(cut) }));
        lost.into_iter().chain(whole).collect()
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
    fn input(&self, cut: Cut) -> Option<&str> {
        if self.name.is_empty() {
            return None;
        }
        match self.arguments.trim() {
            "" if cut == Cut::BeforeArguments => None,
            "" => Some("{}"),
            arguments => json::object(arguments).ok().map(RawValue::get),
        }
    }

    pub(crate) fn into_part(mut self, cut: Cut) -> Part {
        self.arguments.extend(self.pieces.end());
        let extra = extra(&self.extra);
        match self.input(cut).map(str::to_owned) {
            Some(input) => Part::ToolUse(ToolUse { id: self.id, name: self.name, input, extra }),
            None if cut != Cut::Nowhere && !self.name.is_empty() => {
                tool_call::incomplete(&self.id, &self.name, &self.arguments, extra.as_deref())
            }
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
fn arguments(function: &mut Object, pieces: &mut PairJoiner) -> Result<String, Mismatch> {
    let Some(arguments) = function.take("arguments") else { return Ok(String::new()) };
    match arguments.get() {
        object if object.starts_with('{') => Ok(object.to_owned()),
        _ => pieces
            .add(&arguments)
            .ok_or_else(|| Mismatch::new("arguments", format!("should be {STRING}"))),
    }
}

fn extra(fields: &Merged) -> Option<String> {
    Object::parse(&json::text(fields)).unwrap_or_default().into_extra()
}
