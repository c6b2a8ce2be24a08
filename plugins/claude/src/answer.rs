//! The vendor's whole answer as a completion. What an answer says of itself beside its blocks is
//! read here for streams too.

use std::borrow::Cow;

use arete_plugin::json::{self, LIST, Mismatch, Object};
use arete_plugin::llm::{Completion, FinishReason, NativeBody, Part, ProviderError};
use arete_plugin::vendor_error::Broken;
use serde_json::value::RawValue;

use crate::DIALECT;
use crate::blocks;
use crate::errors;
use crate::usage;

/// The body of an answer with status 200. `native` tells whether the caller wants it as it is, too.
pub(crate) fn read(body: &str, native: bool) -> Result<Completion, ProviderError> {
    let answer = Object::parse(body).map_err(Broken::from)?;
    if errors::is_error(&answer) {
        return Err(errors::in_band(answer));
    }
    let completion = completion(answer).map_err(Broken::from)?;
    Ok(Completion { native: native.then(|| native_body(body)), ..completion })
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
    let parts = content.into_iter().enumerate().map(part).collect::<Result<_, _>>()?;
    let finish_reason = finish_reason(answer.require_text("stop_reason")?);
    let usage = answer.take("usage");
    let usage = usage::whole(usage.as_deref()).map_err(|mismatch| mismatch.within("usage"))?;
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

fn part((index, block): (usize, &RawValue)) -> Result<Part, Mismatch> {
    blocks::read(block.get()).map_err(|mismatch| mismatch.within(format_args!("content[{index}]")))
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
            (r#","input":{}"#, Some("`content[0].input` should be an object, but is missing")),
            (r#","usage":{"input_tokens":1,"output_tokens":2}"#, None),
            (r#""role":"assistant","#, None),
        ] {
            let found = read(&ANSWER.replace(gone, ""), false).err().map(|error| error.message);
            let says = says
                .map(|says| format!("The vendor's answer isn't what its API promises: {says}."));
            assert_eq!(found, says);
        }
    }

    proptest! {
        #[test]
        fn an_answer_with_a_hole_in_it_never_panics(from in 0..ANSWER.len(), length in 0_usize..40, patch in "\\PC{0,8}") {
            let to = ANSWER.len().min(from + length);
            drop(read(&format!("{}{patch}{}", &ANSWER[..from], &ANSWER[to..]), true));
            drop(read(&patch, false));
        }
    }
}
