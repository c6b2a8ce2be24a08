//! What the golden files can't show: settings, exact digits, numbers that JSON can't say, and texts
//! that aren't JSON.

use arete_plugin::golden::question;
use arete_plugin::json;
use arete_plugin::llm::{ErrorKind, Message, OtherPart, Part, Role, Text, Thinking, ToolChoice};
use arete_plugin::wishes::none;
use proptest::prelude::*;

use super::*;

fn plain() -> Request {
    question::plain("m")
}

fn openai(request: &Request, stream: bool) -> Result<String, ProviderError> {
    body(request, &none(), stream, &Habits::default())
}

#[test]
fn servers_have_their_habits() {
    let mut request = Request { max_tokens: Some(5), top_k: Some(40), ..plain() };
    let thinking =
        |text: &str| Part::Thinking(Thinking { text: text.into(), signature: None, extra: None });
    let content =
        vec![thinking("2 + "), Part::Text(Text { text: "4".into(), extra: None }), thinking("2")];
    request.messages.insert(0, Message { role: Role::Assistant, content, extra: None });

    let habits = Habits {
        max_tokens_field: "max_tokens",
        stream_usage: false,
        top_k: true,
        thinking_field: Some("reasoning_content"),
    };
    let expected = r#"{"model":"m","messages":[{"role":"assistant","content":"4","reasoning_content":"2 + 2"},{"role":"user","content":"Hi"}],"stream":true,"max_tokens":5,"top_k":40}"#;
    assert_eq!(body(&request, &none(), true, &habits).unwrap(), expected);
    request.extra = Some(r#"{"max_completion_tokens":6}"#.into());
    assert_eq!(
        body(&request, &none(), true, &habits).unwrap_err().field.as_deref(),
        Some("extra.max_completion_tokens")
    );
    request.extra = Some(r#"{"top_k":6}"#.into());
    assert_eq!(
        body(&request, &none(), true, &habits).unwrap_err().field.as_deref(),
        Some("extra.top_k")
    );
    request.extra = Some(r#"{"stream_options":{"include_usage":true}}"#.into());
    assert!(body(&request, &none(), true, &habits).is_ok());
}

#[test]
fn numbers_and_raw_json_keep_their_digits() {
    let mut request = plain();
    request.temperature = Some(0.7);
    request.top_p = Some(0.1 + 0.2);
    let json = r#"{"type":"x", "n": 1.10, "big":123456789012345678901234567890}"#;
    request.messages[0].content =
        vec![Part::Other(OtherPart { kind: "x".into(), json: json.into() })];
    request.extra = Some(r#"{"e":1E5}"#.into());
    let expected = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{json}]}}],"temperature":0.7,"top_p":0.30000000000000004,"e":1E5}}"#
    );
    assert_eq!(openai(&request, false).unwrap(), expected);
}

#[test]
fn a_number_that_json_has_no_word_for_is_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = openai(&Request { temperature: Some(number), ..plain() }, false).unwrap_err();
        assert_eq!(
            (error.kind, error.field.as_deref()),
            (ErrorKind::InvalidRequest, Some("temperature"))
        );
    }
}

#[test]
fn every_key_that_the_request_sets_is_refused_in_extra() {
    let asked = r#"{"model":"m","messages":[{"role":"user","content":"u"}],"maxTokens":1,"temperature":1,"topP":1,
        "stopSequences":["s"],"tools":[{"name":"t","inputSchema":{}}],"toolChoice":"any"}"#;
    let keys = "model messages stream stream_options max_tokens max_completion_tokens temperature top_p stop tools tool_choice";
    for key in keys.split(' ') {
        let mut request = question::read(Object::parse(asked).unwrap());
        request.extra = Some(format!(r#"{{"metadata":{{}},"{key}":null}}"#));
        let error = openai(&request, true).unwrap_err();
        assert_eq!(
            (error.kind, error.field),
            (ErrorKind::InvalidRequest, Some(format!("extra.{key}")))
        );
    }
}

#[test]
fn one_answer_may_be_asked_for_by_number() {
    for (n, allowed) in
        [("1", true), ("null", true), ("2", false), ("1.0", false), ("\"3\"", false)]
    {
        let request = Request { extra: Some(format!(r#"{{"n":{n}}}"#)), ..plain() };
        assert_eq!(openai(&request, false).is_ok(), allowed, "{n}");
    }
}

proptest! {
    #[test]
    fn text_that_should_be_json_is_refused_or_makes_a_json_body(json in "[\\[\\]{}\",:a\\\\01 ]{0,12}", place in 0..7) {
        let mut request = plain();
        let other = |kind: &str, json| Part::Other(OtherPart { kind: kind.into(), json });
        let text = |extra| Part::Text(Text { text: "t".into(), extra });
        match place {
            0 => request.extra = Some(json),
            1 => request.messages[0].extra = Some(json),
            2 => request.tool_choice = Some(ToolChoice::Other(json)),
            3 => request.messages[0].content = vec![other("x", json)],
            4 => request.messages[0].content = vec![other("tool_call", json)],
            5 => request.messages[0].content = vec![text(Some(json))],
            _ => request.messages[0].content = vec![text(None), other("fields", json.clone()), other("fields", json)],
        }
        match openai(&request, true) {
            Ok(body) => prop_assert!(json::object(&body).is_ok(), "{}", body),
            Err(error) => prop_assert!(error.kind == ErrorKind::InvalidRequest && error.field.is_some()),
        }
    }
}
