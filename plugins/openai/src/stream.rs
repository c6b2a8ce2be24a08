//! A streamed answer, chunk by chunk, up to `[DONE]`, or to the end of the body once a chunk has said
//! why the answer stops.
//!
//! The vendor numbers only the calls of tools; the blocks of the contract are numbered here, each
//! when it is first heard of. Text and thoughts that alternate become blocks that alternate. Calls
//! go on where they were, should fragments of several come mixed, because a call in two halves is
//! none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use arete_plugin::event_stream::EventStream;
use arete_plugin::http::SseEvent;
use arete_plugin::json::{self, LIST, Mismatch, Object, STRING};
use arete_plugin::llm::{
    ErrorKind, Event, Finish, FinishReason, OtherPart, Part, PartDelta, ProviderError, Start, Text,
    TextDelta, Thinking, ThinkingDelta, Usage,
};
use arete_plugin::surrogates::PairJoiner;
use arete_plugin::vendor_error::{self, Broken};
use serde_json::value::RawValue;

use crate::answer::{self, Ending};
use crate::calls::{self, Calls, Cut};
use crate::merge::{Merged, is_nothing};
use crate::{blocks, errors};

/// The vendor's mark that the answer is complete.
const DONE: &str = "[DONE]";

/// A streamed answer, fed one server-sent event at a time.
pub(crate) struct Stream {
    /// The model that was asked for, for servers that don't say which one answers.
    asked: String,
    /// The vendor's id of the answer, once that has begun.
    started: Option<String>,
    finished: bool,
    next_index: u32,
    /// The block that more of the same goes to.
    open: Option<(Kind, u32)>,
    /// The text of that block, as it comes.
    pieces: PairJoiner,
    calls: Calls,
    /// Calls of other choices than the first, by the choice's index: some gateways give text and
    /// calls as two choices.
    aside: BTreeMap<String, Calls>,
    /// Fields of the message, of the choice and of the whole that only the vendor knows.
    message: Merged,
    choice: Merged,
    answer: Object<'static>,
    /// Those of the whole that `start` has told.
    told: Object<'static>,
    /// Counts that came before the answer began.
    early_usage: Option<Usage>,
    ending: Ending,
}

/// What a block that grows holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Thinking,
    Refusal,
}

impl Kind {
    fn event(self, index: u32, text: String) -> Event {
        match self {
            Self::Text | Self::Refusal => Event::Text(TextDelta { index, text }),
            Self::Thinking => Event::Thinking(ThinkingDelta { index, text, signature: None }),
        }
    }
}

impl Stream {
    pub(crate) fn new(asked: String) -> Self {
        Self {
            asked,
            started: None,
            finished: false,
            next_index: 0,
            open: None,
            pieces: PairJoiner::default(),
            calls: Calls::default(),
            aside: BTreeMap::new(),
            message: Merged::default(),
            choice: Merged::default(),
            answer: Object::default(),
            told: Object::default(),
            early_usage: None,
            ending: Ending::default(),
        }
    }
}

impl EventStream for Stream {
    fn take(
        &mut self,
        SseEvent { name, data, .. }: &SseEvent,
    ) -> Result<Vec<Event>, ProviderError> {
        if data.trim() == DONE {
            return self.done();
        }
        if name == "error" {
            return Err(errors::in_event(data));
        }
        let chunk = Object::parse(data).map_err(in_chunk)?;
        if errors::is_error(&chunk) {
            return Err(errors::in_band(chunk));
        }
        self.chunk(chunk)
    }

