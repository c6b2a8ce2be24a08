//! A streamed answer and a whole one are the same answer: deltas are put together here, and a whole
//! answer is taken apart for a caller who wants it streamed. Pure.

use std::collections::BTreeMap;

use super::incomplete::{self, Place};
use crate::contract::{
    Completion, Event, Finish, FinishReason, Part, PartDelta, Start, Text, TextDelta, Thinking,
    ThinkingDelta, ToolUse, ToolUseDelta, Usage, size,
};

/// A stream of events that isn't a valid completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssemblyError {
    /// An event came after the finish.
    #[error("something came after the end of the answer")]
    AfterEnd,
    /// A second start came.
    #[error("the answer started twice")]
    StartedTwice,
    /// No start came.
    #[error("the answer never started")]
    NeverStarted,
    /// No finish came.
    #[error("the answer ended without saying why")]
    NoFinish,
    /// The deltas of this block are of two kinds.
    #[error("block {0} changed its kind")]
    MixedBlock(u32),
    /// The arguments of a call of this tool aren't a JSON object.
    #[error("the arguments of tool {0:?} aren't a JSON object")]
    Arguments(String),
}

/// An answer that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    start: Option<Start>,
    parts: BTreeMap<u32, Part>,
    usage: Option<Usage>,
    finish: Option<Finish>,
    bytes: usize,
}

impl Assembly {
    /// Takes the next event.
    ///
    /// # Errors
    /// The contradiction to the events before.
    pub(crate) fn add(&mut self, event: &Event) -> Result<(), AssemblyError> {
        if self.finish.is_some() {
            return Err(AssemblyError::AfterEnd);
        }
        // An event costs us more than its text.
        self.bytes += 64 + size::event(event);
        match event {
            Event::Start(start) => {
                if self.start.replace(start.clone()).is_some() {
                    return Err(AssemblyError::StartedTwice);
                }
            }
            Event::Text(delta) => self.text(delta)?,
            Event::Thinking(delta) => self.thinking(delta)?,
            Event::ToolUse(delta) => self.tool_use(delta)?,
            Event::Part(PartDelta { index, part }) => {
                self.parts.insert(*index, part.clone());
            }
            Event::Usage(usage) => merge(self.usage.get_or_insert_default(), usage),
            Event::Finish(finish) => self.finish = Some(finish.clone()),
            Event::Other(_) => {}
        }
        Ok(())
    }

    /// About how much memory the answer takes so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The whole answer, if its end has come.
    ///
    /// # Errors
    /// The part that is missing or invalid.
    pub(crate) fn finish(self) -> Result<Completion, AssemblyError> {
        let start = self.start.ok_or(AssemblyError::NeverStarted)?;
        let finish = self.finish.ok_or(AssemblyError::NoFinish)?;
        let last = self.parts.keys().next_back().copied();
        let parts = self.parts.into_iter().map(|(index, part)| {
            let place = if Some(index) == last { Place::Last } else { Place::Before };
            settled_part(part, place, &finish.reason)
        });
        Ok(Completion {
            id: start.id,
            model: start.model,
            parts: parts.collect::<Result<_, _>>()?,
            finish_reason: finish.reason,
            usage: self.usage.unwrap_or_default(),
            native: None,
            extra: merged(start.extra, finish.extra),
        })
    }

    fn text(&mut self, delta: &TextDelta) -> Result<(), AssemblyError> {
        let new = || Part::Text(Text { text: String::new(), extra: None });
        match self.parts.entry(delta.index).or_insert_with(new) {
            Part::Text(text) => text.text.push_str(&delta.text),
            _ => return Err(AssemblyError::MixedBlock(delta.index)),
        }
        Ok(())
    }

