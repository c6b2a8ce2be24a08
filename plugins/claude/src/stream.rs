//! The order of a streamed answer: which event may come when, and what each of them tells.
//!
//! One block is open at a time and indices only rise; that is the order the vendor promises and the
//! contract needs. What would be guesswork to repair (an event lost on the way, a block without an
//! end) is an error: half an answer that looks whole is worse than none. Only the mark of the end may
//! be missing, if the body ends as it should after the reason to stop.

use std::borrow::Cow;
use std::mem;

use arete_plugin::event_stream::EventStream;
use arete_plugin::http::SseEvent;
use arete_plugin::json::{self, COUNT, Mismatch, OBJECT, Object, STRING};
use arete_plugin::llm::{Event, Finish, FinishReason, OtherPart, ProviderError, Start};
use arete_plugin::vendor_error::{self, Broken};
use serde::Deserialize;

use crate::answer;
use crate::block::OpenBlock;
use crate::errors;
use crate::usage::Counts;

/// A streamed answer, fed one server-sent event at a time.
pub(crate) struct Stream {
    started: bool,
    finished: bool,
    open: Option<OpenBlock>,
    /// The lowest index that the next block may have.
    next_index: u32,
    /// True if a tool was called.
    called: bool,
    counts: Counts,
    stop_reason: Option<FinishReason>,
    /// What the end of the answer says beyond the contract.
    extra: Object<'static>,
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self {
            started: false,
            finished: false,
            open: None,
            next_index: 0,
            called: false,
            counts: Counts::default(),
            stop_reason: None,
            extra: Object::default(),
        }
    }
}

impl EventStream for Stream {
    fn take(
        &mut self,
        SseEvent { name, data, .. }: &SseEvent,
    ) -> Result<Vec<Event>, ProviderError> {
        if let Some(event) = self.more_text(data) {
            return Ok(vec![event]);
        }
        let (kind, event) = parse(name, data)?;
        if kind == "error" {
            return Err(errors::in_band(event));
        }
        let told = self.step(&kind, event, data);
        told.map_err(|Broken(why)| {
            Broken(format!("in the event `{}`, {why}", vendor_error::word(&kind))).into()
        })
    }

    fn kind(&self, SseEvent { name, data, .. }: &SseEvent) -> String {
        parse(name, data).map_or_else(|_| name.clone(), |(kind, _)| kind)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn end(&mut self) -> Result<Vec<Event>, ProviderError> {
        if self.open.is_some() || self.stop_reason.is_none() {
            return Err(vendor_error::closed_early());
        }
        Ok(self.message_stop()?)
    }
}

impl Stream {
    /// What nearly all events are: text for the block that is open, and nothing more to say. It is
    /// told as [`Self::block_delta`] would tell it, in one look at the event; whatever isn't
    /// just that is left to the long way.
    fn more_text(&mut self, data: &str) -> Option<Event> {
        let open = self.open.as_mut()?;
        let MoreText {
            kind: "content_block_delta",
            index,
            delta: TextDelta { kind: "text_delta", text },
        } = serde_json::from_str(data).ok()?
        else {
            return None;
        };
        (index == open.index() && !text.is_empty())
            .then(|| open.add_text(text.into_owned()))
            .flatten()
    }

    fn step(&mut self, kind: &str, event: Object, data: &str) -> Result<Vec<Event>, Broken> {
        match kind {
            "ping" => Ok(Vec::new()),
            "message_start" if self.started => Err(Broken("a second answer starts".into())),
            "message_start" => self.message_start(event),
            "content_block_start"
            | "content_block_delta"
            | "content_block_stop"
            | "message_delta"
            | "message_stop"
                if !self.started =>
            {
                Err(Broken("something comes before `message_start`".into()))
            }
            "content_block_start" => self.block_start(event),
            "content_block_delta" => self.block_delta(event, data),
            "content_block_stop" => self.block_stop(event),
            "message_delta" => self.message_delta(event),
            "message_stop" => self.message_stop(),
            _ => Ok(vec![Event::Other(OtherPart { kind: kind.to_owned(), json: data.to_owned() })]),
        }
    }

    fn message_start(&mut self, mut event: Object) -> Result<Vec<Event>, Broken> {
        let message = event.require("message", OBJECT)?;
        let mut message =
            Object::parse(message.get()).map_err(|mismatch| mismatch.within("message"))?;
        let (id, model) =
            answer::id_and_model(&mut message).map_err(|mismatch| mismatch.within("message"))?;
        if message.take("content").is_some_and(|content| has_blocks(content.get())) {
            return Err(Broken("`message.content` should be an empty list, but isn't".into()));
        }
        self.started = true;
        self.stop_reason(&mut message).map_err(|mismatch| mismatch.within("message"))?;
        let usage = self.usage(&mut message);
        let start = Event::Start(Start { id, model, extra: message.into_extra() });
        Ok([start].into_iter().chain(usage).collect())
    }

