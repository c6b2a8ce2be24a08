//! A streamed answer, chunk by chunk, up to `[DONE]`.
//!
//! The vendor numbers only the calls of tools; the blocks of the contract are numbered here, each
//! when it is first heard of. Text and thoughts that alternate become blocks that alternate. Calls
//! go on where they were, should fragments of several come mixed, because a call in two halves is
//! none.

use std::borrow::Cow;
use std::mem;

use arete_plugin::http::SseEvent;
use arete_plugin::json::{self, LIST, Mismatch, Object, STRING};
use arete_plugin::llm::{
    Delta, ErrorKind, Event, Finish, OtherPart, Part, PartDelta, ProviderError, Start, TextDelta,
    Thinking, ThinkingDelta, Usage,
};
use arete_plugin::vendor_call::{self, EventStream};
use arete_plugin::vendor_error::{self, Broken};
use serde_json::value::RawValue;

use crate::answer::{self, Ending};
use crate::calls::Call;
use crate::merge::Merged;
use crate::{blocks, errors};

/// The vendor's mark that the answer is complete.
const DONE: &str = "[DONE]";

/// A streamed answer, fed one server-sent event at a time.
pub(crate) struct Stream {
    /// The model that was asked for, for servers that don't say which one answers.
    asked: String,
    /// True if the caller wants the vendor's own chunks too.
    native: bool,
    /// The vendor's id of the answer, once that has begun.
    started: Option<String>,
    finished: bool,
    next_index: u32,
    /// The block that more of the same goes to.
    open: Option<(Kind, u32)>,
    calls: Vec<Call>,
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

impl Stream {
    pub(crate) fn new(asked: String, native: bool) -> Self {
        Self {
            asked,
            native,
            started: None,
            finished: false,
            next_index: 0,
            open: None,
            calls: Vec::new(),
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
    /// Takes one chunk. It may tell nothing, one thing or several. After the end, nothing tells
    /// anything.
    fn take(
        &mut self,
        SseEvent { name, data, .. }: &SseEvent,
    ) -> Result<Vec<Delta>, ProviderError> {
        if self.finished {
            return Ok(Vec::new());
        }
        if data.trim() == DONE {
            return Ok(vendor_call::deltas(self.done()?, None));
        }
        if name == "error" {
            return Err(errors::in_event(data));
        }
        let chunk = Object::parse(data).map_err(in_chunk)?;
        if errors::is_error(&chunk) {
            return Err(errors::in_band(chunk));
        }
        let mut events = self.chunk(chunk)?;
        if self.native && events.is_empty() {
            events.push(Event::Other(OtherPart { kind: "chunk".into(), json: data.to_owned() }));
        }
        Ok(vendor_call::deltas(events, self.native.then(|| answer::native_body(data))))
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn end(&self) -> ProviderError {
        vendor_error::closed_early()
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
            if parsed.take("index").is_some_and(|index| index.get() != "0") {
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
        if let Some(delta) = choice.take("delta") {
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

    fn delta(&mut self, mut delta: Object, events: &mut Vec<Event>) -> Result<(), Mismatch> {
        delta.take("role");
        if let Some(text) = answer::take_thoughts(&mut delta) {
            events.push(self.thinking(text));
        }
        if let Some(content) = delta.take("content") {
            let pieces = blocks::read(&content).map_err(|mismatch| mismatch.within("content"))?;
            events.extend(pieces.into_iter().map(|piece| self.piece(piece)));
        }
        let refusal: Option<String> = delta.read("refusal", STRING)?;
        if let Some(text) = refusal.filter(|text| !text.is_empty()) {
            self.ending.declined = true;
            let index = self.block(Kind::Refusal);
            events.push(Event::Text(TextDelta { index, text }));
        }
        let fragments: Option<Vec<Box<RawValue>>> = delta.read("tool_calls", LIST)?;
        for (place, fragment) in fragments.iter().flatten().enumerate() {
            let told = Object::parse(fragment.get()).and_then(|fragment| self.fragment(fragment));
            events.extend(
                told.map_err(|mismatch| mismatch.within(format_args!("tool_calls[{place}]")))?,
            );
        }
        self.message.add(delta);
        Ok(())
    }

    /// A piece of the content. One that has more to it than text is a block of its own.
    fn piece(&mut self, piece: Part) -> Event {
        match piece {
            Part::Text(text) if text.extra.is_none() => {
                Event::Text(TextDelta { index: self.block(Kind::Text), text: text.text })
            }
            Part::Thinking(Thinking { text, signature: None, extra: None }) => self.thinking(text),
            part => Event::Part(PartDelta { index: self.new_block(), part }),
        }
    }

    fn thinking(&mut self, text: String) -> Event {
        Event::Thinking(ThinkingDelta { index: self.block(Kind::Thinking), text, signature: None })
    }

    fn fragment(&mut self, fragment: Object) -> Result<Option<Event>, Mismatch> {
        self.ending.calls = true;
        // The latest that fits: fragments without a mark belong to it.
        let known = if unmarked(&fragment) {
            self.calls.last_mut().filter(|call| call.takes(&fragment))
        } else {
            self.calls.iter_mut().rfind(|call| call.takes(&fragment))
        };
        if let Some(call) = known {
            return call.add(fragment);
        }
        let block = self.new_block();
        let answer_id = self.started.as_deref().unwrap_or_default();
        let (call, event) = Call::start(block, self.calls.len(), answer_id, fragment)?;
        self.calls.push(call);
        Ok(event)
    }

    /// The answer is whole, if the vendor said why it stopped.
    fn done(&mut self) -> Result<Vec<Event>, ProviderError> {
        let Some(reason) = mem::take(&mut self.ending).reason()? else {
            let says = "The vendor ended the stream before it said why the answer ends.";
            return Err(ProviderError::new(ErrorKind::Interrupted, says));
        };
        self.finished = true;
        let mut events: Vec<Event> =
            mem::take(&mut self.calls).into_iter().filter_map(Call::end).collect();
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

    /// The block that more of this kind goes to.
    fn block(&mut self, kind: Kind) -> u32 {
        match self.open {
            Some((open, index)) if open == kind => index,
            _ => {
                let index = self.new_block();
                self.open = Some((kind, index));
                index
            }
        }
    }

    fn new_block(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index = index.saturating_add(1);
        self.open = None;
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

fn unmarked(fragment: &Object) -> bool {
    fragment.get("index").is_none() && fragment.get("id").is_none()
}

fn in_chunk(mismatch: Mismatch) -> ProviderError {
    Broken(format!("in a chunk of the stream, {mismatch}")).into()
}

#[cfg(test)]
mod tests;
