//! Halves of surrogate pairs, which JSON can escape one by one and no Unicode text can hold.

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::Response;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, with_last};
use super::numbers::{parts, with_argument};
use super::texts::swap;

/// Two texts that stand in for what can't be written as JSON in Rust.
const FIRST: &str = "arete-first-half";
const SECOND: &str = "arete-second-half";

const ADVICE: &str = "put U+FFFD where half of a surrogate pair lacks the other one; hold back the first half at \
                      the end of a delta until the next one comes";

/// A text with half a pair in it, one that a stream has cut between the halves, and half a pair
/// among the arguments of a call.
pub(in super::super) async fn surrogates(stage: &Stage, all: &[Cassette]) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let (mut findings, mut tried) = (Vec::new(), false);
    for cassette in subjects {
        let Some(swap) = swap(stage, cassette).await else { continue };
        let Some((response, expected)) = swap.place(FIRST) else { continue };
        tried = true;
        for (case, json, text) in [
            ("the first half alone", r"hi \ud83d there", "hi \u{fffd} there"),
            ("the second half alone", r"hi \ude00 there", "hi \u{fffd} there"),
            ("at its end", r"hi \ud83d", "hi \u{fffd}"),
            ("a pair", r"hi \ud83d\ude00 there", "hi 😀 there"),
        ] {
            let response = with(&response, &[(FIRST, json)]);
            let expected = expected.replace(FIRST, text);
            findings.extend(finding(stage, cassette, &response, &expected, case).await);
        }
        if cassette.is_streamed()
            && let Some(twice) = doubled(&response)
        {
            let both = expected.replace(FIRST, &format!("{FIRST}{SECOND}"));
            // The same event twice isn't what every vendor's stream can have.
            if finding(stage, cassette, &twice, &both, "").await.is_none() {
                let halves = [(FIRST, r"hi \ud83d"), (SECOND, r"\ude00 there")];
                let expected = expected.replace(FIRST, "hi 😀 there");
                let case = "the halves in two deltas";
                findings.extend(
                    finding(stage, cassette, &with(&twice, &halves), &expected, case).await,
                );
            }
        }
    }
    let usual = all.iter().filter(|it| it.config.is_empty() && it.succeeds());
    for cassette in usual {
        let Some(response) = cassette.last().and_then(|last| {
            with_argument(cassette, last, r#""hi \ud83d there""#, r#"\"hi \\ud83d there\""#)
        }) else {
            continue;
        };
        tried = true;
        let replies = with_last(cassette, response.reply());
        let answer = stage.play(&cassette.question, replies).await.answer;
        if !(answer.is_done() && parts(&answer).contains("hi \u{fffd} there")) {
            let advice = "hand on the arguments of a call as the text that came; the host puts U+FFFD where half of a \
                          surrogate pair lacks the other one";
            let seen = if answer.is_done() { parts(&answer) } else { answer.brief() };
            let finding = Finding::new("a call with \"hi \u{fffd} there\"", seen, advice);
            findings.push(finding.in_case(&format!("{}, in the arguments", cassette.name)));
        }
    }
    if !tried {
        return Outcome::not_applicable("the text of no answer is a string of the vendor's JSON");
    }
    Outcome::of(findings)
}

async fn finding(
    stage: &Stage,
    cassette: &Cassette,
    response: &Response,
    expected: &str,
    case: &str,
) -> Option<Finding> {
    let answer = stage.play(&cassette.question, with_last(cassette, response.reply())).await.answer;
    let right = answer.is_done() && answer.text() == expected;
    let seen = if answer.is_done() { compare::shown(&answer.text()) } else { answer.brief() };
    let case = format!("{}, {case}", mode(cassette));
    (!right).then(|| Finding::new(compare::shown(expected), seen, ADVICE).in_case(&case))
}

/// The response with texts of its body replaced.
fn with(response: &Response, texts: &[(&str, &str)]) -> Response {
    let mut body = String::from_utf8_lossy(&response.body).into_owned();
    for (old, new) in texts {
        body = body.replace(old, new);
    }
    response.with_body(body.into_bytes())
}

/// The response with the event or line of the first text twice, the second time with the second
/// text; nothing if its body has neither events nor lines.
fn doubled(response: &Response) -> Option<Response> {
    let body = std::str::from_utf8(&response.body).ok()?;
    let place = body.find(FIRST)?;
    let boundaries = response.boundaries();
    let start = boundaries.iter().rfind(|end| **end <= place).copied().unwrap_or(0);
    let end = boundaries.iter().find(|end| place < **end).copied()?;
    let (before, event, after) = (body.get(..end)?, body.get(start..end)?, body.get(end..)?);
    let twice = format!("{before}{}{after}", event.replace(FIRST, SECOND));
    Some(response.with_body(twice.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_doubled_with_the_other_text() {
        let body = format!("data: 1\n\ndata: {FIRST}\n\ndata: 3\n\n");
        let file = format!("HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n{body}");
        let twice = doubled(&Response::parse(file.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(twice.body).unwrap(),
            format!("data: 1\n\ndata: {FIRST}\n\ndata: {SECOND}\n\ndata: 3\n\n")
        );
    }
}