    fn block_start(&mut self, mut event: Object) -> Result<Vec<Event>, Broken> {
        let index: u32 = event.require_as("index", COUNT)?;
        if let Some(open) = &self.open {
            return Err(Broken(format!(
                "block {index} starts before block {} has ended",
                open.index()
            )));
        }
        if index < self.next_index {
            return Err(Broken(format!(
                "block {index} starts after a block of the same or a higher index"
            )));
        }
        let block = event.require("content_block", OBJECT)?;
        let (block, told) =
            OpenBlock::start(index, &block).map_err(|mismatch| mismatch.within("content_block"))?;
        self.next_index = index.saturating_add(1);
        self.called |= block.is_call();
        self.open = Some(block);
        Ok(told.into_iter().collect())
    }

    fn block_delta(&mut self, mut event: Object, data: &str) -> Result<Vec<Event>, Broken> {
        let index: u32 = event.require_as("index", COUNT)?;
        let Some(block) = self.open.as_mut().filter(|block| block.index() == index) else {
            return Err(Broken(format!("block {index} isn't open")));
        };
        let delta = event.require("delta", OBJECT)?;
        let delta = Object::parse(delta.get()).map_err(|mismatch| mismatch.within("delta"))?;
        Ok(block.add(delta, data)?.into_iter().collect())
    }

    fn block_stop(&mut self, mut event: Object) -> Result<Vec<Event>, Broken> {
        let index: u32 = event.require_as("index", COUNT)?;
        match self.open.take_if(|block| block.index() == index) {
            Some(block) => Ok(block.end()),
            None => Err(Broken(format!("block {index} isn't open"))),
        }
    }

    fn message_delta(&mut self, mut event: Object) -> Result<Vec<Event>, Broken> {
        event.take("type");
        if let Some(delta) = event.take("delta") {
            let mut delta =
                Object::parse(delta.get()).map_err(|mismatch| mismatch.within("delta"))?;
            self.stop_reason(&mut delta).map_err(|mismatch| mismatch.within("delta"))?;
            self.say(delta);
        }
        let usage = self.usage(&mut event);
        self.say(event);
        Ok(usage.into_iter().collect())
    }

    fn message_stop(&mut self) -> Result<Vec<Event>, Broken> {
        if let Some(open) = &self.open {
            return Err(Broken(format!("the answer ends before block {} has ended", open.index())));
        }
        let Some(reason) = self.stop_reason.take() else {
            return Err(Broken("the answer ends without a `stop_reason`".into()));
        };
        if reason == FinishReason::ToolUse && !self.called {
            return Err(Broken(format!("`content` {}", answer::NO_CALL)));
        }
        self.finished = true;
        let extra = mem::take(&mut self.extra).into_extra();
        Ok(vec![Event::Finish(Finish { reason, extra })])
    }

    fn stop_reason(&mut self, said: &mut Object) -> Result<(), Mismatch> {
        if let Some(word) = said.read::<String>("stop_reason", STRING)? {
            self.stop_reason = Some(answer::finish_reason(word.into()));
        }
        Ok(())
    }

    fn usage(&mut self, said: &mut Object) -> Option<Event> {
        self.counts.set(&said.take("usage")?);
        Some(Event::Usage(self.counts.usage()))
    }

    fn say(&mut self, said: Object) {
        for (key, value) in said.into_owned() {
            if value.get() != "null" {
                self.extra.set(&key, value);
            }
        }
    }
}

/// An event with more text in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoreText<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    index: u32,
    #[serde(borrow)]
    delta: TextDelta<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextDelta<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// The event's type is in its data; a gateway that drops it there has it in the event's name at
/// least.
fn parse<'a>(name: &str, data: &'a str) -> Result<(String, Object<'a>), Broken> {
    let named = |mismatch: Mismatch| {
        Broken(format!("in the event `{}`, {mismatch}", vendor_error::word(name)))
    };
    let event = Object::parse(data).map_err(named)?;
    let kind = event.get("type").and_then(json::string);
    Ok((kind.unwrap_or_else(|| name.to_owned()), event))
}

fn has_blocks(content: &str) -> bool {
    serde_json::from_str::<Vec<&serde_json::value::RawValue>>(content)
        .map_or(true, |blocks| !blocks.is_empty())
}

#[cfg(test)]
mod tests;
