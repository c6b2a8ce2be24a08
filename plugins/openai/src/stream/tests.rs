//! Chunks that nobody would send, and the order that holds whatever comes.

use std::collections::BTreeMap;

use arete_plugin::event_stream::DeltaReader;
use arete_plugin::golden::event as said;
use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
const STOP: &str =
    r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn reader(native: bool) -> DeltaReader {
    DeltaReader::new(Stream::new("asked".into()), native.then_some("openai-chat"))
}

fn stream() -> DeltaReader {
    reader(false)
}

#[track_caller]
fn check_broken(chunk: &str, says: &str) {
    let error = stream().take(&said("", chunk)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadResponse);
    let expected = format!(
        "The vendor's answer isn't what its API promises: in a chunk of the stream, {says}."
    );
    assert_eq!(error.message, expected);
}

#[test]
fn a_chunk_that_isnt_what_it_promises_is_refused() {
    check_broken("secret", "it should be an object, but is not JSON");
    check_broken("", "it should be an object, but is empty");
    check_broken("[]", "it should be an object, but is a list");
    check_broken(r#"{"choices":7}"#, "`choices` should be a list, but is a number");
    check_broken(r#"{"choices":[7]}"#, "`choices[0]` should be an object, but is a number");
    check_broken(
        r#"{"choices":[{"delta":"secret"}]}"#,
        "`choices[0].delta` should be an object, but is a string",
    );
    check_broken(
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":7}}]}}]}"#,
        "`choices[0].delta.tool_calls[0].function.arguments` should be a string",
    );
    check_broken(
        r#"{"choices":[{"delta":{"content":[{"type":"text","text":"a"},"secret"]}}]}"#,
        "`choices[0].delta.content[1]` should be an object, but is a string",
    );
    check_broken(
        r#"{"choices":[{"finish_reason":7}]}"#,
        "`choices[0].finish_reason` should be a string, but is a number",
    );
}

#[test]
fn an_error_ends_a_stream_wherever_it_comes() {
    for before in [&[][..], &[TEXT], &[TEXT, STOP]] {
        let mut stream = stream();
        before.iter().for_each(|chunk| drop(stream.take(&said("", chunk)).unwrap()));
        let error = stream
            .take(&said("", r#"{"error":{"message":"m","type":"overloaded_error"}}"#))
            .unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Overloaded, "m"));
        assert_eq!(stream.end().unwrap_err().kind, ErrorKind::Interrupted);
    }
}

/// The fragments of calls, each a chunk, up to the end: the calls' names and arguments.
fn called(fragments: &[&str]) -> Result<Vec<(String, String)>, ErrorKind> {
    let mut stream = stream();
    let chunks = fragments
        .iter()
        .map(|fragment| format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{fragment}}}]}}"#));
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#.to_owned();
    let mut calls: BTreeMap<u32, (String, String)> = BTreeMap::new();
    for chunk in chunks.chain([end, DONE.to_owned()]) {
        for delta in stream.take(&said("", &chunk)).map_err(|error| error.kind)? {
            match delta.event {
                Event::ToolUse(delta) => {
                    let call = calls.entry(delta.index).or_default();
                    call.0.extend(delta.name);
                    call.1.push_str(&delta.input);
                }
                Event::Part(PartDelta { index, part: Part::ToolUse(call) }) => {
                    calls.insert(index, (call.name, call.input));
                }
                _ => {}
            }
        }
    }
    Ok(calls.into_values().collect())
}

