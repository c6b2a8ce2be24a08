//! Answers that are right in themselves and come otherwise than asked for: an error without its
//! status, an end without its mark, a failure behind good events.

use mock_vendor::Reply;
use serde_json::Value;

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::{Layout, Response};
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, told_as, with_last};
use super::super::swap::holds;

/// A streamed question is answered with status 200 and an error as one JSON text.
pub(in super::super) async fn unframed_error(stage: &Stage, all: &[Cassette]) -> Outcome {
    let Some(streamed) = stage.streamed.as_ref().filter(|it| !it.exchanges.is_empty()) else {
        return Outcome::not_applicable("needs a streamed cassette that asks a vendor");
    };
    let errors: Vec<(&Response, &str)> = all.iter().filter_map(refusal).collect();
    if errors.is_empty() {
        return Outcome::not_applicable(
            "not shown: needs a cassette of a refusal whose words reach the caller",
        );
    }
    let mut findings = Vec::new();
    for (refusal, words) in errors {
        for kind in ["text/event-stream", "application/json", "text/plain"] {
            let body = [refusal.body.trim_ascii_end(), b"\n"].concat();
            let reply = Reply::status(200).header("content-type", kind).body(body);
            let played = stage.play(&streamed.question, with_last(streamed, reply)).await;
            let told = played.answer.problem().filter(|(code, _)| *code != "plugin-failed");
            if told.is_none_or(|(_, detail)| detail != words) {
                let advice = "look at the first line of an answer before you read it as a stream: if it begins a JSON \
                              text, that text says what is wrong";
                let expected = format!("a problem that says {}", compare::shown(words));
                let finding = Finding::new(expected, played.answer.brief(), advice);
                findings.push(finding.in_case(&format!("as {kind}")));
            }
        }
    }
    Outcome::of(findings)
}

/// The response of a refusal whose words are the vendor's own.
fn refusal(cassette: &Cassette) -> Option<(&Response, &str)> {
    let response = cassette.last().filter(|last| 400 <= last.status)?;
    let words = cassette.answer.as_ref()?.get("detail")?.as_str()?;
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    (cassette.config.is_empty() && holds(&body, words)).then_some((response, words))
}

/// A stream that is good under another content type, and one whose last event lacks its blank line
/// or line end.
pub(in super::super) async fn loose_stream(stage: &Stage) -> Outcome {
    let Some(cassette) = &stage.streamed else {
        return Outcome::not_applicable("needs a streamed cassette");
    };
    let Some(last) = cassette.last() else {
        return Outcome::not_applicable(stage.nobody_asked());
    };
    let mut cases = vec![(
        "without its last line end",
        last.with_body(last.body.trim_ascii_end().to_vec()).reply(),
    )];
    if last.layout() == Layout::Events {
        for kind in ["text/plain", "application/json", "application/octet-stream"] {
            let reply = Reply::status(200).header("content-type", kind).body(last.body.clone());
            cases.push((kind, reply.chunked()));
        }
    }
    let mut findings = Vec::new();
    for (case, reply) in cases {
        let answer = stage.play(&cassette.question, with_last(cassette, reply)).await.answer;
        let expected = cassette.answer.clone().unwrap_or_default();
        let differences = compare::values(&expected, &answer.to_value());
        if !differences.is_empty() {
            let advice = "let the content tell whether an answer is a stream, and the end of the body end its last event";
            let finding = Finding::new("the cassette's answer", differences.join("\n"), advice);
            findings.push(finding.in_case(case));
        }
    }
    Outcome::of(findings)
}

/// Events that come together with a failure reach the caller before it.
pub(in super::super) async fn events_with_error(stage: &Stage) -> Outcome {
    let Some(cassette) = &stage.streamed else {
        return Outcome::not_applicable("needs a streamed cassette");
    };
    let Some(last) = cassette.last() else {
        return Outcome::not_applicable(stage.nobody_asked());
    };
    let nonsense: &[u8] = match last.layout() {
        Layout::Events => b"data: {\n\n",
        Layout::Lines => b"{\n",
        Layout::Whole => return Outcome::not_applicable("the streamed answer has no events"),
    };
    for place in last.boundaries().into_iter().rev() {
        let good = last.body.get(..place).unwrap_or_default();
        let cut = last.with_body(good.to_vec());
        let before = stage.play(&cassette.question, with_last(cassette, cut.reply())).await.answer;
        if before.is_done() || before.text().is_empty() {
            continue;
        }
        // In one piece, so that the plugin has all of it at hand.
        let bad = last.with_body([good, nonsense].concat());
        let reply = bad.reply();
        let answer = stage.play(&cassette.question, with_last(cassette, reply)).await.answer;
        let advice = "return the deltas that came before the failure, and the failure by the next call of deltas.next";
        let mut findings: Vec<Finding> =
            told_as(&answer, &["provider-failed"], advice).into_iter().collect();
        if answer.text() != before.text() {
            let (expected, seen) = (compare::shown(&before.text()), compare::shown(&answer.text()));
            findings.push(Finding::new(expected, seen, advice));
        }
        return Outcome::of(findings);
    }
    Outcome::not_applicable("the streamed cassette has no text before its last event")
}
