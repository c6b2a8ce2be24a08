//! Orders that the vendor doesn't promise, and events that nobody would send.

use arete_plugin::event_stream::DeltaReader;
use arete_plugin::golden::event as said;
use arete_plugin::llm::{Delta, ErrorKind, Part};
use proptest::prelude::*;

use super::*;

const START: &str =
    r#"{"type":"message_start","message":{"type":"message","id":"m","model":"c","content":[]}}"#;
const TEXT: &str =
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const MORE: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
const BLOCK_STOP: &str = r#"{"type":"content_block_stop","index":0}"#;
const REASON: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn reader(native: bool) -> DeltaReader {
    DeltaReader::new(Stream::new(), native.then_some("anthropic-messages"))
}

/// Feeds events of which the last one has to fail.
#[track_caller]
fn check_broken(events: &[&str], says: &str) {
    let (last, first) = events.split_last().unwrap();
    let mut stream = reader(false);
    first.iter().for_each(|event| drop(stream.take(&said("", event)).unwrap()));
    let error = stream.take(&said("named", last)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadResponse);
    assert_eq!(
        error.message,
        format!("The vendor's answer isn't what its API promises: in the event `{says}.")
    );
    assert!(!stream.is_finished());
}

#[test]
fn an_impossible_order_is_refused() {
    let later = TEXT.replace(":0", ":1");
    for event in [TEXT, MORE, BLOCK_STOP, REASON, STOP] {
        let kind: String = Object::parse(event).unwrap().require_as("type", STRING).unwrap();
        check_broken(&[event], &format!("{kind}`, something comes before `message_start`"));
    }
    check_broken(&[START, START], "message_start`, a second answer starts");
    check_broken(
        &[START, TEXT, &later],
        "content_block_start`, block 1 starts before block 0 has ended",
    );
    let twice = "content_block_start`, block 0 starts after a block of the same or a higher index";
    check_broken(&[START, TEXT, BLOCK_STOP, TEXT], twice);
    check_broken(&[START, MORE], "content_block_delta`, block 0 isn't open");
    check_broken(&[START, TEXT, BLOCK_STOP, MORE], "content_block_delta`, block 0 isn't open");
    check_broken(&[START, &later, MORE], "content_block_delta`, block 0 isn't open");
    check_broken(&[START, BLOCK_STOP], "content_block_stop`, block 0 isn't open");
    check_broken(
        &[START, TEXT, REASON, STOP],
        "message_stop`, the answer ends before block 0 has ended",
    );
    check_broken(&[START, STOP], "message_stop`, the answer ends without a `stop_reason`");
    let waits = REASON.replace("end_turn", "tool_use");
    check_broken(
        &[START, TEXT, MORE, BLOCK_STOP, &waits, STOP],
        "message_stop`, `content` should have a block of type `tool_use`, but has none",
    );
}

