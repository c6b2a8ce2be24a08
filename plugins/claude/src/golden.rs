//! Compares what this provider makes with files that people can read, in `tests/golden/claude`.
//!
//! Each case is a file of the vendor's words (or, for requests, of the caller's) and beside it `<case>.expected.json`.
//! `UPDATE_GOLDEN=1 cargo test -p claude` writes the expected files anew; the diff is for people to judge.

pub(crate) mod question;
mod show;
mod sse;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use arete_plugin::http::Header;
use arete_plugin::llm::{Completion, Delta, Event, Finish, Message, Part, ProviderError, Role, Usage};

use crate::json::{self, COUNT, LIST, OBJECT, Object, STRING};
use crate::stream::Stream;
use crate::{answer, errors, request};

#[test]
fn requests_become_the_vendors_body() {
    for case in cases("requests", "json") {
        let mut asked = Object::parse(&case.text).unwrap();
        let stream = asked.take("stream").is_some_and(|stream| stream.get() == "true");
        let body = request::body(&question::read(asked), stream);
        case.check(&body.map_or_else(|error| show::error(&error), |body| json::text(&json::value(&body).unwrap())));
    }
}

#[test]
fn answers_become_completions() {
    for case in cases("answers", "json") {
        case.check(&match answer::read(&case.text, false) {
            Ok(completion) => show::completion(&completion),
            Err(error) => show::error(&error),
        });
    }
}

#[test]
fn streams_become_deltas() {
    for case in cases("streams", "sse") {
        let (deltas, error) = listen(&case.text, false);
        let deltas = deltas.iter().map(|delta| show::event(&delta.event));
        let lines: Vec<String> = deltas.chain(error.iter().map(show::error)).collect();
        case.check(&format!("[{}]", lines.join(",")));
    }
}

#[test]
fn refusals_become_errors() {
    // 12 seconds before the date that the cases name.
    let now = UNIX_EPOCH + Duration::from_secs(1_792_324_788);
    for case in cases("errors", "json") {
        let mut refusal = Object::parse(&case.text).unwrap();
        let status = refusal.need("status", COUNT).unwrap();
        let headers = refusal.require("headers", OBJECT).unwrap();
        let headers = Object::parse(headers.get()).unwrap().into_iter();
        let headers: Vec<Header> =
            headers.map(|(name, value)| Header { name, value: serde_json::from_str(value.get()).unwrap() }).collect();
        let body = refusal.require("body", OBJECT).unwrap();
        let body = serde_json::from_str(body.get()).unwrap_or_else(|_| body.get().to_owned());
        case.check(&show::error(&errors::refusal(status, &headers, &body, now)));
    }
}

#[test]
fn a_stream_and_an_answer_of_the_same_name_say_the_same() {
    let streams = cases("streams", "sse");
    let pairs = cases("answers", "json").into_iter().filter_map(|answer| {
        let stream = streams.iter().find(|stream| stream.name == answer.name)?;
        Some((answer, stream))
    });
    let mut compared = 0;
    for (whole, stream) in pairs {
        let (deltas, error) = listen(&stream.text, false);
        assert_eq!(error, None, "{}", stream.name);
        let whole = answer::read(&whole.text, false).unwrap();
        // Told later, a field stands later; the order of fields means nothing.
        let fields = |completion: &Completion| -> serde_json::Value {
            serde_json::from_str(&show::completion(completion)).unwrap()
        };
        assert_eq!(fields(&assemble(deltas)), fields(&whole), "{}", stream.name);
        compared += 1;
    }
    assert!(0 < compared);
}

#[test]
fn what_an_answer_held_can_be_sent_back() {
    for case in cases("answers", "json") {
        let Ok(completion) = answer::read(&case.text, false) else { continue };
        let back = Message { role: Role::Assistant, content: completion.parts, extra: None };
        let mut asked = question::plain();
        asked.messages.push(back);
        let mut body = Object::parse(&request::body(&asked, false).unwrap()).unwrap().into_owned();
        let messages: Vec<Box<serde_json::value::RawValue>> = body.need("messages", LIST).unwrap();
        let sent =
            Object::parse(messages.last().unwrap().get()).unwrap().require("content", LIST).unwrap().into_owned();
        let came = Object::parse(&case.text).unwrap().require("content", LIST).unwrap().into_owned();
        let sent: serde_json::Value = serde_json::from_str(sent.get()).unwrap();
        let came: serde_json::Value = serde_json::from_str(came.get()).unwrap();
        let sent = if sent.is_string() { serde_json::json!([{"type": "text", "text": sent}]) } else { sent };
        assert_eq!(sent, came, "{}", case.name);
    }
}

#[test]
fn a_native_caller_gets_every_event_once() {
    for case in cases("streams", "sse") {
        let (deltas, error) = listen(&case.text, true);
        let passed: Vec<String> = deltas.into_iter().filter_map(|delta| delta.native).map(|it| it.body).collect();
        let sent: Vec<String> = sse::events(&case.text).into_iter().map(|(_, data)| data).collect();
        assert_eq!(passed, sent[..passed.len()], "{}", case.name);
        assert!(error.is_some() || passed.len() == sent.len(), "{}", case.name);
    }
}