    fn kind(&self, _: &SseEvent) -> String {
        "chunk".into()
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn end(&mut self) -> Result<Vec<Event>, ProviderError> {
        if self.ending.word.is_none() {
            return Err(vendor_error::closed_early());
        }
        self.done()
    }
}

impl Stream {
    fn chunk(&mut self, mut chunk: Object) -> Result<Vec<Event>, ProviderError> {
        let choices = chunk.take("choices");
        let choices = choices.as_deref().map(json::list).transpose();
        let choices =
            choices.map_err(|mismatch| in_chunk(mismatch.within("choices")))?.unwrap_or_default();
        let (id, model) = answer::id_and_model(&mut chunk, &self.asked);
        let mut usage = answer::take_usage(&mut chunk);
        self.say(chunk);

        let mut events = Vec::new();
        // Azure's first chunk tells of its filters and has neither id nor choices.
        if self.started.is_none() && !choices.is_empty() {
            self.told = self.answer.clone();
            let extra = self.answer.clone().into_extra();
            self.started = Some(id.clone());
            events.push(Event::Start(Start { id, model, extra }));
            usage = usage.or(self.early_usage.take());
        }
        for (place, choice) in choices.iter().enumerate() {
            let within =
                |mismatch: Mismatch| in_chunk(mismatch.within(format_args!("choices[{place}]")));
            let mut parsed = Object::parse(choice.get()).map_err(within)?;
            if errors::is_error(&parsed) {
                return Err(errors::in_band(parsed));
            }
            // Of several answers, which only a caller of the vendor's dialect can ask for, the
            // contract has the first.
            if let Some(index) = parsed.take("index").filter(|index| index.get() != "0") {
                self.choice_aside(index.get(), parsed).map_err(within)?;
                events.push(Event::Other(OtherPart {
                    kind: "choice".into(),
                    json: choice.get().to_owned(),
                }));
                continue;
            }
            usage = usage.or(answer::take_usage(&mut parsed));
            events.extend(self.choice(parsed).map_err(within)?);
        }
        if self.started.is_some() {
            events.extend(usage.map(Event::Usage));
        } else {
            self.early_usage = usage.or(self.early_usage.take());
        }
        Ok(events)
    }

    fn choice(&mut self, mut choice: Object) -> Result<Vec<Event>, Mismatch> {
        let mut events = Vec::new();
        // Some servers have the name that whole answers have.
        if let Some(delta) = choice.take("delta").or_else(|| choice.take("message")) {
            let delta = Object::parse(delta.get());
            let told = delta.and_then(|delta| self.delta(delta, &mut events));
            told.map_err(|mismatch| mismatch.within("delta"))?;
        }
        if let Some(word) =
            choice.read("finish_reason", STRING)?.filter(|word: &String| !word.is_empty())
        {
            self.ending.word = Some(word);
        }
        self.ending.at_stop_sequence |= answer::stopped_by_text(choice.get("stop_reason"));
        self.choice.add(choice);
        Ok(events)
    }

    /// Of a choice that isn't the first, only the calls are kept, should the first have none.
    fn choice_aside(&mut self, index: &str, mut choice: Object) -> Result<(), Mismatch> {
        let Some(delta) = choice.take("delta") else { return Ok(()) };
        let Ok(mut delta) = Object::parse(delta.get()) else { return Ok(()) };
        let answer_id = self.started.as_deref().unwrap_or_default();
        for (fragment, place) in fragments(&mut delta)? {
            let calls = self.aside.entry(index.to_owned()).or_default();
            calls.add(fragment, answer_id, || 0).map_err(|mismatch| mismatch.within(place))?;
        }
        Ok(())
    }

    fn delta(&mut self, mut delta: Object, events: &mut Vec<Event>) -> Result<(), Mismatch> {
        delta.take("role");
        if let Some(text) = answer::take_thoughts(&mut delta) {
            self.text(Kind::Thinking, &text, events);
        }
        match delta.take("content") {
            Some(text) if text.get().starts_with('"') => self.text(Kind::Text, &text, events),
            Some(content) => {
                let pieces =
                    blocks::read(&content).map_err(|mismatch| mismatch.within("content"))?;
                pieces.into_iter().for_each(|piece| self.piece(piece, events));
            }
            None => {}
        }
        if let Some(text) = delta.get("refusal").filter(|text| text.get().starts_with('"')) {
            self.ending.declined |= !is_nothing(text.get());
            self.text(Kind::Refusal, text, events);
            delta.take("refusal");
        }
        delta.read::<String>("refusal", STRING)?;
        for (fragment, place) in fragments(&mut delta)? {
            self.ending.calls = true;
            self.fragment(fragment, events).map_err(|mismatch| mismatch.within(place))?;
        }
        self.message.add(delta);
        Ok(())
    }

    /// A piece of the content. One that has more to it than text is a block of its own.
    fn piece(&mut self, piece: Part, events: &mut Vec<Event>) {
        match piece {
            Part::Text(Text { text, extra: None }) => {
                self.text(Kind::Text, &json::raw(&text), events);
            }
            Part::Thinking(Thinking { text, signature: None, extra: None }) => {
                self.text(Kind::Thinking, &json::raw(&text), events);
            }
            part => {
                self.close(events);
                events.push(Event::Part(PartDelta { index: self.new_block(), part }));
            }
        }
    }

