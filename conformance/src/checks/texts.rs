//! Texts that are large or strange, in the question and in the answer; and fields that the vendor
//! will add one day.

use mock_vendor::Request;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::json;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, saying, with_last};
use super::super::swap::{Swap, holds};

/// Every plane, both directions, joiners, controls, what JSON and HTML escape, and what JavaScript
/// calls line ends.
const UNICODE: &str = "ASCII, Zürich, Ελληνικά, 漢字, עברית, العربية, \u{202e}right to left\u{202c}, e\u{301}, \
     👩\u{200d}👩\u{200d}👧, 🏳\u{fe0f}\u{200d}🌈, \u{1d11e}, \u{20bb7}, \u{30000}, \u{e0001}, \u{f0000}, \u{10fffd}, \
     \u{2028}\u{2029}\u{feff}\u{fffd}, \u{1}\u{8}\t\r\n\u{b}\u{1b}[31m\u{1f}\u{7f}\u{85}\u{9f}, \\ \" ' / </script> {{}} %s \
     data: x\n\ndata: [DONE]\n\nevent: y";
/// The size of a question with a long document.
const BIG_BYTES: usize = 1 << 20;
/// The field that a vendor adds.
const NEW_FIELD: &str = "arete_conformance";

/// A question of a MiB.
pub(in super::super) async fn big(stage: &Stage) -> Outcome {
    let text = "0123456789 abcde".repeat(BIG_BYTES / 16 - 1) + ", and the end";
    said(stage, &text).await
}

/// A question in every script.
pub(in super::super) async fn unicode_in(stage: &Stage) -> Outcome {
    said(stage, UNICODE).await
}

/// Asks with this text: the vendor gets it whole, and the caller the answer.
async fn said(stage: &Stage, text: &str) -> Outcome {
    let questions: Vec<(&Cassette, Value)> = stage
        .subjects()
        .into_iter()
        .filter_map(|it| saying(&it.question, text).map(|question| (it, question)))
        .collect();
    if questions.is_empty() {
        return Outcome::not_applicable("needs a cassette whose last message of the user has text");
    }
    let mut findings = Vec::new();
    for (cassette, question) in questions {
        let replies = cassette.exchanges.iter().map(|exchange| exchange.response.reply()).collect();
        let played = stage.play(&question, replies).await;
        let mut found = arrived(cassette, &played.requests, text);
        if found.is_none() {
            found = answered(cassette, &played.answer);
        }
        findings.extend(found.map(|finding| finding.in_case(mode(cassette))));
    }
    Outcome::of(findings)
}

fn arrived(cassette: &Cassette, requests: &[Request], text: &str) -> Option<Finding> {
    if cassette.exchanges.is_empty() {
        return None;
    }
    let arrived = requests.iter().any(|request| match json(&request.body) {
        Some(body) => holds(&body, text),
        None => request.text().contains(text),
    });
    let seen = || match requests.last() {
        Some(request) => {
            compare::cut(format!("{} {}, {}", request.method, request.path, request.text()))
        }
        None => "no request".to_owned(),
    };
    let advice = "send texts as they are: whole, as UTF-8, escaped only as JSON wants it";
    (!arrived)
        .then(|| Finding::new(format!("{} in the request", compare::shown(text)), seen(), advice))
}

fn answered(cassette: &Cassette, answer: &Answer) -> Option<Finding> {
    // Who asks nobody makes the answer of the question, so it isn't the cassette's.
    if cassette.exchanges.is_empty() {
        return (!answer.is_done())
            .then(|| Finding::new("an answer", answer.brief(), "answer whatever the text is"));
    }
    let differences =
        cassette.answer.iter().flat_map(|expected| compare::values(expected, &answer.to_value()));
    let differences: Vec<String> = differences.collect();
    let advice = "answer whatever the text of the question is";
    (!differences.is_empty())
        .then(|| Finding::new("the cassette's answer", differences.join("\n"), advice))
}