#[test]
fn fragments_become_calls_however_servers_mark_them() {
    let bern = [("f".to_owned(), r#"{"city":"Bern"}"#.to_owned())];
    let fragment = |marks: &str, function: &str| {
        format!(r#"{{"tool_calls":[{{{marks}"function":{function}}}]}}"#)
    };
    let (begin, middle, end) =
        (r#"{"name":"f"}"#, r#"{"arguments":"{\"ci"}"#, r#"{"arguments":"ty\":\"Bern\"}"}"#);
    for marks in [
        // As the vendor has it, every fragment with an id of its own, and without marks.
        [r#""index":0,"id":"a1","#, r#""index":0,"#, r#""index":0,"#],
        [r#""index":0,"id":"a1","#, r#""index":0,"id":"b2","#, r#""index":0,"id":"c3","#],
        [r#""id":"a1","#, r#""id":"b2","#, r#""id":"c3","#],
        [r#""index":0,"id":"a1","#, r#""id":"","#, r#""index":0,"id":"","#],
        ["", "", ""],
    ] {
        let pieces = [begin, middle, end];
        let fragments: Vec<String> =
            marks.iter().zip(pieces).map(|(marks, piece)| fragment(marks, piece)).collect();
        let fragments: Vec<&str> = fragments.iter().map(String::as_str).collect();
        assert_eq!(called(&fragments).unwrap(), bern, "{marks:?}");
    }
    let of_2023 = [begin, middle, end].map(|piece| format!(r#"{{"function_call":{piece}}}"#));
    assert_eq!(called(&of_2023.each_ref().map(String::as_str)).unwrap(), bern);
    assert_eq!(called(&[r#"{"content":"Hm."}"#]), Err(ErrorKind::BadResponse));
}

#[test]
fn calls_that_are_marked_alike_are_told_apart_by_their_names() {
    let two = |marks: [&str; 2], names: [&str; 2]| {
        let fragments = marks.iter().zip(names).zip([1, 2]).map(|((marks, name), n)| {
            format!(r#"{{"tool_calls":[{{{marks}"function":{{"name":"{name}","arguments":"{{\"n\":{n}}}"}}}}]}}"#)
        });
        let fragments: Vec<String> = fragments.collect();
        called(&fragments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap()
    };
    for marks in [
        [r#""index":0,"id":"a","#, r#""index":0,"id":"b","#],
        [r#""index":0,"#, r#""index":0,"#],
        [r#""index":0,"id":"x","#, r#""index":0,"id":"x","#],
        ["", ""],
    ] {
        for names in [["f", "g"], ["f", "f"]] {
            let expected = [
                (names[0].to_owned(), r#"{"n":1}"#.to_owned()),
                (names[1].to_owned(), r#"{"n":2}"#.to_owned()),
            ];
            assert_eq!(two(marks, names), expected, "{marks:?} {names:?}");
        }
    }
}

#[test]
fn calls_of_another_choice_are_taken_where_the_first_has_none() {
    let mut stream = stream();
    let mut parts = Vec::new();
    for chunk in [
        TEXT,
        r#"{"id":"c","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"n\":"}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}"#,
        r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"},{"index":1,"delta":{},"finish_reason":"tool_calls"}]}"#,
        DONE,
    ] {
        let deltas = stream.take(&said("", chunk)).unwrap();
        parts.extend(deltas.into_iter().filter_map(|delta| match delta.event {
            Event::Part(delta) => Some(delta),
            _ => None,
        }));
    }
    let [PartDelta { index: 1, part: Part::ToolUse(call) }] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!((call.name.as_str(), call.input.as_str()), ("f", r#"{"n":1}"#));
    assert!(stream.is_finished());
}

#[test]
fn halves_of_a_character_are_joined_or_replaced_and_never_an_error() {
    for (field, open, close) in [
        ("content", "", ""),
        ("reasoning", "", ""),
        ("refusal", "", ""),
        ("tool_calls", r#"[{"index":0,"function":{"name":"f","arguments":"#, "}}]"),
    ] {
        let told = |pieces: &[&str]| {
            let mut stream = stream();
            let chunks = pieces.iter().map(|piece| {
                format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"{field}":{open}{piece}{close}}}}}]}}"#)
            });
            let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#.to_owned();
            let mut text = String::new();
            for chunk in chunks.chain([end, DONE.to_owned()]) {
                for delta in stream.take(&said("", &chunk)).unwrap() {
                    match delta.event {
                        Event::Text(delta) => text += &delta.text,
                        Event::Thinking(delta) => text += &delta.text,
                        Event::ToolUse(delta) => text += &delta.input,
                        _ => {}
                    }
                }
            }
            text
        };
        assert_eq!(told(&[r#""hi \ud83d""#, r#""\ude00 there""#]), "hi 😀 there", "{field}");
        assert_eq!(told(&[r#""hi \ud83d""#, r#""there""#]), "hi \u{fffd}there", "{field}");
        assert_eq!(told(&[r#""hi""#, r#""\ude00 there""#]), "hi\u{fffd} there", "{field}");
        assert_eq!(told(&[r#""hi \ud83d""#]), "hi \u{fffd}", "{field}");
    }
}

#[test]
fn the_end_of_the_body_ends_an_answer_that_said_why_it_stops() {
    let ended = |chunks: &[&str]| {
        let mut stream = stream();
        chunks.iter().for_each(|chunk| drop(stream.take(&said("", chunk)).unwrap()));
        stream.end().map(|deltas| deltas.len()).map_err(|error| error.kind)
    };
    assert_eq!(ended(&[TEXT, STOP]), Ok(1));
    assert_eq!(ended(&[TEXT]), Err(ErrorKind::Interrupted));
    assert_eq!(ended(&[]), Err(ErrorKind::Interrupted));
}

#[test]
fn nothing_comes_after_the_end() {
    let mut stream = reader(true);
    [TEXT, STOP, DONE].iter().for_each(|chunk| drop(stream.take(&said("", chunk)).unwrap()));
    assert!(stream.is_finished());
    assert_eq!(stream.take(&said("", TEXT)).unwrap(), []);
    assert_eq!(stream.take(&said("error", "not json")).unwrap(), []);
    assert_eq!(stream.take(&said("", DONE)).unwrap(), []);
}

/// A chunk of the right words in any order, now and then with a value that isn't what it should be.
fn chunk() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        6 => "[a-z\"\\\\{}:\\[\\]]{0,6}".prop_map(|text| json::text(&text)),
        2 => prop::sample::select(vec![r#""{}""#, "null", "\"\"", "{\"a\":1}", "[{\"type\":\"text\",\"text\":\"x\"}]"])
            .prop_map(String::from),
        1 => prop::sample::select(vec!["1", "1e999", "[]", "[1.10]", "true", "\"\\ud800\"", "[{\"index\":0,\"text\":\"a\"}]"])
            .prop_map(String::from),
    ];
    let field = prop::sample::select(vec![
        "content",
        "reasoning",
        "reasoning_content",
        "refusal",
        "audio",
        "annotations",
        "poem",
        "role",
    ]);
    let call = (
        prop::option::of(0_u32..3),
        prop::option::of("[ab]"),
        prop::option::of("[fg]"),
        value.clone(),
    );
    let call = call.prop_map(|(index, id, name, arguments)| {
        let index = index.map(|index| format!("\"index\":{index},")).unwrap_or_default();
        let id = id.map(|id| format!("\"id\":\"{id}\",")).unwrap_or_default();
        let name = name.map(|name| format!("\"name\":\"{name}\",")).unwrap_or_default();
        format!("{{{index}{id}\"function\":{{{name}\"arguments\":{arguments}}}}}")
    });
    let delta = prop_oneof![
        4 => (field, value.clone()).prop_map(|(field, value)| format!("\"{field}\":{value}")),
        2 => prop::collection::vec(call, 0..3).prop_map(|calls| format!("\"tool_calls\":[{}]", calls.join(","))),
    ];
    let rest = prop::sample::select(vec![
        "",
        ",\"finish_reason\":\"stop\"",
        ",\"finish_reason\":\"x\"",
        ",\"finish_reason\":\"error\"",
        ",\"logprobs\":{\"content\":[1]}",
    ]);
    let usage = prop::sample::select(vec![
        "",
        ",\"usage\":{\"prompt_tokens\":1}",
        ",\"usage\":7",
        ",\"service_tier\":null",
    ]);
    prop_oneof![
        20 => (delta, rest, usage).prop_map(|(delta, rest, usage)| {
            format!("{{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}{rest}}}]{usage}}}")
        }),
        2 => Just(DONE.to_owned()),
        1 => Just("{\"choices\":[],\"usage\":{\"completion_tokens\":3}}".to_owned()),
        1 => value,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_it_panic(events in prop::collection::vec(("\\PC{0,12}", "\\PC{0,40}|\\{\"choices\":\\[\\{\"delta\":\\PC{0,30}\\}\\]\\}"), 0..8)) {
        let mut stream = reader(true);
        for (name, data) in events {
            if let Ok(deltas) = stream.take(&said(&name, &data)) {
                prop_assert!(deltas.iter().all(|delta| !matches!(delta.event, Event::Finish(_))) || stream.is_finished());
            }
        }
    }

    #[test]
    fn whatever_comes_the_order_of_the_contract_holds(chunks in prop::collection::vec(chunk(), 0..40), native: bool) {
        let mut stream = reader(native);
        let mut told = Vec::new();
        for chunk in &chunks {
            // What fails ends the stream.
            match stream.take(&said("", chunk)) {
                Ok(deltas) => told.extend(deltas),
                Err(_) => break,
            }
        }
        let finishes = told.iter().filter(|delta| matches!(delta.event, Event::Finish(_))).count();
        prop_assert_eq!(finishes, usize::from(stream.is_finished()));
        let mut started = false;
        let mut kinds = BTreeMap::new();
        let mut inputs: BTreeMap<u32, String> = BTreeMap::new();
        for (place, delta) in told.iter().enumerate() {
            // What a caller of the vendor's dialect gets may come before there is an answer.
            match &delta.event {
                Event::Start(_) => { prop_assert!(!started); started = true }
                Event::Other(_) => {}
                _ => prop_assert!(started),
            }
            let (index, kind) = match &delta.event {
                Event::Text(text) => (text.index, "text"),
                Event::Thinking(thinking) => (thinking.index, "thinking"),
                Event::ToolUse(call) => {
                    prop_assert_eq!(call.name.is_some(), !inputs.contains_key(&call.index));
                    prop_assert_eq!(call.name.is_some(), call.id.is_some());
                    inputs.entry(call.index).or_default().push_str(&call.input);
                    (call.index, "call")
                }
                Event::Part(whole) => {
                    if let Part::Other(other) = &whole.part {
                        prop_assert!(json::object(&other.json).is_ok());
                        inputs.remove(&whole.index);
                    }
                    continue;
                }
                Event::Finish(_) => { prop_assert_eq!(place, told.len() - 1); continue }
                Event::Start(_) | Event::Usage(_) | Event::Other(_) => continue,
            };
            prop_assert_eq!(*kinds.entry(index).or_insert(kind), kind);
        }
        // The host takes an answer only if the arguments of each call are an object.
        if stream.is_finished() {
            for input in inputs.into_values() {
                prop_assert!(input.trim().is_empty() || json::object(&input).is_ok(), "{}", input);
            }
        }
    }
}
