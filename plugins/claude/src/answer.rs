//! The vendor's whole answer as a completion. What an answer says of itself beside its blocks is
//! read here for streams too.

use std::borrow::Cow;

use arete_plugin::json::{self, LIST, Mismatch, Object};
use arete_plugin::llm::{Completion, FinishReason, NativeBody, Part, ProviderError};
use arete_plugin::tool_call;
use arete_plugin::vendor_error::Broken;
use serde_json::value::RawValue;

use crate::DIALECT;
use crate::blocks;
use crate::errors;
use crate::usage;

/// The promise that an answer breaks which waits for a tool that it doesn't call.
pub(crate) const NO_CALL: &str = "should have a block of type `tool_use`, but has none";

/// The body of an answer with status 200. `native` tells whether the caller wants it as it is, too.
pub(crate) fn read(body: &str, native: bool) -> Result<Completion, ProviderError> {
    let answer = Object::parse(body).map_err(Broken::from)?;
    if errors::is_error(&answer) {
        return Err(errors::in_band(answer));
    }
    let completion = completion(answer).map_err(Broken::from)?;
    Ok(Completion { native: native.then(|| native_body(body)), ..completion })
}

/// The body of an answer with status 200 that should have been a stream: an error, a whole answer,
/// or neither.
pub(crate) fn unframed(body: &str) -> Option<Result<Completion, ProviderError>> {
    let answer = Object::parse(body).ok()?;
    if errors::is_error(&answer) {
        return Some(Err(errors::unframed(answer)));
    }
    read(body, false).ok().map(Ok)
}

/// Takes the id and the model out of a message, and what needn't be told because it is always the
/// same.
pub(crate) fn id_and_model(message: &mut Object) -> Result<(String, String), Mismatch> {
    if message.require_text("type")? != "message" {
        return Err(Mismatch::new("type", "should be `message`, but is another word"));
    }
    if message.get("role").is_some_and(|role| role.get() == r#""assistant""#) {
        message.take("role");
    }
    Ok((message.require_text("id")?.into_owned(), message.require_text("model")?.into_owned()))
}

/// The vendor's word for why the model stopped.
pub(crate) fn finish_reason(word: Cow<str>) -> FinishReason {
    match &*word {
        "end_turn" => FinishReason::EndTurn,
        "max_tokens" => FinishReason::MaxTokens,
        "stop_sequence" => FinishReason::StopSequence,
        "tool_use" => FinishReason::ToolUse,
        "pause_turn" => FinishReason::PauseTurn,
        "refusal" => FinishReason::Refusal,
        "model_context_window_exceeded" => FinishReason::ContextWindowExceeded,
        _ => FinishReason::Other(word.into_owned()),
    }
}

/// What the vendor said, for a caller who speaks its dialect.
pub(crate) fn native_body(json: &str) -> NativeBody {
    NativeBody { dialect: DIALECT.into(), body: json.to_owned() }
}

/// Counts may be missing: they are what the vendor says beside its answer. A reason to stop may
/// not, because an answer without one isn't over, and passing it on as whole would let it be kept
/// and given out as whole.
fn completion(mut answer: Object) -> Result<Completion, Mismatch> {
    let (id, model) = id_and_model(&mut answer)?;
    let content = answer.require("content", LIST)?;
    let content = json::list(&content).map_err(|mismatch| mismatch.within("content"))?;
    let finish_reason = finish_reason(answer.require_text("stop_reason")?);
    let parts = content.into_iter().enumerate().map(|block| part(block, &finish_reason));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    if finish_reason == FinishReason::ToolUse && !parts.iter().any(blocks::is_call) {
        return Err(Mismatch::new("content", NO_CALL));
    }
    let usage = answer.take("usage");
    let usage = usage::whole(usage.as_deref());
    Ok(Completion {
        id,
        model,
        parts,
        finish_reason,
        usage,
        native: None,
        extra: answer.into_extra(),
    })
}

