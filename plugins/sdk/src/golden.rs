//! Compares what a provider makes with files that people can read, in `tests/golden/<provider>`.
//!
//! Each case is a file of the vendor's words (or, for requests, of the caller's) and beside it
//! `<case>.expected.json`. `UPDATE_GOLDEN=1 cargo test -p <provider>` writes the expected files
//! anew; the diff is for people to judge.
//!
//! It is for tests: what isn't as it should be panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod cases;
pub mod question;
mod show;
mod sse;

use crate::event_stream::DeltaReader;
use crate::http::{Header, SseEvent};
use crate::json::{self, COUNT, OBJECT, Object};
use crate::llm::{Completion, Delta, Event, Finish, Part, ProviderError, Request};

pub use cases::{Case, cases};

/// The pure parts of a provider.
pub trait Subject {
    /// The folder in `tests/golden`.
    const NAME: &'static str;
    /// The body of the vendor's request.
    fn body(request: &Request, stream: bool) -> Result<String, ProviderError>;
    /// The vendor's whole answer, given to a caller who speaks its dialect or not.
    fn answer(body: &str, native: bool) -> Result<Completion, ProviderError>;
    /// A new stream, given to a caller who speaks the vendor's dialect or not.
    fn stream(native: bool) -> DeltaReader;
    /// The vendor's refusal.
    fn refusal(status: u16, headers: &[Header], body: &str) -> ProviderError;
}

/// Writes the tests that every provider has, each a `#[test]` that runs the function of this module
/// it is named after.
#[macro_export]
macro_rules! golden_tests {
    ($subject:ty) => {
        #[test]
        fn requests_become_the_vendors_body() {
            $crate::golden::requests::<$subject>();
        }

        #[test]
        fn answers_become_completions() {
            $crate::golden::answers::<$subject>();
        }

        #[test]
        fn streams_become_deltas() {
            $crate::golden::streams::<$subject>();
        }

        #[test]
        fn refusals_become_errors() {
            $crate::golden::refusals::<$subject>();
        }

        #[test]
        fn a_stream_and_an_answer_of_the_same_name_say_the_same() {
            $crate::golden::pairs::<$subject>();
        }

        #[test]
        fn a_native_caller_gets_every_event_once() {
            $crate::golden::native_events::<$subject>();
        }

        #[test]
        fn a_stream_cut_anywhere_never_finishes() {
            $crate::golden::cut_anywhere::<$subject>();
        }
    };
}

/// Requests become the vendor's body.
pub fn requests<S: Subject>() {
    for case in cases(S::NAME, "requests", "json") {
        let mut asked = Object::parse(&case.text).unwrap();
        let stream = asked.take("stream").is_some_and(|stream| stream.get() == "true");
        let body = S::body(&question::read(asked), stream);
        case.check(&body.map_or_else(
            |error| show::error(&error),
            |body| json::text(&json::value(&body).unwrap()),
        ));
    }
}

/// Answers become completions.
pub fn answers<S: Subject>() {
    for case in cases(S::NAME, "answers", "json") {
        case.check(&match S::answer(&case.text, false) {
            Ok(completion) => show::completion(&completion),
            Err(error) => show::error(&error),
        });
    }
}

/// Streams become deltas.
pub fn streams<S: Subject>() {
    for case in cases(S::NAME, "streams", "sse") {
        let (deltas, error) = listen::<S>(&case.text, false);
        let deltas = deltas.iter().map(|delta| show::event(&delta.event));
        let lines: Vec<String> = deltas.chain(error.iter().map(show::error)).collect();
        case.check(&format!("[{}]", lines.join(",")));
    }
}

/// Refusals become errors.
pub fn refusals<S: Subject>() {
    for case in cases(S::NAME, "errors", "json") {
        let mut refusal = Object::parse(&case.text).unwrap();
        let status = refusal.require_as("status", COUNT).unwrap();
        let headers = refusal.require("headers", OBJECT).unwrap();
        let headers = Object::parse(headers.get()).unwrap().into_iter();
        let headers: Vec<Header> = headers
            .map(|(name, value)| Header {
                name: name.into_owned(),
                value: serde_json::from_str(value.get()).unwrap(),
            })
            .collect();
        let body = refusal.require("body", OBJECT).unwrap();
        let body = serde_json::from_str(body.get()).unwrap_or_else(|_| body.get().to_owned());
        case.check(&show::error(&S::refusal(status, &headers, &body)));
    }
}

/// A stream and an answer of the same name say the same.
pub fn pairs<S: Subject>() {
    let streams = cases(S::NAME, "streams", "sse");
    let pairs = cases(S::NAME, "answers", "json").into_iter().filter_map(|answer| {
        let stream = streams.iter().find(|stream| stream.name == answer.name)?;
        Some((answer, stream))
    });
    let mut compared = 0;
    for (whole, stream) in pairs {
        let (deltas, error) = listen::<S>(&stream.text, false);
        assert_eq!(error, None, "{}", stream.name);
        let whole = S::answer(&whole.text, false).unwrap();
        // Told later, a field stands later; the order of fields means nothing.
        let fields = |completion: &Completion| -> serde_json::Value {
            serde_json::from_str(&show::completion(completion)).unwrap()
        };
        assert_eq!(fields(&assemble(deltas)), fields(&whole), "{}", stream.name);
        compared += 1;
    }
    assert!(0 < compared);
}

