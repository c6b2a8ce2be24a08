//! Numbers that make no sense beside an answer, and numbers that lose digits as floats.

use serde_json::{Value, json};

use super::super::answer::{Answer, Body};
use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::Response;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, with_last};

/// Counts of a cassette that are tried. More would show the same.
const COUNTS_MAX: usize = 6;
/// A count that no cassette has.
const COUNT: u32 = 7_412;
/// More than a float holds exactly: `2^53` has sixteen digits.
const DIGITS: &str = "2512292042121000001";

/// A count with a fraction is rounded, and one that makes no sense is left out: neither costs the
/// answer.
pub(in super::super) async fn counts(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let (mut findings, mut tried) = (Vec::new(), false);
    for cassette in subjects {
        let Some(last) = cassette.last() else { continue };
        for place in 0..COUNTS_MAX {
            let answer = async |count: Value| {
                let response = with_count(cassette, last, place, &count)?;
                let replies = with_last(cassette, response.reply());
                Some(stage.play(&cassette.question, replies).await.answer)
            };
            let Some(whole) = answer(json!(COUNT)).await else { break };
            let counted =
                cassette.answer.as_ref().is_none_or(|it| usage(it) != usage(&whole.to_value()));
            if !(counted && whole.is_done()) {
                continue;
            }
            tried = true;
            let rounded = answer(json!(f64::from(COUNT) - 0.4)).await;
            let absent = answer(Value::Null).await;
            for (case, expected, seen) in [
                ("a fraction", &whole, rounded),
                ("a negative number", absent.as_ref().unwrap_or(&whole), answer(json!(-1)).await),
                ("a text", absent.as_ref().unwrap_or(&whole), answer(json!("many")).await),
            ] {
                let Some(seen) = seen else { continue };
                let case = format!("{}, count {} is {case}", mode(cassette), place + 1);
                findings.extend(difference(expected, &seen).map(|finding| finding.in_case(&case)));
            }
        }
    }
    if !tried {
        return Outcome::not_applicable("the vendor's JSON has no counts that reach the caller");
    }
    Outcome::of(findings)
}

fn difference(expected: &Answer, seen: &Answer) -> Option<Finding> {
    let differences = compare::values(&expected.to_value(), &seen.to_value());
    let advice = "round a count that has a fraction and leave out one that makes no sense; give the answer in any case";
    (!differences.is_empty())
        .then(|| Finding::new("the answer, with its counts", differences.join("\n"), advice))
}

/// The response with another number for one of those that are counts by their values; nothing if
/// there are fewer.
fn with_count(
    cassette: &Cassette,
    response: &Response,
    place: usize,
    count: &Value,
) -> Option<Response> {
    let known = usage(cassette.answer.as_ref()?)?;
    let known: Vec<u64> = known.as_object()?.values().filter_map(Value::as_u64).collect();
    let mut left = place;
    let mut found = false;
    let changed = response.map_json(|value| {
        each_number(value, &mut |number| {
            let is_count = number.as_u64().is_some_and(|it| 1 < it && known.contains(&it));
            if !is_count || found {
                return;
            }
            if left == 0 {
                count.clone_into(number);
                found = true;
            } else {
                left -= 1;
            }
        });
    })?;
    found.then_some(changed)
}

fn each_number(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Number(_) => change(value),
        Value::Array(items) => items.iter_mut().for_each(|item| each_number(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|item| each_number(item, change)),
        _ => {}
    }
}

/// The usage in an answer as `answer.json` has it.
fn usage(answer: &Value) -> Option<&Value> {
    let done = || answer.get("events")?.as_array()?.last()?.get("data");
    answer.get("usage").or_else(|| done()?.get("usage"))
}

