//! Kinds that only a vendor's own words can show: each has a cassette of its own, by its name.

use serde_json::Value;

use super::super::cassette::Cassette;
use super::super::report::{Finding, Outcome};

/// A kind of answer that a cassette shows.
pub(in super::super) struct Kind {
    /// The check's name.
    pub(in super::super) check: &'static str,
    /// Its subject, in a line.
    pub(in super::super) shows: &'static str,
    /// The beginning of the cassette's name.
    name: &'static str,
    /// The content that has to be in its `answer.json`.
    expected: &'static str,
    is_shown: fn(&Cassette, &Value) -> bool,
}

/// All kinds.
pub(in super::super) const KINDS: [Kind; 3] = [
    Kind {
        check: "refused-answer",
        shows: "a model that declines isn't a success",
        name: "refusal",
        expected: "an answer with finishReason refusal",
        is_shown: |_, done| word(done) == Some("refusal"),
    },
    Kind {
        check: "cut-off-arguments",
        shows: "a call that the tokens end in is kept as text",
        name: "cut-off-arguments",
        expected: "an answer with finishReason max_tokens and an other part of the kind incomplete_tool_use",
        is_shown: |_, done| word(done) == Some("max_tokens") && has_incomplete_call(done),
    },
    Kind {
        check: "no-end-mark",
        shows: "a reason to stop and the end of the body end a stream",
        name: "no-end-mark",
        expected: "a stream that ends in done",
        is_shown: |cassette, done| cassette.is_streamed() && word(done).is_some(),
    },
];

/// Looks for the kind among the cassettes, which are played by checks of their own.
pub(in super::super) fn shown(kind: &Kind, all: &[Cassette]) -> Outcome {
    let named: Vec<&Cassette> =
        all.iter().filter(|cassette| cassette.name.starts_with(kind.name)).collect();
    if named.is_empty() {
        return Outcome::not_applicable(format!("not shown: needs a cassette named {}", kind.name));
    }
    let wrong = named.into_iter().filter(|cassette| {
        let done = cassette.answer.as_ref().and_then(done);
        !done.is_some_and(|done| (kind.is_shown)(cassette, done))
    });
    let advice =
        "mend the plugin, or the vendor's answer in response.http, and record answer.json again";
    let findings = wrong.map(|cassette| {
        let seen = cassette.answer.as_ref().map_or_else(|| "none".into(), Value::to_string);
        Finding::new(kind.expected, super::super::compare::cut(seen), advice)
            .in_case(&cassette.name)
    });
    Outcome::of(findings.collect())
}

/// A whole answer, or the end of a stream that has one.
fn done(answer: &Value) -> Option<&Value> {
    match answer.get("events").and_then(Value::as_array) {
        Some(events) => events
            .last()
            .filter(|last| last.get("event").is_some_and(|it| it == "done"))?
            .get("data"),
        None => Some(answer).filter(|answer| answer.get("code").is_none()),
    }
}

fn word(done: &Value) -> Option<&str> {
    done.get("finishReason")?.as_str()
}

fn has_incomplete_call(done: &Value) -> bool {
    let parts = done.get("parts").and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(|part| part.get("kind")).any(|kind| kind == "incomplete_tool_use")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_end_of_an_answer_is_found_in_both_forms() {
        let whole = json!({"finishReason": "refusal"});
        let stream = |last: &str| json!({"events": [{"event": "start", "data": {}}, {"event": last, "data": whole}]});
        assert_eq!(done(&whole).and_then(word), Some("refusal"));
        assert_eq!(done(&stream("done")).and_then(word), Some("refusal"));
        assert_eq!(done(&stream("error")), None);
        assert_eq!(done(&json!({"status": 502, "code": "c"})), None);
        let cut = json!({"finishReason": "max_tokens", "parts": [{"type": "other", "kind": "incomplete_tool_use"}]});
        assert!(has_incomplete_call(&cut) && !has_incomplete_call(&whole));
    }
}
