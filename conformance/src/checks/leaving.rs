//! Callers who leave: the vendor's connection has to close, or the answer is paid for and nobody
//! reads it.

use std::time::Duration;

use mock_vendor::{Gate, Reply};
use serde_json::Value;

use super::super::cassette::Cassette;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, with_last};

/// The longest wait for anything. Far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

const ADVICE: &str = "hold the reply for as long as the call reads it and no longer; nothing else keeps a connection open";

/// The vendor falls silent, before its answer, behind its head and in its body, and the caller
/// leaves.
pub(in super::super) async fn silence(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        let Some(last) = cassette.last() else { continue };
        let middle = last.body.len() / 2;
        for (place, gate, reply) in [
            silent("before the answer", |gate| last.reply().wait_before_headers(gate)),
            silent("behind the head", |gate| last.reply().wait_before_body(gate)),
            silent("in the body", |gate| last.reply().wait_at(middle, gate)),
        ] {
            let case = format!("{}, silent {place}", mode(cassette));
            findings.extend(
                leave(stage, cassette, &gate, reply).await.map(|finding| finding.in_case(&case)),
            );
        }
    }
    Outcome::of(findings)
}

/// A reply that waits at a gate that nobody opens.
fn silent(place: &'static str, reply: impl Fn(&Gate) -> Reply) -> (&'static str, Gate, Reply) {
    let gate = Gate::new();
    let reply = reply(&gate);
    (place, gate, reply)
}

/// Asks, waits until the vendor has fallen silent, leaves.
async fn leave(stage: &Stage, cassette: &Cassette, gate: &Gate, reply: Reply) -> Option<Finding> {
    stage.vendor.reset();
    stage.vendor.replies(with_last(cassette, reply));
    let mut call = Box::pin(stage.service.ask(&stage.id, &cassette.question));
    let early = tokio::select! {
        answer = &mut call => Some(answer),
        _ = gate.reached_within(1, PATIENCE) => None,
    };
    if let Some(answer) = early {
        let advice = "wait for the vendor for as long as the host lets you";
        return Some(Finding::new("no answer before the vendor's", answer.brief(), advice));
    }
    // The caller's connection closes with its call.
    drop(call);
    gone(stage).await
}

async fn gone(stage: &Stage) -> Option<Finding> {
    match stage.vendor.disconnected_within(PATIENCE).await {
        Some(_) => None,
        None => {
            let seen = format!("still open {PATIENCE:?} after the caller had left");
            Some(Finding::new("the vendor's connection closed", seen, ADVICE))
        }
    }
}

/// The caller leaves in the middle of a stream, after its first words.
pub(in super::super) async fn mid_stream(stage: &Stage) -> Outcome {
    let Some(cassette) = &stage.streamed else {
        return Outcome::not_applicable("needs a streamed cassette");
    };
    let Some(last) = cassette.last() else { return Outcome::not_applicable(stage.nobody_asked()) };
    let Some(place) = last.boundaries().last().copied() else {
        return Outcome::not_applicable(
            "the streamed cassette has no events or lines to stop between",
        );
    };
    let gate = Gate::new();
    let reply = last.reply().wait_at(place, &gate);
    stage.vendor.reset();
    stage.vendor.replies(with_last(cassette, reply));
    let finding = match tokio::time::timeout(PATIENCE, hear(stage, &cassette.question)).await {
        Ok(Ok(response)) => {
            gate.reached_within(1, PATIENCE).await;
            drop(response);
            gone(stage).await
        }
        Ok(Err(problem)) => Some(Finding::new("the first events of the stream", problem, ADVICE)),
        Err(_) => {
            let advice = "hand on each delta when it comes; a plugin that waits for the end of the stream doesn't stream";
            Some(Finding::new(
                "the first events of the stream",
                "nothing, while the vendor waits with the rest",
                advice,
            ))
        }
    };
    Outcome::of(finding.into_iter().collect())
}

/// Opens the stream and waits for its first bytes.
async fn hear(stage: &Stage, question: &Value) -> Result<reqwest::Response, String> {
    let mut response =
        stage.service.open(&stage.id, question).await.map_err(|error| error.to_string())?;
    match response.chunk().await {
        Ok(Some(_)) if response.status().as_u16() == 200 => Ok(response),
        Ok(_) => Err(format!("status {}", response.status().as_u16())),
        Err(error) => Err(error.to_string()),
    }
}