#[test]
fn a_stream_cut_anywhere_never_finishes() {
    for case in cases("streams", "sse") {
        let ends = listen(&case.text, false).1.is_none();
        for cut in (0..case.text.len()).filter(|cut| case.text.is_char_boundary(*cut)) {
            let (deltas, error) = listen(&case.text[..cut], false);
            let finished = deltas.iter().any(|delta| matches!(delta.event, Event::Finish(_)));
            assert_eq!(finished, error.is_none(), "{} cut at {cut}", case.name);
            // The mark's own frame is whole once its blank line has begun.
            assert!(!finished || (ends && case.text.trim_end().len() < cut), "{} cut at {cut}", case.name);
        }
    }
}

/// All deltas, and the error that ended them, if one did.
pub(crate) fn listen(text: &str, native: bool) -> (Vec<Delta>, Option<ProviderError>) {
    let mut stream = Stream::new(native);
    let mut deltas = Vec::new();
    for (name, data) in sse::events(text) {
        match stream.take(&name, &data) {
            Ok(more) => deltas.extend(more),
            Err(error) => return (deltas, Some(error)),
        }
    }
    let end = (!stream.is_finished()).then(|| stream.end());
    (deltas, end)
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
            Event::Thinking(delta) => match parts.entry(delta.index).or_insert_with(show::empty_thinking) {
                Part::Thinking(thinking) => {
                    thinking.text.push_str(&delta.text);
                    thinking.signature = delta.signature.or(thinking.signature.take());
                }
                other => panic!("thoughts for {other:?}"),
            },
            Event::ToolUse(delta) => match parts.entry(delta.index).or_insert_with(show::empty_tool_use) {
                Part::ToolUse(tool_use) => {
                    tool_use.id.extend(delta.id);
                    tool_use.name.extend(delta.name);
                    tool_use.input.push_str(&delta.input);
                }
                other => panic!("arguments for {other:?}"),
            },
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
    let usage: Usage = usage.unwrap();
    let parts = parts.into_values().collect();
    Completion { id: start.id, model: start.model, parts, finish_reason, usage, native: None, extra }
}

fn merged(first: Option<String>, second: Option<String>) -> Option<String> {
    let (first, second) = (first.unwrap_or("{}".into()), second.unwrap_or("{}".into()));
    let mut merged = Object::parse(&first).unwrap();
    Object::parse(&second).unwrap().into_iter().for_each(|(key, value)| merged.set(&key, value));
    merged.into_extra()
}

struct Case {
    name: String,
    text: String,
    expected: PathBuf,
}

impl Case {
    #[track_caller]
    fn check(&self, found: &str) {
        let found = pretty(found, 0) + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&self.expected, found).unwrap();
            return;
        }
        let expected = fs::read_to_string(&self.expected).unwrap_or_default();
        if let Some(diff) = diff(&expected, &found) {
            panic!("{} differs (UPDATE_GOLDEN=1 accepts it):\n{diff}", self.expected.display());
        }
    }
}

fn cases(folder: &str, extension: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/claude").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let inputs = files.filter(|path| {
        path.extension().is_some_and(|it| it == extension) && !path.to_string_lossy().ends_with(".expected.json")
    });
    let mut cases: Vec<Case> = inputs
        .map(|path| Case {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
            expected: path.with_extension("expected.json"),
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// The lines that differ, each with its number; absent when none does.
fn diff(expected: &str, found: &str) -> Option<String> {
    let (mut expected, mut found) = (expected.lines(), found.lines());
    let mut differing = String::new();
    for number in 1.. {
        match (expected.next(), found.next()) {
            (None, None) => break,
            (expected, found) if expected == found => {}
            (expected, found) => {
                let line = |sign, line: Option<&str>| line.map(|line| format!("{number:4} {sign} {line}\n"));
                differing.extend(line('-', expected).into_iter().chain(line('+', found)));
            }
        }
    }
    (!differing.is_empty()).then_some(differing)
}

/// Lays JSON out without touching its digits: what fits into a line stays in one.
fn pretty(text: &str, indent: usize) -> String {
    let line = one_line(text);
    if indent + line.len() <= 110 {
        return line;
    }
    let pad = " ".repeat(indent + 2);
    let (open, items, close) = if let Ok(object) = Object::parse(text) {
        let item = |(key, value): (String, json::Raw)| {
            format!("{pad}{}: {}", json::text(&key), pretty(value.get(), indent + 2))
        };
        ('{', object.into_iter().map(item).collect::<Vec<_>>(), '}')
    } else if let Ok(list) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text) {
        let item = |value: &serde_json::value::RawValue| format!("{pad}{}", pretty(value.get(), indent + 2));
        ('[', list.into_iter().map(item).collect(), ']')
    } else {
        return line;
    };
    format!("{open}\n{}\n{}{close}", items.join(",\n"), " ".repeat(indent))
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for letter in text.chars().filter(|letter| !"\n\r\t".contains(*letter)) {
        match letter {
            ' ' if !quoted => {}
            ':' | ',' if !quoted => line.extend([letter, ' ']),
            _ => line.push(letter),
        }
        quoted ^= letter == '"' && !escaped;
        escaped = quoted && letter == '\\' && !escaped;
    }
    line
}

#[test]
fn the_layout_keeps_strings_and_digits() {
    assert_eq!(one_line("{ \"a:,b\\\"\" :\n[1.10,2] }"), "{\"a:,b\\\"\": [1.10, 2]}");
    assert_eq!(diff("a\nb\n", "a\nc\n").as_deref(), Some("   2 - b\n   2 + c\n"));
    assert_eq!(Object::parse("{\"s\":\"x\"}").unwrap().need::<String>("s", STRING).unwrap(), "x");
}