    /// More text of a kind, a JSON string.
    fn text(&mut self, kind: Kind, piece: &RawValue, events: &mut Vec<Event>) {
        if piece.get() == r#""""# {
            return;
        }
        if self.open.is_some_and(|(open, _)| open != kind) {
            self.close(events);
        }
        let text = self.pieces.add(piece).unwrap_or_default();
        let index = match self.open {
            Some((_, index)) => index,
            None => {
                let index = self.new_block();
                self.open = Some((kind, index));
                index
            }
        };
        events.extend((!text.is_empty()).then(|| kind.event(index, text)));
    }

    fn fragment(&mut self, fragment: Object, events: &mut Vec<Event>) -> Result<(), Mismatch> {
        let answer_id = self.started.as_deref().unwrap_or_default();
        let (index, mut begins) = (self.next_index, false);
        let event = self.calls.add(fragment, answer_id, || {
            begins = true;
            index
        })?;
        if begins {
            self.close(events);
            self.new_block();
        }
        events.extend(event);
        Ok(())
    }

    /// The answer is whole, if the vendor said why it stopped.
    fn done(&mut self) -> Result<Vec<Event>, ProviderError> {
        let Some(reason) = mem::take(&mut self.ending).reason()? else {
            let says = "The vendor ended the stream before it said why the answer ends.";
            return Err(ProviderError::new(ErrorKind::Interrupted, says));
        };
        let mut events = Vec::new();
        self.close(&mut events);
        let calls = mem::take(&mut self.calls).into_vec();
        if calls.is_empty() && reason == FinishReason::ToolUse {
            let aside = mem::take(&mut self.aside).into_values().find(|calls| !calls.is_empty());
            let aside = aside.ok_or_else(|| Broken(answer::NO_CALL.into()))?;
            for part in calls::parts(aside.into_vec(), &reason) {
                events.push(Event::Part(PartDelta { index: self.new_block(), part }));
            }
        }
        self.finished = true;
        let last = calls.len().saturating_sub(1);
        let ends = calls.into_iter().enumerate();
        events.extend(ends.flat_map(|(place, call)| call.end(Cut::of(&reason, place == last))));
        let (message, choice) = (json::text(&self.message), json::text(&self.choice));
        let mut message = Object::parse(&message).unwrap_or_default();
        for part in answer::take_own(&mut message) {
            events.push(Event::Part(PartDelta { index: self.new_block(), part }));
        }
        let mut answer = mem::take(&mut self.answer);
        answer.retain(|key, value| self.told.get(key).is_none_or(|told| told.get() != value.get()));
        let mut extra = Object::default();
        for fields in [message, Object::parse(&choice).unwrap_or_default(), answer] {
            answer::add_extra(&mut extra, fields);
        }
        events.push(Event::Finish(Finish { reason, extra: extra.into_extra() }));
        Ok(events)
    }

    /// Ends the block that more text goes to.
    fn close(&mut self, events: &mut Vec<Event>) {
        if let (Some((kind, index)), Some(lost)) = (self.open.take(), self.pieces.end()) {
            events.push(kind.event(index, lost));
        }
    }

    fn new_block(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index = index.saturating_add(1);
        index
    }

    /// Every chunk says the same of the whole; the latest counts.
    fn say(&mut self, chunk: Object) {
        for (key, value) in chunk {
            let news = value.get() != "null"
                && self.answer.get(&key).is_none_or(|known| known.get() != value.get());
            if news {
                self.answer.set(&key, Cow::Owned(value.into_owned()));
            }
        }
    }
}

/// Takes the fragments of calls out of a piece of a message, each with its place in it. Servers that
/// have both names for calls say the same in both.
fn fragments(delta: &mut Object) -> Result<Vec<(Object<'static>, String)>, Mismatch> {
    let fragments: Vec<Box<RawValue>> = delta.read("tool_calls", LIST)?.unwrap_or_default();
    let function = delta.take("function_call");
    if let Some(function) = function.filter(|_| fragments.is_empty()) {
        Object::parse(function.get()).map_err(|mismatch| mismatch.within("function_call"))?;
        return Ok(vec![(calls::of_function(function).into_owned(), "function_call".into())]);
    }
    let fragments = fragments.iter().enumerate().map(|(place, fragment)| {
        let place = format!("tool_calls[{place}]");
        match Object::parse(fragment.get()) {
            Ok(fragment) => Ok((fragment.into_owned(), place)),
            Err(mismatch) => Err(mismatch.within(place)),
        }
    });
    fragments.collect()
}

fn in_chunk(mismatch: Mismatch) -> ProviderError {
    Broken(format!("in a chunk of the stream, {mismatch}")).into()
}

#[cfg(test)]
mod tests;