    fn thinking(&mut self, delta: &ThinkingDelta) -> Result<(), AssemblyError> {
        let new = || Part::Thinking(Thinking { text: String::new(), signature: None, extra: None });
        match self.parts.entry(delta.index).or_insert_with(new) {
            Part::Thinking(thinking) => {
                thinking.text.push_str(&delta.text);
                if delta.signature.is_some() {
                    thinking.signature.clone_from(&delta.signature);
                }
            }
            _ => return Err(AssemblyError::MixedBlock(delta.index)),
        }
        Ok(())
    }

    fn tool_use(&mut self, delta: &ToolUseDelta) -> Result<(), AssemblyError> {
        let new = || {
            Part::ToolUse(ToolUse {
                id: String::new(),
                name: String::new(),
                input: String::new(),
                extra: None,
            })
        };
        match self.parts.entry(delta.index).or_insert_with(new) {
            Part::ToolUse(tool_use) => {
                if let Some(id) = &delta.id {
                    tool_use.id.clone_from(id);
                }
                if let Some(name) = &delta.name {
                    tool_use.name.clone_from(name);
                }
                tool_use.input.push_str(&delta.input);
            }
            _ => return Err(AssemblyError::MixedBlock(delta.index)),
        }
        Ok(())
    }
}

/// A whole answer as the events of a stream.
pub(crate) fn replay(completion: &Completion) -> Vec<Event> {
    let start = Start {
        id: completion.id.clone(),
        model: completion.model.clone(),
        extra: completion.extra.clone(),
    };
    let finish = Finish { reason: completion.finish_reason.clone(), extra: None };
    let mut events = vec![Event::Start(start)];
    for (index, part) in (0..).zip(&completion.parts) {
        events.extend(taken_apart(index, part).into_iter().flatten());
    }
    events.push(Event::Usage(completion.usage.clone()));
    events.push(Event::Finish(finish));
    events
}

fn taken_apart(index: u32, part: &Part) -> [Option<Event>; 2] {
    let whole = Event::Part(PartDelta { index, part: part.clone() });
    match part {
        Part::Text(text) => {
            let delta = Event::Text(TextDelta { index, text: text.text.clone() });
            [Some(delta), text.extra.is_some().then_some(whole)]
        }
        Part::Thinking(thinking) => {
            let Thinking { text, signature, extra } = thinking.clone();
            [
                Some(Event::Thinking(ThinkingDelta { index, text, signature })),
                extra.is_some().then_some(whole),
            ]
        }
        Part::ToolUse(tool_use) => {
            let ToolUse { id, name, input, extra } = tool_use.clone();
            let delta =
                Event::ToolUse(ToolUseDelta { index, id: Some(id), name: Some(name), input });
            [Some(delta), extra.is_some().then_some(whole)]
        }
        Part::Image(_) | Part::ToolResult(_) | Part::Other(_) => [Some(whole), None],
    }
}

/// The arguments of a tool came as text; only the end tells whether they are whole.
fn settled_part(part: Part, place: Place, reason: &FinishReason) -> Result<Part, AssemblyError> {
    let Part::ToolUse(call) = part else { return Ok(part) };
    let name = call.name.clone();
    incomplete::settled(call, place, reason).ok_or(AssemblyError::Arguments(name))
}

/// Totals are set, never added; what isn't said stays.
fn merge(known: &mut Usage, said: &Usage) {
    let Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        extra,
    } = said;
    known.input_tokens = input_tokens.or(known.input_tokens);
    known.output_tokens = output_tokens.or(known.output_tokens);
    known.cache_read_tokens = cache_read_tokens.or(known.cache_read_tokens);
    known.cache_write_tokens = cache_write_tokens.or(known.cache_write_tokens);
    known.reasoning_tokens = reasoning_tokens.or(known.reasoning_tokens);
    if extra.is_some() {
        known.extra.clone_from(extra);
    }
}

