//! Chunks that nobody would send, and the order that holds whatever comes.

use std::collections::BTreeMap;

use arete_plugin::golden::event as said;
use proptest::prelude::*;

use super::*;

const TEXT: &str = r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
const STOP: &str =
    r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn stream() -> Stream {
    Stream::new("asked".into(), false)
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
        assert_eq!(stream.end().kind, ErrorKind::Interrupted);
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let mut stream = Stream::new("asked".into(), true);
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
        let mut stream = Stream::new("asked".into(), true);
        for (name, data) in events {
            if let Ok(deltas) = stream.take(&said(&name, &data)) {
                prop_assert!(deltas.iter().all(|delta| !matches!(delta.event, Event::Finish(_))) || stream.is_finished());
            }
        }
    }

    #[test]
    fn whatever_comes_the_order_of_the_contract_holds(chunks in prop::collection::vec(chunk(), 0..40), native: bool) {
        let mut stream = Stream::new("asked".into(), native);
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
