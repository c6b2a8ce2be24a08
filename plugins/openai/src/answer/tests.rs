//! Reasons to stop, and answers with something missing.

use arete_plugin::json;
use proptest::prelude::*;

use super::*;

const ANSWER: &str = r#"{"object":"chat.completion","id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","tool_calls":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;

#[test]
fn every_reason_to_stop_has_its_word() {
    for (word, reason) in [
        ("stop", FinishReason::EndTurn),
        ("eos", FinishReason::EndTurn),
        ("eos_token", FinishReason::EndTurn),
        ("stop_sequence", FinishReason::StopSequence),
        ("length", FinishReason::MaxTokens),
        ("tool_calls", FinishReason::ToolUse),
        ("function_call", FinishReason::ToolUse),
        ("content_filter", FinishReason::Refusal),
        ("model_length", FinishReason::ContextWindowExceeded),
        ("end_turn", FinishReason::Other("end_turn".into())),
        ("", FinishReason::Other(String::new())),
    ] {
        let answer = ANSWER.replace("\"stop\"", &json::text(&word));
        assert_eq!(read(&answer, "", false).unwrap().finish_reason, reason);
    }
    for (word, kind) in [
        ("error", ErrorKind::VendorFailed),
        ("abort", ErrorKind::VendorFailed),
        ("insufficient_system_resource", ErrorKind::Overloaded),
    ] {
        assert_eq!(
            read(&ANSWER.replace("\"stop\"", &json::text(&word)), "", false).unwrap_err().kind,
            kind
        );
    }
}

#[test]
fn what_is_said_beside_it_makes_a_stop_more_exact() {
    let reason =
        |from: &str, to: &str| read(&ANSWER.replace(from, to), "", false).unwrap().finish_reason;
    let call =
        r#""tool_calls":[{"id":"t","type":"function","function":{"name":"n","arguments":"{}"}}]"#;
    assert_eq!(reason(r#""tool_calls":null"#, call), FinishReason::ToolUse);
    assert_eq!(reason(r#""tool_calls":null"#, r#""refusal":"No.""#), FinishReason::Refusal);
    assert_eq!(reason(r#""tool_calls":null"#, r#""refusal":"""#), FinishReason::EndTurn);
    assert_eq!(reason(r#""index":0"#, r#""stop_reason":"END""#), FinishReason::StopSequence);
    assert_eq!(reason(r#""index":0"#, r#""stop_reason":151645"#), FinishReason::EndTurn);
}

#[test]
fn a_native_caller_gets_the_answer_as_it_came() {
    let native = read(ANSWER, "", true).unwrap().native;
    assert_eq!(native, Some(NativeBody { dialect: "openai-chat".into(), body: ANSWER.into() }));
    assert_eq!(read(ANSWER, "", false).unwrap().native, None);
}

#[test]
fn what_is_missing_is_named_unless_it_may_be_missing() {
    for (gone, says) in [
        (
            r#","finish_reason":"stop""#,
            Some("`choices[0].finish_reason` should be a string, but is missing"),
        ),
        (
            r#""message":{"role":"assistant","content":"Hi","tool_calls":null},"#,
            Some("`choices[0].message` should be an object, but is missing"),
        ),
        (r#","usage":{"prompt_tokens":1,"completion_tokens":2}"#, None),
        (r#""object":"chat.completion","#, None),
        (r#""id":"c","#, None),
        (r#""model":"m","#, None),
        (r#""index":0,"#, None),
        (r#""role":"assistant","#, None),
        (r#""content":"Hi","#, None),
    ] {
        let found =
            read(&ANSWER.replace(gone, ""), "asked", false).err().map(|error| error.message);
        let says =
            says.map(|says| format!("The vendor's answer isn't what its API promises: {says}."));
        assert_eq!(found, says);
    }
}

proptest! {
    #[test]
    fn an_answer_with_a_hole_in_it_never_panics(from in 0..ANSWER.len(), length in 0_usize..40, patch in "\\PC{0,8}") {
        let to = ANSWER.len().min(from + length);
        drop(read(&format!("{}{patch}{}", &ANSWER[..from], &ANSWER[to..]), "", true));
        drop(read(&patch, "", false));
    }
}