#[test]
fn text_is_told_the_same_whichever_way_it_is_read() {
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"i","name":"n"}}"#;
    let thinking = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#;
    let unknown =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"x","text":"b"}}"#;
    for before in
        [&[][..], &[START], &[START, TEXT], &[START, tool], &[START, thinking], &[START, unknown]]
    {
        for text in
            [r#""a""#, r#""""#, r#""\u00e4\n""#, "null", "1", r#""a","text":"b""#, r#""a","x":1"#]
        {
            for index in ["0", "1", "-1", "0.0"] {
                let told = |more: &str| {
                    let event =
                        MORE.replace(r#""a""#, text).replace(":0", &format!(":{index}{more}"));
                    let mut stream = reader(false);
                    before.iter().for_each(|event| drop(stream.take(&said("", event)).unwrap()));
                    let told = stream.take(&said("", &event));
                    let end = ["content_block_stop", "message_stop"].map(|kind| {
                        let event = BLOCK_STOP.replace("content_block_stop", kind);
                        stream.take(&said("", &event)).map_err(|error| error.message)
                    });
                    (told.map_err(|error| error.message), end)
                };
                // A field that nobody knows leads to the long way.
                assert_eq!(
                    told(""),
                    told(r#","unknown":true"#),
                    "{text} at {index} after {before:?}"
                );
            }
        }
    }
}

#[test]
fn an_event_that_lacks_what_it_promises_is_refused() {
    check_broken(&["not json"], "named`, it should be an object, but is not JSON");
    check_broken(&[""], "named`, it should be an object, but is empty");
    check_broken(&["[]"], "named`, it should be an object, but is a list");
    check_broken(
        &[r#"{"type":"message_start"}"#],
        "message_start`, `message` should be an object, but is missing",
    );
    check_broken(
        &[r#"{"type":"message_start","message":{"type":"message","model":"c"}}"#],
        "message_start`, `message.id` should be a string, but is missing",
    );
    check_broken(
        &[&START.replace("[]", r#"[{"type":"text","text":"secret"}]"#)],
        "message_start`, `message.content` should be an empty list, but isn't",
    );
    check_broken(
        &[START, &TEXT.replace(":0", ":-1")],
        "content_block_start`, `index` should be a whole number below 2^32, but is another number",
    );
    check_broken(
        &[START, &TEXT.replace(r#""type":"text","#, "")],
        "content_block_start`, `content_block.type` should be a string, but is missing",
    );
    check_broken(
        &[START, &REASON.replace(r#""end_turn""#, "3")],
        "message_delta`, `delta.stop_reason` should be a string, but is a number",
    );
}

/// The text, the thoughts or the arguments that a delta brings.
fn text(delta: &Delta) -> &str {
    match &delta.event {
        Event::Text(it) => &it.text,
        Event::Thinking(it) => &it.text,
        Event::ToolUse(it) => &it.input,
        _ => "",
    }
}

#[test]
fn halves_of_a_character_are_joined_or_replaced_and_never_an_error() {
    let blocks = [
        (r#"{"type":"text","text":""}"#, "text_delta", "text"),
        (r#"{"type":"thinking","thinking":""}"#, "thinking_delta", "thinking"),
        (r#"{"type":"tool_use","id":"i","name":"n"}"#, "input_json_delta", "partial_json"),
    ];
    for (block, delta, field) in blocks {
        let start =
            format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
        let told = |pieces: &[&str]| {
            let mut stream = reader(false);
            let mut events = vec![START.to_owned(), start.clone()];
            events.extend(pieces.iter().map(|piece| {
                format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{delta}","{field}":{piece}}}}}"#)
            }));
            events.push(BLOCK_STOP.to_owned());
            let deltas: Vec<Delta> =
                events.iter().flat_map(|event| stream.take(&said("", event)).unwrap()).collect();
            deltas.iter().map(text).collect::<String>()
        };
        assert_eq!(told(&[r#""hi \ud83d""#, r#""\ude00 there""#]), "hi 😀 there", "{delta}");
        assert_eq!(told(&[r#""hi \ud83d""#, r#""there""#]), "hi \u{fffd}there", "{delta}");
        assert_eq!(told(&[r#""hi""#, r#""\ude00 there""#]), "hi\u{fffd} there", "{delta}");
        assert_eq!(told(&[r#""hi \ud83d""#]), "hi \u{fffd}", "{delta}");
        assert_eq!(told(&[r#""\ud83d""#]), "\u{fffd}", "{delta}");
    }
}

#[test]
fn the_end_of_the_body_ends_an_answer_that_said_why_it_stops() {
    let ended = |events: &[&str]| {
        let mut stream = reader(false);
        events.iter().for_each(|event| drop(stream.take(&said("", event)).unwrap()));
        stream.end().map(|deltas| deltas.len()).map_err(|error| error.kind)
    };
    assert_eq!(ended(&[START, TEXT, MORE, BLOCK_STOP, REASON]), Ok(1));
    for events in
        [&[][..], &[START], &[START, TEXT, MORE, BLOCK_STOP], &[START, TEXT, MORE, REASON]]
    {
        assert_eq!(ended(events), Err(ErrorKind::Interrupted), "{events:?}");
    }
}

#[test]
fn a_delta_has_to_fit_its_block() {
    let blocks = [
        ("text", "text_delta citations_delta"),
        ("thinking", "thinking_delta signature_delta"),
        ("tool_use", "input_json_delta"),
        ("redacted_thinking", "input_json_delta"),
    ];
    for (block, fitting) in blocks {
        let start = format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"{block}","id":"i","name":"n","data":"d"}}}}"#
        );
        for delta in [
            "text_delta",
            "citations_delta",
            "thinking_delta",
            "signature_delta",
            "input_json_delta",
        ] {
            let event = format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{delta}","text":"","citation":{{}},"thinking":"","signature":"","partial_json":""}}}}"#
            );
            if fitting.contains(delta) {
                let mut stream = reader(false);
                [START, &start, &event]
                    .iter()
                    .for_each(|event| drop(stream.take(&said("", event)).unwrap()));
            } else {
                let says = format!(
                    "content_block_delta`, a `{delta}` doesn't fit a block of type `{block}`"
                );
                check_broken(&[START, &start, &event], &says);
            }
        }
    }
}

#[test]
fn every_error_in_a_stream_ends_it_wherever_it_comes() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let events = [START, TEXT, MORE, BLOCK_STOP, REASON];
    for count in 0..=events.len() {
        let mut stream = reader(false);
        events[..count].iter().for_each(|event| drop(stream.take(&said("", event)).unwrap()));
        let error = stream.take(&said("error", error)).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Overloaded, "Overloaded"));
        assert_eq!(stream.end().unwrap_err().kind, ErrorKind::Interrupted);
    }
}

#[test]
fn the_name_stands_in_for_a_type_that_is_missing() {
    let mut stream = reader(false);
    let deltas = stream
        .take(&said("message_start", &START.replace(r#""type":"message_start","#, "")))
        .unwrap();
    assert!(matches!(deltas[0].event, Event::Start(_)));
    assert_eq!(stream.take(&said("ping", "{}")).unwrap(), []);
    let error =
        stream.take(&said("error", r#"{"error":{"type":"api_error","message":"m"}}"#)).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::VendorFailed, "m"));
}

#[test]
fn nothing_comes_after_the_end() {
    let mut stream = reader(true);
    [START, REASON, STOP].iter().for_each(|event| drop(stream.take(&said("", event)).unwrap()));
    assert!(stream.is_finished());
    assert_eq!(stream.take(&said("", START)).unwrap(), []);
    assert_eq!(stream.take(&said("error", "not json")).unwrap(), []);
}

#[test]
fn words_of_the_vendor_are_bounded_in_messages() {
    let mut stream = reader(false);
    let long = "x".repeat(100_000);
    drop(stream.take(&said("", START)).unwrap());
    let error = stream.take(&said(&long, "nonsense")).unwrap_err();
    assert!(error.message.len() < 400);
    drop(
        stream
            .take(&said("", &TEXT.replace(r#""type":"text""#, &format!(r#""type":"{long}""#))))
            .unwrap(),
    );
    let error = stream.take(&said(
        "",
        &MORE.replace("text_delta", "thinking_delta").replace(r#""text":"#, r#""thinking":"#),
    ));
    assert!(error.unwrap_err().message.len() < 400);
}

/// An event of the right words in any order, now and then with a field that isn't what it should
/// be.
fn event() -> impl Strategy<Value = (String, String)> {
    let kind = prop::sample::select(vec![
        "message_start",
        "content_block_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
        "new_event",
    ]);
    let block = prop::sample::select(vec![
        "text",
        "thinking",
        "tool_use",
        "server_tool_use",
        "poem",
        "image",
    ]);
    let delta = prop::sample::select(vec![
        "text_delta",
        "thinking_delta",
        "signature_delta",
        "citations_delta",
        "input_json_delta",
        "poem_delta",
        "x",
    ]);
    let value = prop_oneof![
        6 => "[a-z\"\\\\{}:\\[\\]]{0,6}".prop_map(|text| json::text(&text)),
        1 => prop::sample::select(vec!["null", "1", "1e999", "[]", "[1.10]", "{}", "{\"a\":1}", "true", "\"\\ud800\""])
            .prop_map(String::from),
    ];
    (kind, block, delta, value, 0_u32..3, prop::bool::weighted(0.95)).prop_map(
        |(kind, block, delta, value, index, sane)| {
            let id = if sane { "\"i\"" } else { &value };
            let rest = format!(
                r#""id":{id},"name":{id},"model":{id},"content":[],"text":{value},"thinking":{value},"signature":{value},"citation":{value},"partial_json":{value},"lines":{value}"#
            );
            let data = match kind {
                "message_start" => format!(r#""message":{{"type":"message",{rest},"usage":{{"input_tokens":4294967295,"cache_read_input_tokens":4294967295}}}}"#),
                "content_block_start" => format!(r#""index":{index},"content_block":{{"type":"{block}",{rest}}}"#),
                "content_block_delta" => format!(r#""index":{index},"delta":{{"type":"{delta}",{rest}}}"#),
                "message_delta" => format!(r#""delta":{{"stop_reason":{id},"stop_sequence":{value}}},"usage":{{"output_tokens":1,"new":{value}}}"#),
                _ => format!(r#""index":{index},"error":{value}"#),
            };
            (kind.to_owned(), format!(r#"{{"type":"{kind}",{data}}}"#))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_makes_it_panic(events in prop::collection::vec(("\\PC{0,12}", "\\PC{0,40}|\\{\"type\":\"[a-z_]{1,20}\"\\PC{0,30}\\}"), 0..8)) {
        let mut stream = reader(true);
        drop(stream.take(&said("", START)));
        for (name, data) in events {
            if let Ok(deltas) = stream.take(&said(&name, &data)) {
                prop_assert!(deltas.iter().all(|delta| !matches!(delta.event, Event::Finish(_))) || stream.is_finished());
            }
        }
    }

    #[test]
    fn whatever_comes_the_order_of_the_contract_holds(events in prop::collection::vec(event(), 0..40), native: bool) {
        let mut stream = reader(native);
        let mut told = Vec::new();
        for (name, data) in std::iter::once(("".to_owned(), START.to_owned())).chain(events) {
            // What fails is passed over: the state has to stay sound even then.
            told.extend(stream.take(&said(&name, &data)).unwrap_or_default());
        }
        let finishes = told.iter().filter(|delta| matches!(delta.event, Event::Finish(_))).count();
        prop_assert_eq!(finishes, usize::from(stream.is_finished()));
        let mut last = 0;
        for (place, delta) in told.iter().enumerate() {
            let index = match &delta.event {
                Event::Start(_) => { prop_assert_eq!(place, 0); 0 }
                Event::Text(text) => text.index,
                Event::Thinking(thinking) => thinking.index,
                Event::ToolUse(tool_use) => tool_use.index,
                Event::Part(whole) => {
                    match &whole.part {
                        Part::Other(other) => prop_assert!(json::object(&other.json).is_ok()),
                        Part::ToolUse(tool_use) => prop_assert!(json::object(&tool_use.input).is_ok()),
                        _ => {}
                    }
                    whole.index
                }
                Event::Finish(_) => { prop_assert_eq!(place, told.len() - 1); last }
                Event::Usage(_) | Event::Other(_) => last,
            };
            prop_assert!(last <= index);
            last = index;
        }
    }
}
