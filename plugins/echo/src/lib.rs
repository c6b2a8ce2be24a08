//! Answers from its input: the last user message comes back word by word. It needs no network and
//! no key, so that anyone can try the server at once.

#![cfg_attr(not(target_family = "wasm"), allow(dead_code, reason = "only the export uses it"))]
#![allow(clippy::result_large_err, reason = "the contract gives the error its shape")]

use std::cell::RefCell;

use arete_plugin::llm::{
    Completion, Delta, Event, Feature, Finish, FinishReason, Info, Part, ProviderError, Request,
    Role, Start, Text, TextDelta, Usage,
};
use arete_plugin::{Deltas, Guest, GuestDeltas};

struct Echo;

impl Guest for Echo {
    type Deltas = Words;

    fn describe() -> Result<Info, ProviderError> {
        Ok(Info {
            vendor: "echo".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            default_model: Some("echo".into()),
            models: vec!["echo".into()],
            features: vec![Feature::Streaming],
            extra: None,
        })
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        let answer = Answer::to(&request);
        Ok(Completion {
            id: answer.id(),
            model: request.model,
            parts: vec![Part::Text(Text { text: answer.words.concat(), extra: None })],
            finish_reason: answer.finish_reason,
            usage: answer.usage,
            native: None,
            extra: None,
        })
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        Ok(Deltas::new(Words::new(Answer::to(&request), request.model)))
    }
}

/// What comes back for a request.
struct Answer {
    /// The words, each with the white space behind it: joined they are the input, letter by
    /// letter.
    words: Vec<String>,
    finish_reason: FinishReason,
    usage: Usage,
}

impl Answer {
    /// A "token" of this provider is a word.
    fn to(request: &Request) -> Self {
        let said = |message: &arete_plugin::llm::Message| text_of(&message.content);
        let input = request.messages.iter().map(said).map(|text| count(&text)).sum();
        let question = request
            .messages
            .iter()
            .rfind(|message| message.role == Role::User)
            .map(said)
            .unwrap_or_default();

        let mut words: Vec<String> =
            question.split_inclusive(char::is_whitespace).map(String::from).collect();
        let limit = request.max_tokens.map_or(usize::MAX, |tokens| tokens as usize);
        let finish_reason =
            if limit < words.len() { FinishReason::MaxTokens } else { FinishReason::EndTurn };
        words.truncate(limit);

        let output = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let usage = Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            extra: None,
        };
        Self { words, finish_reason, usage }
    }

    /// The same question gets the same id: there is nothing else to tell answers apart by.
    fn id(&self) -> String {
        let hash = self
            .words
            .iter()
            .flat_map(|word| word.bytes())
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("echo_{hash:016x}")
    }
}

/// The text blocks of a message, joined with nothing between.
fn text_of(content: &[Part]) -> String {
    content
        .iter()
        .filter_map(|part| match part {
            Part::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
        .collect()
}

fn count(text: &str) -> u32 {
    u32::try_from(text.split_inclusive(char::is_whitespace).count()).unwrap_or(u32::MAX)
}

/// The answer as a stream: one word a step.
struct Words {
    steps: RefCell<std::vec::IntoIter<Event>>,
}

impl Words {
    fn new(answer: Answer, model: String) -> Self {
        let start = Event::Start(Start { id: answer.id(), model, extra: None });
        let words = answer.words.into_iter().map(|text| Event::Text(TextDelta { index: 0, text }));
        let end = [
            Event::Usage(answer.usage),
            Event::Finish(Finish { reason: answer.finish_reason, extra: None }),
        ];
        let steps: Vec<Event> = std::iter::once(start).chain(words).chain(end).collect();
        Self { steps: RefCell::new(steps.into_iter()) }
    }
}

impl GuestDeltas for Words {
    fn next(&self) -> Result<Vec<Delta>, ProviderError> {
        Ok(self
            .steps
            .borrow_mut()
            .next()
            .map(|event| Delta { event, native: None })
            .into_iter()
            .collect())
    }
}

arete_plugin::export!(Echo);