fn part((index, block): (usize, &RawValue), reason: &FinishReason) -> Result<Part, Mismatch> {
    blocks::read(block.get(), tool_call::may_be_cut(reason))
        .map_err(|mismatch| mismatch.within(format_args!("content[{index}]")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"{"type":"message","id":"m","model":"c","role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;

    #[test]
    fn every_reason_to_stop_has_its_word() {
        for (word, reason) in [
            ("end_turn", FinishReason::EndTurn),
            ("max_tokens", FinishReason::MaxTokens),
            ("stop_sequence", FinishReason::StopSequence),
            ("tool_use", FinishReason::ToolUse),
            ("pause_turn", FinishReason::PauseTurn),
            ("refusal", FinishReason::Refusal),
            ("model_context_window_exceeded", FinishReason::ContextWindowExceeded),
            ("compaction", FinishReason::Other("compaction".into())),
            ("", FinishReason::Other(String::new())),
        ] {
            assert_eq!(
                read(&ANSWER.replace("end_turn", word), false).unwrap().finish_reason,
                reason
            );
        }
    }

    #[test]
    fn a_native_caller_gets_the_answer_as_it_came() {
        let native = read(ANSWER, true).unwrap().native;
        assert_eq!(
            native,
            Some(NativeBody { dialect: "anthropic-messages".into(), body: ANSWER.into() })
        );
        assert_eq!(read(ANSWER, false).unwrap().native, None);
    }

    #[test]
    fn what_is_missing_is_named_unless_it_may_be_missing() {
        for (gone, says) in [
            (r#""type":"message","#, Some("`type` should be a string, but is missing")),
            (r#""id":"m","#, Some("`id` should be a string, but is missing")),
            (r#""model":"c","#, Some("`model` should be a string, but is missing")),
            (
                r#","stop_reason":"end_turn""#,
                Some("`stop_reason` should be a string, but is missing"),
            ),
            (r#","input":{}"#, None),
            (r#","usage":{"input_tokens":1,"output_tokens":2}"#, None),
            (r#""role":"assistant","#, None),
        ] {
            let found = read(&ANSWER.replace(gone, ""), false).err().map(|error| error.message);
            let says = says
                .map(|says| format!("The vendor's answer isn't what its API promises: {says}."));
            assert_eq!(found, says);
        }
    }

    #[test]
    fn counts_that_make_no_sense_do_not_cost_the_answer() {
        for usage in [r#"{"input_tokens":125.6,"output_tokens":-1}"#, "7", "[]", r#""x""#] {
            let answer = ANSWER.replace(r#"{"input_tokens":1,"output_tokens":2}"#, usage);
            assert_eq!(read(&answer, false).unwrap().usage.output_tokens, None, "{usage}");
        }
    }

    #[test]
    fn a_tool_that_is_waited_for_has_to_be_called() {
        let waits = ANSWER.replace("end_turn", "tool_use");
        assert!(read(&waits, false).is_ok());
        let silent = waits.replace(r#"{"type":"tool_use","id":"t","name":"n","input":{}}"#, "");
        let error = read(&silent, false).unwrap_err();
        assert_eq!(error.kind, arete_plugin::llm::ErrorKind::BadResponse);
        assert!(error.message.contains("`tool_use`"), "{}", error.message);
    }

    #[test]
    fn arguments_that_are_cut_off_are_kept_as_text() {
        let answer = ANSWER.replace(r#""input":{}"#, r#""input":"{\"text\":\"it was a da""#);
        assert!(read(&answer, false).is_err());
        let cut = read(&answer.replace("end_turn", "max_tokens"), false).unwrap();
        let [Part::Other(other)] = &cut.parts[..] else { panic!("{:?}", cut.parts) };
        assert_eq!(other.kind, "incomplete_tool_use");
        assert_eq!(other.json, r#"{"id":"t","name":"n","input":"{\"text\":\"it was a da"}"#);
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
                match read(&body, true) {
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
}
