//! A streamed answer as its events tell it, without I/O, so that tests can feed it the vendor's
//! words.

use crate::http::SseEvent;
use crate::llm::{
    Completion, Delta, Event, Finish, NativeBody, OtherPart, Part, PartDelta, ProviderError, Start,
    TextDelta, ThinkingDelta, ToolUseDelta,
};
use crate::vendor_error;

/// The events of one vendor's streams.
pub trait EventStream {
    /// Takes one event. It may tell nothing, one thing or several. Nothing is taken after the end.
    ///
    /// # Errors
    /// The failure that the event tells of, or its contradiction of the vendor's API.
    fn take(&mut self, event: &SseEvent) -> Result<Vec<Event>, ProviderError>;

    /// Returns the name of the vendor's event, for a caller who speaks the vendor's dialect and
    /// gets it although it tells nothing.
    fn kind(&self, event: &SseEvent) -> String;

    /// Returns true if the vendor's own mark of the end has come.
    fn is_finished(&self) -> bool;

    /// The body has ended as it should, without that mark. An answer of which the vendor has said
    /// why it stops is complete nevertheless.
    ///
    /// # Errors
    /// When the answer isn't complete.
    fn end(&mut self) -> Result<Vec<Event>, ProviderError>;
}

/// A streamed answer for a caller who speaks the vendor's dialect, or not.
pub struct DeltaReader {
    stream: Box<dyn EventStream>,
    /// The vendor's dialect, if the caller speaks it and wants the vendor's own events too.
    dialect: Option<&'static str>,
    /// True if it failed: then it can't become complete any more.
    failed: bool,
}

impl DeltaReader {
    /// A stream of which nothing has come.
    pub fn new(stream: impl EventStream + 'static, dialect: Option<&'static str>) -> Self {
        Self { stream: Box::new(stream), dialect, failed: false }
    }

    /// Takes one event. After the end, nothing tells anything.
    ///
    /// # Errors
    /// Those of [`EventStream::take`].
    pub fn take(&mut self, event: &SseEvent) -> Result<Vec<Delta>, ProviderError> {
        if self.stream.is_finished() {
            return Ok(Vec::new());
        }
        let taken = self.stream.take(event);
        self.failed |= taken.is_err();
        let mut events = taken?;
        // A mark that isn't JSON is none of the answer.
        let dialect = self.dialect.filter(|_| event.data.trim_start().starts_with('{'));
        if dialect.is_some() && events.is_empty() {
            let kind = self.stream.kind(event);
            events.push(Event::Other(OtherPart { kind, json: event.data.clone() }));
        }
        Ok(deltas(events, dialect.map(|dialect| native_body(dialect, &event.data))))
    }

    /// Takes events that came together: what they tell, and the failure that comes after it.
    pub fn take_all(&mut self, events: &[SseEvent]) -> (Vec<Delta>, Option<ProviderError>) {
        let mut told = Vec::new();
        for event in events {
            match self.take(event) {
                Ok(deltas) => told.extend(deltas),
                Err(error) => return (told, Some(error)),
            }
        }
        (told, None)
    }

    /// Returns true if the answer is complete.
    pub fn is_finished(&self) -> bool {
        self.stream.is_finished()
    }

    /// The body has ended as it should.
    ///
    /// # Errors
    /// When the answer isn't complete.
    pub fn end(&mut self) -> Result<Vec<Delta>, ProviderError> {
        if self.stream.is_finished() {
            return Ok(Vec::new());
        }
        if self.failed {
            return Err(vendor_error::closed_early());
        }
        Ok(deltas(self.stream.end()?, None))
    }
}

/// A whole answer as the deltas of a stream: for a vendor that was asked for one and gave the other.
pub fn replay(completion: Completion) -> Vec<Delta> {
    let Completion { id, model, parts, finish_reason, usage, native: _, extra } = completion;
    let mut events = vec![Event::Start(Start { id, model, extra })];
    for (index, part) in (0..).zip(parts) {
        let begins = match &part {
            Part::Text(it) => Some(Event::Text(TextDelta { index, text: it.text.clone() })),
            Part::Thinking(it) => {
                let (text, signature) = (it.text.clone(), it.signature.clone());
                Some(Event::Thinking(ThinkingDelta { index, text, signature }))
            }
            Part::ToolUse(it) => Some(Event::ToolUse(ToolUseDelta {
                index,
                id: Some(it.id.clone()),
                name: Some(it.name.clone()),
                input: it.input.clone(),
            })),
            Part::Image(_) | Part::ToolResult(_) | Part::Other(_) => None,
        };
        let whole = match &part {
            Part::Text(it) => it.extra.is_some(),
            Part::Thinking(it) => it.extra.is_some(),
            Part::ToolUse(it) => it.extra.is_some(),
            Part::Image(_) | Part::ToolResult(_) | Part::Other(_) => true,
        };
        events.extend(begins);
        events.extend(whole.then_some(Event::Part(PartDelta { index, part })));
    }
    events.push(Event::Usage(usage));
    events.push(Event::Finish(Finish { reason: finish_reason, extra: None }));
    deltas(events, None)
}

/// The facts in one event of the vendor's. The first delta carries the vendor's own words, so that
/// they are passed on once.
fn deltas(events: Vec<Event>, mut native: Option<NativeBody>) -> Vec<Delta> {
    events.into_iter().map(|event| Delta { event, native: native.take() }).collect()
}

fn native_body(dialect: &str, json: &str) -> NativeBody {
    NativeBody { dialect: dialect.to_owned(), body: json.to_owned() }
}