/// The digits of a large number in the arguments of a call reach the caller, and the vendor when
/// the call is sent back.
pub(in super::super) async fn digits(stage: &Stage, all: &[Cassette]) -> Outcome {
    let plain = all.iter().filter(|it| it.config.is_empty() && it.succeeds());
    let (mut findings, mut tried) = (Vec::new(), false);
    for cassette in plain.filter(|it| !it.exchanges.is_empty()) {
        let response =
            cassette.last().and_then(|last| with_argument(cassette, last, DIGITS, DIGITS));
        if let Some(response) = response {
            tried = true;
            let replies = with_last(cassette, response.reply());
            let answer = stage.play(&cassette.question, replies).await.answer;
            if !(answer.is_done() && parts(&answer).contains(DIGITS)) {
                let advice = "hand on the arguments of a call as the text that came; no tree of floats in between";
                let seen = if answer.is_done() { parts(&answer) } else { answer.brief() };
                let finding = Finding::new(format!("a call with {DIGITS}"), seen, advice);
                findings.push(finding.in_case(&cassette.name));
            }
        }
        let mut question = cassette.question.clone();
        if replace_input(&mut question) {
            tried = true;
            let replies = cassette.exchanges.iter().map(|exchange| exchange.response.reply());
            let played = stage.play(&question, replies.collect()).await;
            if !played.requests.iter().any(|request| request.text().contains(DIGITS)) {
                let seen = played.requests.last().map(mock_vendor::Request::text);
                let seen = seen
                    .map_or_else(|| "no request".to_owned(), |text| compare::cut(text.to_string()));
                let advice = "send the arguments of a call as the text that the host gave";
                let finding = Finding::new(format!("a request with {DIGITS}"), seen, advice);
                findings.push(finding.in_case(&cassette.name));
            }
        }
    }
    if !tried {
        return Outcome::not_applicable(
            "not shown: needs a cassette with a call of a tool that has a text among its arguments",
        );
    }
    Outcome::of(findings)
}

/// The parts of an answer, as JSON.
pub(super) fn parts(answer: &Answer) -> String {
    let done = match &answer.body {
        Body::Json(value) => Some(value),
        Body::Events(events) => events.last().map(|event| &event.data),
        Body::Strange(_) => None,
    };
    done.and_then(|done| done.get("parts")).map(Value::to_string).unwrap_or_default()
}

/// The response with another value in place of a text among the arguments that it has: JSON as it
/// stands in an object, or in an object that is a text itself. Nothing if it has no text in one
/// piece.
pub(super) fn with_argument(
    cassette: &Cassette,
    response: &Response,
    plain: &str,
    escaped: &str,
) -> Option<Response> {
    let answer = cassette.answer.as_ref()?;
    let done = answer.get("events").and_then(|events| events.as_array()?.last()?.get("data"));
    let parts = done.unwrap_or(answer).get("parts")?.as_array()?;
    let body = std::str::from_utf8(&response.body).ok()?;
    let texts = parts.iter().filter_map(|part| text_in(part.get("input")?));
    texts.into_iter().find_map(|text| {
        let cases = [(format!("\\\"{text}\\\""), escaped), (format!("\"{text}\""), plain)];
        let (old, new) = cases.into_iter().find(|(old, _)| body.matches(old).count() == 1)?;
        Some(response.with_body(body.replace(&old, new).into_bytes()))
    })
}

/// A text of the arguments that is ASCII without escapes.
fn text_in(input: &Value) -> Option<&str> {
    match input {
        Value::String(text) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
            Some(text.as_str()).filter(|text| !text.is_empty() && text.chars().all(plain))
        }
        Value::Array(items) => items.iter().find_map(text_in),
        Value::Object(fields) => fields.values().find_map(text_in),
        _ => None,
    }
}

/// Puts the number into the arguments of the first call in a question; says whether there was one.
fn replace_input(question: &mut Value) -> bool {
    let messages = question.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten();
    let parts = messages.filter_map(|message| message.get_mut("content")?.as_array_mut()).flatten();
    let mut calls = parts.filter(|part| part.get("type").is_some_and(|kind| kind == "tool_use"));
    let number: Option<Value> = serde_json::from_str(DIGITS).ok();
    match calls.next().and_then(|call| call.get_mut("input")?.as_object_mut()).zip(number) {
        Some((input, number)) => {
            input.insert("arete".to_owned(), number);
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_goes_into_the_first_call() {
        let mut question = json!({"messages": [{"content": "a"}, {"content": [{"type": "tool_use", "input": {"a": 1}}]}]});
        assert!(replace_input(&mut question));
        assert!(
            question.to_string().contains(r#"{"a":1,"arete":2512292042121000001}"#),
            "{question}"
        );
        assert!(!replace_input(&mut json!({"messages": [{"content": "a"}]})));
    }

    #[test]
    fn a_text_is_found_at_any_depth() {
        assert_eq!(
            text_in(&json!({"a": [1, {"b": "Z\u{fc}rich"}, {"c": "Bern 1"}]})),
            Some("Bern 1")
        );
        assert_eq!(text_in(&json!({"a": 1})), None);
    }
}
