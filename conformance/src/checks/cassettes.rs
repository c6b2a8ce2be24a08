//! The author's own cassettes: the plugin sends what they say and makes of the vendor's answer what
//! they say.

use mock_vendor::Reply;

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::cuts;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Played, Stage, with_last};

/// As it is.
pub(in super::super) async fn whole(stage: &Stage, id: &str, cassette: &Cassette) -> Outcome {
    let replies = cassette.exchanges.iter().map(|exchange| exchange.response.reply()).collect();
    let played = stage.play_as(id, &cassette.question, replies).await;
    let mut findings = requests(cassette, &played);
    findings.extend(answer(cassette, &played));
    Outcome::of(findings)
}

/// The same bytes, arriving in other pieces.
pub(in super::super) async fn cut(stage: &Stage, id: &str, cassette: &Cassette) -> Outcome {
    let Some(last) = cassette.last() else { return Outcome::not_applicable(stage.nobody_asked()) };
    let mut findings = Vec::new();
    for (way, reply) in cuts::all(last) {
        let played = stage.play_as(id, &cassette.question, with_last(cassette, reply)).await;
        findings.extend(answer(cassette, &played).map(|finding| finding.in_case(way)));
    }
    Outcome::of(findings)
}

fn requests(cassette: &Cassette, played: &Played) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (expected, seen) = (cassette.exchanges.len(), played.requests.len());
    if expected != seen {
        let (last, advice) = match (played.requests.last(), played.answer.problem()) {
            (Some(request), _) => (
                format!(", the last of them {} {}", request.method, request.path),
                "write a response.http (response-2.http, …) for each request that the plugin makes, and no more",
            ),
            (None, Some(_)) => (
                format!("; the caller got {}", played.answer.to_value()),
                "mend question.json, or the plugin, as the problem says: no request was made",
            ),
            (None, None) => (
                String::new(),
                "leave out response.http if the plugin answers by itself, or let it ask the vendor",
            ),
        };
        let seen = format!("{seen}{last}");
        findings.push(Finding::new(format!("{expected} requests to the vendor"), seen, advice));
    }
    for (number, (exchange, request)) in cassette.exchanges.iter().zip(&played.requests).enumerate()
    {
        let file = if number == 0 {
            "request.http".to_owned()
        } else {
            format!("request-{}.http", number + 1)
        };
        let Some(wanted) = &exchange.wanted else {
            let seen = format!("no such file; the plugin sent {} {}", request.method, request.path);
            findings.push(Finding::new(
                format!("{file} in the cassette"),
                seen,
                "run with --record and look it over",
            ));
            continue;
        };
        let differences = compare::request(wanted, request);
        if !differences.is_empty() {
            let advice = "if what was sent is right by the vendor's documentation, run with --record; if not, mend the plugin";
            findings.push(Finding::new(
                format!("a request as in {file}"),
                differences.join("\n"),
                advice,
            ));
        }
    }
    findings
}

fn answer(cassette: &Cassette, played: &Played) -> Option<Finding> {
    let seen = played.answer.to_value();
    let Some(expected) = &cassette.answer else {
        let advice = "run with --record and look it over";
        return Some(Finding::new(
            "answer.json in the cassette",
            format!("no such file; the caller got {seen}"),
            advice,
        ));
    };
    let differences = compare::values(expected, &seen);
    let advice = match played.answer.problem() {
        Some(("plugin-failed", _)) => {
            "the plugin crashed or broke the contract: its own words are in the log below"
        }
        _ => {
            "if the answer is right, run with --record; if not, mend how the plugin reads the vendor's response"
        }
    };
    (!differences.is_empty())
        .then(|| Finding::new("an answer as in answer.json", differences.join("\n"), advice))
}

/// The cassette as it happened: what went to the vendor and what the caller got.
pub(in super::super) async fn record(
    stage: &Stage,
    id: &str,
    cassette: &Cassette,
) -> anyhow::Result<Vec<String>> {
    let replies: Vec<Reply> =
        cassette.exchanges.iter().map(|exchange| exchange.response.reply()).collect();
    let played = stage.play_as(id, &cassette.question, replies).await;
    // What the plugin got wrong isn't what is wanted; the check will tell it.
    let failed = matches!(played.answer.problem(), Some(("plugin-failed" | "internal", _)));
    if failed || played.requests.len() != cassette.exchanges.len() {
        return Ok(Vec::new());
    }
    let written = cassette.record(&played.requests, &played.answer.to_value())?;
    Ok(written.iter().map(|path| path.display().to_string()).collect())
}
