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
        ("content_filter", FinishReason::Refusal),
        ("model_length", FinishReason::ContextWindowExceeded),
        ("end_turn", FinishReason::Other("end_turn".into())),
        ("", FinishReason::Other(String::new())),
    ] {
        let answer = ANSWER.replace("\"stop\"", &json::text(&word));
        assert_eq!(read(&answer, "", false).unwrap().finish_reason, reason);
    }
    let call =
        r#""tool_calls":[{"id":"t","type":"function","function":{"name":"n","arguments":"{}"}}]"#;
    for word in ["tool_calls", "function_call"] {
        let silent = ANSWER.replace("\"stop\"", &json::text(&word));
        let error = read(&silent, "", false).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadResponse, "{}", error.message);
        let answer = silent.replace(r#""tool_calls":null"#, call);
        assert_eq!(read(&answer, "", false).unwrap().finish_reason, FinishReason::ToolUse);
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

#[test]
fn a_call_is_found_wherever_the_answer_has_it() {
    let parts = |answer: &str| read(answer, "", false).unwrap().parts;
    let is_call = |part: &Part| matches!(part, Part::ToolUse(call) if (call.name.as_str(), call.input.as_str()) == ("f", r#"{"n":1.10}"#));
    let function = r#"{"name":"f","arguments":"{\"n\":1.10}"}"#;
    let calls = format!(r#""tool_calls":[{{"id":"t","type":"function","function":{function}}}]"#);
    let beside_text = ANSWER.replace(r#""tool_calls":null"#, &calls);
    let of_2023 = ANSWER.replace(r#""tool_calls":null"#, &format!(r#""function_call":{function}"#));
    let both =
        ANSWER.replace(r#""tool_calls":null"#, &format!(r#"{calls},"function_call":{function}"#));
    let other_choice = ANSWER.replace(
        r#""finish_reason":"stop"}"#,
        &format!(r#""finish_reason":"tool_calls"}},{{"index":1,"message":{{{calls}}},"finish_reason":"tool_calls"}}"#),
    );
    for answer in [beside_text, of_2023, both, other_choice] {
        let parts = parts(&answer);
        assert!(
            matches!(&parts[..], [Part::Text(text), call] if text.text == "Hi" && is_call(call)),
            "{answer}: {parts:?}"
        );
    }
}

#[test]
fn a_call_that_no_tokens_were_left_for_is_kept_as_incomplete() {
    let call =
        r#""tool_calls":[{"id":"t","type":"function","function":{"name":"n","arguments":""}}]"#;
    let answer = ANSWER.replace(r#""tool_calls":null"#, call);
    let last = |word: &str| {
        let answer = answer.replace("\"stop\"", &json::text(&word));
        read(&answer, "", false).unwrap().parts.pop()
    };
    assert!(
        matches!(last("length"), Some(Part::Other(other)) if other.kind == "incomplete_tool_use")
    );
    assert!(matches!(last("tool_calls"), Some(Part::ToolUse(call)) if call.input == "{}"));
}

proptest! {
    #[test]
    fn an_answer_with_a_hole_in_it_is_an_answer_or_an_error_that_repeats_nothing(
        from in 0..ANSWER.len(),
        length in 0_usize..40,
        patch in "\\PC{0,8}|secret",
    ) {
        let to = ANSWER.len().min(from + length);
        for body in [format!("{}{patch}{}", &ANSWER[..from], &ANSWER[to..]), patch] {
            match read(&body, "", true) {
                Ok(completion) => {
                    prop_assert_eq!(completion.native.map(|native| native.body), Some(body));
                    for part in completion.parts {
                        let json = match part {
                            Part::ToolUse(call) => call.input,
                            Part::Other(other) => other.json,
                            _ => continue,
                        };
                        prop_assert!(json::object(&json).is_ok(), "{}", json);
                    }
                }
                Err(error) => {
                    prop_assert!(!error.message.contains("secret"), "{}", error.message);
                    prop_assert!(!error.message.is_empty());
                }
            }
        }
    }
}
