//! Connections that aren't made, break, or end too early.

use mock_vendor::Reply;
use serde_json::Value;

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::Response;
use super::super::report::Outcome;
use super::super::service::Service;
use super::super::stage::{Stage, mode, told_as, with_last};

/// Places at which a stream is ended too early. More would show the same.
const PLACES_MAX: usize = 48;

const BROKEN: &str =
    "pass the host's http-error on as error-kind.connection, timeout or interrupted";

/// Nobody listens at the vendor's address. The last check: the vendor is gone after it.
pub(in super::super) async fn refused(stage: Stage) -> (Service, Outcome) {
    let Stage { service, vendor, id, plain, streamed } = stage;
    vendor.stop().await;
    let subjects: Vec<Cassette> = plain
        .into_iter()
        .chain(streamed)
        .filter(|cassette| !cassette.exchanges.is_empty())
        .collect();
    let mut findings = Vec::new();
    for cassette in &subjects {
        let answer = service.ask(&id, &cassette.question).await;
        findings.extend(
            told_as(&answer, &["provider-failed"], BROKEN)
                .map(|finding| finding.in_case(mode(cassette))),
        );
    }
    let outcome = match subjects.is_empty() {
        true => Outcome::not_applicable("the plugin asks no vendor in its cassettes"),
        false => Outcome::of(findings),
    };
    (service, outcome)
}

/// The connection is reset: before the vendor's answer, behind its head, and in the middle of its
/// body.
pub(in super::super) async fn reset(stage: &Stage) -> Outcome {
    let breaks = |last: &Response| {
        let middle = last.body.len() / 2;
        vec![
            ("before the answer".to_owned(), last.reply().reset_before_headers()),
            ("closed without an answer".to_owned(), last.reply().close_before_headers()),
            ("behind the head".to_owned(), last.reply().reset_after_headers()),
            ("in the body".to_owned(), last.reply().reset_mid_body(middle)),
            ("closed in the body".to_owned(), last.reply().close_mid_body(middle)),
        ]
    };
    failing(stage, breaks).await
}

async fn failing(stage: &Stage, breaks: impl Fn(&Response) -> Vec<(String, Reply)>) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        let Some(last) = cassette.last() else { continue };
        for (place, reply) in breaks(last) {
            let case = format!("{}, {place}", mode(cassette));
            let played = stage.play(&cassette.question, with_last(cassette, reply)).await;
            findings.extend(
                told_as(&played.answer, &["provider-failed"], BROKEN)
                    .map(|finding| finding.in_case(&case)),
            );
        }
    }
    Outcome::of(findings)
}

/// The stream ends in order, but before the vendor's end mark: the answer is the same whole one,
/// because the mark or the reason to stop was seen, or it is an error. Never is it less and yet
/// done; only the counts may have been still to come.
pub(in super::super) async fn cut_off(stage: &Stage) -> Outcome {
    let Some(cassette) = &stage.streamed else {
        return Outcome::not_applicable("needs a streamed cassette");
    };
    let (Some(last), Some(whole)) = (cassette.last(), &cassette.answer) else {
        return Outcome::not_applicable(stage.nobody_asked());
    };
    let mut findings = Vec::new();
    for place in places(last) {
        let short = last.with_body(last.body.get(..place).unwrap_or_default().to_vec());
        let played = stage.play(&cassette.question, with_last(cassette, short.reply())).await;
        let seen = without_usage(played.answer.to_value());
        let same = || compare::values(&without_usage(whole.clone()), &seen).is_empty();
        if played.answer.is_done() && same() {
            continue;
        }
        let case = format!("ended after {place} of {} bytes", last.body.len());
        let advice = "when the body ends before the vendor has said why the answer stops, return error-kind.interrupted and no \
                      finish";
        findings.extend(
            told_as(&played.answer, &["provider-failed"], advice)
                .map(|finding| finding.in_case(&case)),
        );
    }
    Outcome::of(findings)
}

/// A streamed answer without the counts at its end.
fn without_usage(mut answer: Value) -> Value {
    let last = answer.get_mut("events").and_then(|events| events.as_array_mut()?.last_mut());
    if let Some(data) = last.and_then(|last| last.get_mut("data")?.as_object_mut()) {
        data.remove("usage");
    }
    answer
}

/// Between events, and in the middle of the body.
fn places(last: &Response) -> Vec<usize> {
    let length = last.body.len();
    let mut places = last.boundaries();
    places.extend([length / 4, length / 2, length * 3 / 4]);
    places.sort_unstable();
    places.dedup();
    let step = places.len().div_ceil(PLACES_MAX).max(1);
    places.into_iter().step_by(step).collect()
}