/// Two JSON objects as one; both were checked to be objects.
fn merged(first: Option<String>, second: Option<String>) -> Option<String> {
    let (Some(first), Some(second)) = (&first, &second) else { return first.or(second) };
    let parse =
        |text: &str| serde_json::from_str::<serde_json::Map<_, _>>(text).unwrap_or_default();
    let mut all = parse(first);
    all.extend(parse(second));
    Some(serde_json::Value::Object(all).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::OtherPart;

    fn assemble(events: &[Event]) -> Result<Completion, AssemblyError> {
        let mut assembly = Assembly::default();
        events.iter().try_for_each(|event| assembly.add(event))?;
        assembly.finish()
    }

    fn full() -> Completion {
        let extra = || Some(r#"{"a":1}"#.to_owned());
        Completion {
            id: "msg_1".into(),
            model: "m".into(),
            parts: vec![
                Part::Thinking(Thinking {
                    text: "hm".into(),
                    signature: Some("s".into()),
                    extra: None,
                }),
                Part::Text(Text { text: "plain".into(), extra: None }),
                Part::Text(Text { text: "cited".into(), extra: extra() }),
                Part::ToolUse(ToolUse {
                    id: "t".into(),
                    name: "n".into(),
                    input: r#"{"x":1}"#.into(),
                    extra: None,
                }),
                Part::Other(OtherPart {
                    kind: "redacted_thinking".into(),
                    json: r#"{"data":"x"}"#.into(),
                }),
            ],
            finish_reason: FinishReason::ToolUse,
            usage: Usage {
                input_tokens: Some(5),
                output_tokens: Some(7),
                extra: extra(),
                ..Usage::default()
            },
            native: None,
            extra: extra(),
        }
    }

    #[test]
    fn an_answer_taken_apart_and_put_together_is_the_same_answer() {
        assert_eq!(assemble(&replay(&full())), Ok(full()));
    }

    #[test]
    fn totals_are_set_and_never_added() {
        let usage = |input, output| {
            Event::Usage(Usage { input_tokens: input, output_tokens: output, ..Usage::default() })
        };
        let mut events = replay(&full());
        events.truncate(1);
        events.extend([usage(Some(10), Some(1)), usage(None, Some(9))]);
        events.push(Event::Finish(Finish { reason: FinishReason::EndTurn, extra: None }));
        let whole = assemble(&events).unwrap();
        assert_eq!((whole.usage.input_tokens, whole.usage.output_tokens), (Some(10), Some(9)));
    }

    #[test]
    fn a_stream_that_breaks_off_anywhere_is_no_answer() {
        let events = replay(&full());
        for end in 0..events.len() {
            assert!(assemble(&events[..end]).is_err(), "cut after {end} events");
        }
    }

    #[test]
    fn arguments_that_are_no_object_are_refused_unless_the_answer_was_cut_off() {
        let stream = |input: &str, reason: FinishReason| {
            let delta =
                ToolUseDelta { index: 0, id: None, name: Some("n".into()), input: input.into() };
            let mut events = replay(&full());
            events.truncate(1);
            events.push(Event::ToolUse(delta));
            events.push(Event::Finish(Finish { reason, extra: None }));
            assemble(&events).map(|completion| completion.parts)
        };
        for input in [r#"{"a":"#, "[]"] {
            let refused = Err(AssemblyError::Arguments("n".into()));
            assert_eq!(stream(input, FinishReason::ToolUse), refused);
            let parts = stream(input, FinishReason::MaxTokens).unwrap();
            assert!(matches!(&parts[..], [Part::Other(other)] if other.json.contains("input")));
        }
        assert!(
            matches!(&stream("", FinishReason::ToolUse).unwrap()[0], Part::ToolUse(tool_use) if tool_use.input == "{}")
        );
    }

    #[test]
    fn a_block_keeps_its_kind() {
        let text = Event::Text(TextDelta { index: 0, text: "a".into() });
        let thinking =
            Event::Thinking(ThinkingDelta { index: 0, text: "b".into(), signature: None });
        let mut assembly = Assembly::default();
        assembly.add(&text).unwrap();
        assert!(assembly.add(&thinking).is_err());
    }
}