/// An answer in every script, also when it arrives byte by byte.
pub(in super::super) async fn unicode_out(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let (mut findings, mut tried) = (Vec::new(), false);
    for cassette in subjects {
        let Some((response, expected)) =
            swap(stage, cassette).await.and_then(|swap| swap.place(UNICODE))
        else {
            continue;
        };
        tried = true;
        for (way, reply) in
            [("whole", response.reply()), ("one byte at a time", response.reply().cut_every(1))]
        {
            let played = stage.play(&cassette.question, with_last(cassette, reply)).await;
            let case = format!("{}, {way}", mode(cassette));
            if !played.answer.is_done() || played.answer.text() != expected {
                let seen = match played.answer.is_done() {
                    true => {
                        compare::values(&json!(expected), &json!(played.answer.text())).join("\n")
                    }
                    false => played.answer.brief(),
                };
                let advice = "read the vendor's texts as they are; leave framing to next-event and next-line";
                findings.push(Finding::new(compare::shown(&expected), seen, advice).in_case(&case));
            }
        }
    }
    if !tried {
        return Outcome::not_applicable("the text of no answer is a string of the vendor's JSON");
    }
    Outcome::of(findings)
}

/// Finds the text of this cassette's answer in the vendor's response.
pub(in super::super) async fn swap(stage: &Stage, cassette: &Cassette) -> Option<Swap> {
    let last = cassette.last()?;
    let played = stage.play(&cassette.question, with_last(cassette, last.reply())).await;
    Swap::find(last, &played.answer)
}

/// The vendor has added a field to each object of its JSON.
pub(in super::super) async fn unknown_fields(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let (mut findings, mut tried) = (Vec::new(), false);
    for cassette in subjects {
        let Some(response) = cassette.last().and_then(|last| last.map_json(add_field)) else {
            continue;
        };
        tried = true;
        let played = stage.play(&cassette.question, with_last(cassette, response.reply())).await;
        // A plugin may hand on what it doesn't know as `extra`.
        let seen = without_field(played.answer.to_value());
        let expected = cassette.answer.clone().map(without_field).unwrap_or_default();
        let differences = compare::values(&expected, &seen);
        if !differences.is_empty() {
            let advice = "pass over fields that you don't know; vendors add some without notice";
            let finding = Finding::new("the cassette's answer", differences.join("\n"), advice);
            findings.push(finding.in_case(mode(cassette)));
        }
    }
    if !tried {
        return Outcome::not_applicable("the vendor's answers aren't JSON");
    }
    Outcome::of(findings)
}

/// Adds the field to every object.
fn add_field(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_field),
        Value::Object(fields) => {
            fields.values_mut().for_each(add_field);
            fields.insert(NEW_FIELD.to_owned(), json!({ "since": [1, null, "tomorrow"] }));
        }
        _ => {}
    }
}

/// The answer without the field, and without what is there only because of it.
fn without_field(mut answer: Value) -> Value {
    remove_field(&mut answer);
    if let Some(events) = answer.get_mut("events").and_then(Value::as_array_mut) {
        events.iter_mut().filter_map(|event| event.get_mut("data")).for_each(remove_plain_parts);
    }
    remove_plain_parts(&mut answer);
    answer
}

fn remove_field(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_field),
        Value::Object(fields) => {
            fields.remove(NEW_FIELD);
            fields.values_mut().for_each(remove_field);
            if fields
                .get("extra")
                .is_some_and(|extra| extra.as_object().is_some_and(serde_json::Map::is_empty))
            {
                fields.remove("extra");
            }
        }
        _ => {}
    }
}

/// Parts are given only when there is more to one of them than text.
fn remove_plain_parts(answer: &mut Value) {
    let is_plain = |part: &Value| {
        part.get("type").is_some_and(|kind| kind == "text") && part.get("extra").is_none()
    };
    let plain = answer
        .get("parts")
        .and_then(Value::as_array)
        .is_some_and(|parts| parts.iter().all(is_plain));
    if let Some(fields) = answer.as_object_mut().filter(|_| plain) {
        fields.remove("parts");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_field_can_be_taken_out_again() {
        let answer = json!({"content": "a", "parts": [{"type": "text", "text": "a"}, {"type": "thinking", "extra": {"x": 1}}]});
        let mut changed = answer.clone();
        add_field(&mut changed);
        assert_eq!(changed["parts"][1]["extra"][NEW_FIELD]["since"][0], 1);
        assert_eq!(without_field(changed), answer);
        let only = json!({"content": "a", "parts": [{"type": "text", "text": "a", "extra": {NEW_FIELD: {}}}]});
        assert_eq!(without_field(only), json!({"content": "a"}));
    }
}