/// A native caller gets every event once, the marks that aren't JSON apart.
pub fn native_events<S: Subject>() {
    for case in cases(S::NAME, "streams", "sse") {
        let (deltas, error) = listen::<S>(&case.text, true);
        let passed: Vec<String> =
            deltas.into_iter().filter_map(|delta| delta.native).map(|it| it.body).collect();
        let sent = sse::events(&case.text).into_iter().map(|event| event.data);
        let sent: Vec<String> = sent.filter(|data| json::value(data).is_ok()).collect();
        assert_eq!(passed, sent[..passed.len()], "{}", case.name);
        assert!(error.is_some() || passed.len() == sent.len(), "{}", case.name);
    }
}

/// A stream cut anywhere never finishes. One that ends anywhere as it should finishes only with the
/// reason that the whole has.
pub fn cut_anywhere<S: Subject>() {
    for case in cases(S::NAME, "streams", "sse") {
        let (whole, error) = listen::<S>(&case.text, false);
        let reason = finish(&whole).map(|finish| finish.reason.clone());
        for cut in (0..case.text.len()).filter(|cut| case.text.is_char_boundary(*cut)) {
            let mut stream = S::stream(false);
            let (deltas, failed) = stream.take_all(&sse::events(&case.text[..cut]));
            assert_eq!(
                finish(&deltas).is_some(),
                stream.is_finished(),
                "{} cut at {cut}",
                case.name
            );
            // The mark's own frame is whole once its blank line has begun.
            assert!(
                !stream.is_finished() || (error.is_none() && case.text.trim_end().len() < cut),
                "{} cut at {cut}",
                case.name
            );
            if failed.is_none()
                && let Ok(end) = stream.end()
                && let Some(finish) = finish(&end)
            {
                assert!(stream.is_finished());
                assert!(
                    error.is_some() || Some(&finish.reason) == reason.as_ref(),
                    "{} ended at {cut}",
                    case.name
                );
            }
        }
    }
}

/// All deltas of a stream's text, which ends as it should, and the error that ended them, if one
/// did.
pub fn listen<S: Subject>(text: &str, native: bool) -> (Vec<Delta>, Option<ProviderError>) {
    let mut stream = S::stream(native);
    let (mut deltas, failed) = stream.take_all(&sse::events(text));
    let end = failed.map_or_else(|| stream.end(), Err);
    match end {
        Ok(end) => {
            deltas.extend(end);
            (deltas, None)
        }
        Err(error) => (deltas, Some(error)),
    }
}

fn finish(deltas: &[Delta]) -> Option<&Finish> {
    deltas.iter().find_map(|delta| match &delta.event {
        Event::Finish(finish) => Some(finish),
        _ => None,
    })
}

/// An event without an id.
pub fn event(name: &str, data: &str) -> SseEvent {
    SseEvent { name: name.to_owned(), data: data.to_owned(), id: None }
}

/// Puts deltas together, as the contract says a host does.
fn assemble(deltas: Vec<Delta>) -> Completion {
    let mut parts = std::collections::BTreeMap::new();
    let mut head = None;
    let mut usage = None;
    let mut end = None;
    for delta in deltas {
        match delta.event {
            Event::Start(start) => head = Some(start),
            Event::Usage(latest) => usage = Some(latest),
            Event::Finish(finish) => end = Some(finish),
            Event::Part(whole) => drop(parts.insert(whole.index, whole.part)),
            Event::Other(_) => {}
            Event::Text(delta) => match parts.entry(delta.index).or_insert_with(show::empty_text) {
                Part::Text(text) => text.text.push_str(&delta.text),
                other => panic!("text for {other:?}"),
            },
            Event::Thinking(delta) => {
                match parts.entry(delta.index).or_insert_with(show::empty_thinking) {
                    Part::Thinking(thinking) => {
                        thinking.text.push_str(&delta.text);
                        thinking.signature = delta.signature.or(thinking.signature.take());
                    }
                    other => panic!("thoughts for {other:?}"),
                }
            }
            Event::ToolUse(delta) => {
                match parts.entry(delta.index).or_insert_with(show::empty_tool_use) {
                    Part::ToolUse(tool_use) => {
                        tool_use.id.extend(delta.id);
                        tool_use.name.extend(delta.name);
                        tool_use.input.push_str(&delta.input);
                    }
                    other => panic!("arguments for {other:?}"),
                }
            }
        }
    }
    for part in parts.values_mut() {
        if let Part::ToolUse(tool_use) = part
            && tool_use.input.is_empty()
        {
            tool_use.input = "{}".into();
        }
    }
    let start = head.unwrap();
    let Finish { reason: finish_reason, extra } = end.unwrap();
    let extra = merged(start.extra, extra);
    let usage = usage.unwrap();
    let parts = parts.into_values().collect();
    Completion {
        id: start.id,
        model: start.model,
        parts,
        finish_reason,
        usage,
        native: None,
        extra,
    }
}

fn merged(first: Option<String>, second: Option<String>) -> Option<String> {
    let (first, second) = (first.unwrap_or("{}".into()), second.unwrap_or("{}".into()));
    let mut merged = Object::parse(&first).unwrap();
    Object::parse(&second).unwrap().into_iter().for_each(|(key, value)| merged.set(&key, value));
    merged.into_extra()
}
