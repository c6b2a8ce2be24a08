//! What the golden files can't show: exact digits, numbers that JSON can't say, and texts that
//! aren't JSON at all.

use arete_plugin::llm::{ErrorKind, OtherPart, Part, ToolChoice};
use arete_plugin::wishes::none;
use proptest::prelude::*;

use super::*;
use arete_plugin::golden::question;

#[test]
fn numbers_and_raw_json_keep_their_digits() {
    let mut request = question::plain("claude-sonnet-5");
    request.temperature = Some(0.7);
    request.top_p = Some(0.1 + 0.2);
    let json = r#"{"type":"x", "n": 1.10, "big":123456789012345678901234567890}"#;
    let other = Part::Other(OtherPart { kind: "x".into(), json: json.into() });
    request.messages[0].content = vec![other];
    request.extra = Some(r#"{"e":1E5}"#.into());
    let expected = format!(
        r#"{{"model":"claude-sonnet-5","max_tokens":1024,"messages":[{{"role":"user","content":[{json}]}}],"temperature":0.7,"top_p":0.30000000000000004,"e":1E5}}"#
    );
    assert_eq!(body(&request, &none(), false).unwrap(), expected);
}

#[test]
fn a_number_that_json_has_no_word_for_is_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let request = Request { top_p: Some(number), ..question::plain("claude-sonnet-5") };
        let error = body(&request, &none(), false).unwrap_err();
        assert_eq!((error.kind, error.field.as_deref()), (ErrorKind::InvalidRequest, Some("topP")));
    }
}

#[test]
fn every_key_that_the_request_sets_is_refused_in_extra() {
    let asked = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"maxTokens":1,
        "temperature":1,"topP":1,"topK":1,"stopSequences":["s"],"tools":[{"name":"t","inputSchema":{}}],"toolChoice":"any"}"#;
    let keys = "model max_tokens messages stream system temperature top_p top_k stop_sequences tools tool_choice";
    for key in keys.split(' ') {
        let mut request = question::read(Object::parse(asked).unwrap());
        request.extra = Some(format!(r#"{{"metadata":{{}},"{key}":null}}"#));
        let error = body(&request, &none(), false).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidRequest);
        assert_eq!(error.field, Some(format!("extra.{key}")));
    }
}

proptest! {
    #[test]
    fn text_that_should_be_json_is_refused_or_makes_a_json_body(json in "[\\[\\]{}\",:a\\\\01 ]{0,12}", place in 0..4) {
        let mut request = question::plain("claude-sonnet-5");
        match place {
            0 => request.extra = Some(json),
            1 => request.messages[0].extra = Some(json),
            2 => request.tool_choice = Some(ToolChoice::Other(json)),
            _ => request.messages[0].content = vec![Part::Other(OtherPart { kind: "x".into(), json })],
        }
        match body(&request, &none(), true) {
            Ok(body) => prop_assert!(json::object(&body).is_ok(), "{}", body),
            Err(error) => prop_assert!(error.kind == ErrorKind::InvalidRequest && error.field.is_some()),
        }
    }
}
